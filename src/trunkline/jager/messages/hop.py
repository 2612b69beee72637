"""The hop: what one carrier says about one call, 60 bytes, the plaintext of every record.

u16(flags) | previous(16) | current(16) | next(16) | u16(ms) | src(8)         docs/protocol.md, section 4
"""

from dataclasses import dataclass, field
from enum import IntFlag
from typing import Self

from trunkline.errors import DecodingError, InputError
from trunkline.jager.messages.codec import H, Reader, Writer, require_size
from trunkline.telephony.numbers import Party, PartyKind
from trunkline.telephony.providers import ProviderId

HOP_SIZE = 60
SOURCE_SIZE = 8

_WITHHELD = b"\xff" * SOURCE_SIZE
_URI_MARK = b"\xe0"
_NOBODY = bytes(16)
_MS_LIMIT = 1000
_DIGIT_LIMIT = 15


class HopFlag(IntFlag):
    """The flag bits of a hop; retired bits are never given another meaning."""

    TRIED = 0x0001
    ANSWER_TIME = 0x0002
    RELEASED = 0x0004
    SOURCE_GIVEN = 0x0008


_KNOWN_FLAGS = int(HopFlag.TRIED | HopFlag.ANSWER_TIME | HopFlag.RELEASED | HopFlag.SOURCE_GIVEN)


@dataclass(frozen=True, slots=True)
class Hop:
    """One carrier's statement about one call.

    Attributes:
        previous: Whom the call came from; None if from the carrier's own customers.
        current: The carrier itself. A claim, until the record is opened.
        next: Whom the call went to; None if to the carrier's own subscribers, or if it was released here.
        tried: This next hop was tried before the final one.
        answer_time: The record is filed under the answer or failure time, not the arrival.
        released: The call ended at this carrier.
        ms: Millisecond within the epoch's second; given together with `src`, under the profile `dst` only.
        src: The caller in eight bytes, as `compact_source` writes it.
    """

    previous: ProviderId | None
    current: ProviderId
    next: ProviderId | None
    tried: bool = False
    answer_time: bool = False
    released: bool = False
    ms: int | None = None
    src: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.current.value == _NOBODY:
            raise DecodingError("a hop names its current carrier")
        if self.released and self.next is not None:
            raise DecodingError("a hop with a next carrier was not released here")
        if (self.ms is None) != (self.src is None):
            raise DecodingError("a hop gives both the millisecond and the source, or neither")
        if self.ms is not None and not 0 <= self.ms < _MS_LIMIT:
            raise DecodingError("a hop's millisecond lies between 0 and 999")
        if self.src is not None:
            _check_source(self.src)

    def encode(self) -> bytes:
        """Write the hop's 60 bytes."""
        flags = HopFlag(0)
        for flag, given in (
            (HopFlag.TRIED, self.tried),
            (HopFlag.ANSWER_TIME, self.answer_time),
            (HopFlag.RELEASED, self.released),
            (HopFlag.SOURCE_GIVEN, self.src is not None),
        ):
            if given:
                flags |= flag
        return (
            Writer(header=b"")
            .u16(flags)
            .raw(_side_bytes(self.previous), self.current.value, _side_bytes(self.next))
            .u16(self.ms or 0)
            .raw(self.src or bytes(SOURCE_SIZE))
            .done()
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a hop.

        Raises:
            DecodingError: Another length, an unknown flag, or fields that contradict each other.
        """
        reader = Reader(data, "a hop")
        bits = reader.u16("the flags")
        if bits & ~_KNOWN_FLAGS:
            raise DecodingError("a hop has flag bits that this release does not know")
        flags = HopFlag(bits)
        previous, current, following = (reader.take(16, "a provider") for _ in range(3))
        ms, src = reader.u16("the millisecond"), reader.take(SOURCE_SIZE, "the source")
        reader.end()
        given = HopFlag.SOURCE_GIVEN in flags
        if not given and (ms or src != bytes(SOURCE_SIZE)):
            raise DecodingError("a hop without the source flag has neither millisecond nor source")
        return cls(
            previous=_side(previous),
            current=ProviderId(current),
            next=_side(following),
            tried=HopFlag.TRIED in flags,
            answer_time=HopFlag.ANSWER_TIME in flags,
            released=HopFlag.RELEASED in flags,
            ms=ms if given else None,
            src=src if given else None,
        )


def compact_source(party: Party) -> bytes:
    """Write a caller in eight bytes, enough to tell calls under one label apart.

    E.164 digits become nibbles, filled with 0xF; a withheld caller is all 0xFF; a URI is hashed.

    Raises:
        InputError: An E.164 number has no digits or more than 15.
    """
    if party.kind is PartyKind.WITHHELD:
        return _WITHHELD
    if party.kind is PartyKind.URI:
        return _URI_MARK + H("src", party.value.encode())[: SOURCE_SIZE - 1]
    digits = party.value.removeprefix("+")
    if not 0 < len(digits) <= _DIGIT_LIMIT or not (digits.isascii() and digits.isdigit()):
        raise InputError(f"an E.164 caller has 1 to {_DIGIT_LIMIT} digits")
    return bytes.fromhex(digits.ljust(2 * SOURCE_SIZE, "f"))


def _check_source(src: bytes) -> None:
    require_size("a hop's source", src, SOURCE_SIZE)
    if src == _WITHHELD or src[:1] == _URI_MARK:
        return
    digits = src.hex().rstrip("f")
    if not 0 < len(digits) <= _DIGIT_LIMIT or not digits.isdigit():
        raise DecodingError("a hop's source is no number, no withheld caller and no URI")


def _side_bytes(provider: ProviderId | None) -> bytes:
    return _NOBODY if provider is None else provider.value


def _side(value: bytes) -> ProviderId | None:
    return None if value == _NOBODY else ProviderId(value)
