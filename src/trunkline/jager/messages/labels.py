"""Label requests and responses: blinded elements per label key, evaluated with one proof a key.

label-request  = 0x01 0x01 | u8(kids) | [kid(16) | u16(n) | n*32]...             n >= 1
label-response = 0x01 0x01 | u8(kids) | [kid(16) | u16(n) | n*32 | proof(64)]... in the same order
                                                                          docs/protocol.md, section 6
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self, TypeVar

from trunkline.errors import DecodingError, TooLargeError
from trunkline.jager.messages.codec import Reader, Writer, require_size

LABEL_REQUEST_TYPE = "application/vnd.trunkline.label-request.v1"
LABEL_RESPONSE_TYPE = "application/vnd.trunkline.label-response.v1"

ELEMENT_SIZE = 32
PROOF_SIZE = 64
KID_SIZE = 16
KIDS_LIMIT = 16
ELEMENTS_LIMIT = 65_535
REQUEST_LIMIT = 3 + KIDS_LIMIT * (KID_SIZE + 2) + ELEMENTS_LIMIT * ELEMENT_SIZE
RESPONSE_LIMIT = REQUEST_LIMIT + KIDS_LIMIT * PROOF_SIZE

_Part = TypeVar("_Part")


@dataclass(frozen=True, slots=True)
class LabelPart:
    """The blinded elements for one label key.

    Attributes:
        kid: Identifier of the key, 16 bytes.
        elements: The blinded elements, 32 bytes each, joined; at least one.
    """

    kid: bytes
    elements: bytes = field(repr=False)

    def __post_init__(self) -> None:
        require_size("a key id", self.kid, KID_SIZE)
        _check_elements(self.elements)

    @property
    def count(self) -> int:
        """How many elements there are."""
        return len(self.elements) // ELEMENT_SIZE


@dataclass(frozen=True, slots=True)
class EvaluatedPart:
    """The evaluated elements for one label key, in the order of the request, with their common proof.

    Attributes:
        kid: Identifier of the key, 16 bytes.
        elements: The evaluated elements, 32 bytes each, joined; at least one.
        proof: The batched proof of RFC 9497, 64 bytes.
    """

    kid: bytes
    elements: bytes = field(repr=False)
    proof: bytes = field(repr=False)

    def __post_init__(self) -> None:
        require_size("a key id", self.kid, KID_SIZE)
        _check_elements(self.elements)
        require_size("a label proof", self.proof, PROOF_SIZE)

    @property
    def count(self) -> int:
        """How many elements there are."""
        return len(self.elements) // ELEMENT_SIZE


@dataclass(frozen=True, slots=True)
class LabelRequest:
    """Blinded elements to evaluate, at most 65,535 in all under at most 16 distinct keys."""

    parts: tuple[LabelPart, ...]

    def __post_init__(self) -> None:
        _check_parts("a label request", self.parts)

    @property
    def count(self) -> int:
        """How many elements there are under all keys: what a quota counts."""
        return sum(part.count for part in self.parts)

    def encode(self) -> bytes:
        """Write the request."""
        writer = Writer().u8(len(self.parts))
        for part in self.parts:
            writer.raw(part.kid).u16(part.count).raw(part.elements)
        return writer.done()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a request.

        Raises:
            VersionError: Another version or suite.
            TooLargeError: More keys or elements than a request may have.
            DecodingError: Truncated, trailing bytes, no key, no elements under a key, or a key named twice.
        """
        reader = Reader(data, "a label request", REQUEST_LIMIT).header()
        return cls(_read_parts(reader, LabelPart))


@dataclass(frozen=True, slots=True)
class LabelResponse:
    """The evaluated elements of one request, in its order."""

    parts: tuple[EvaluatedPart, ...]

    def __post_init__(self) -> None:
        _check_parts("a label response", self.parts)

    def encode(self) -> bytes:
        """Write the response."""
        writer = Writer().u8(len(self.parts))
        for part in self.parts:
            writer.raw(part.kid).u16(part.count).raw(part.elements, part.proof)
        return writer.done()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a response.

        Whether it answers the request is seen by `check_answers`.

        Raises:
            VersionError: Another version or suite.
            TooLargeError: More keys or elements than a response may have.
            DecodingError: Truncated, trailing bytes, no key, no elements under a key, or a key named twice.
        """
        reader = Reader(data, "a label response", RESPONSE_LIMIT).header()
        return cls(
            _read_parts(
                reader, lambda kid, elements: EvaluatedPart(kid, elements, reader.take(PROOF_SIZE, "a proof"))
            )
        )

    def check_answers(self, request: LabelRequest) -> None:
        """Check that this response has the request's keys, in its order, with as many elements each.

        Raises:
            DecodingError: It answers another request.
        """
        asked = [(part.kid, part.count) for part in request.parts]
        if asked != [(part.kid, part.count) for part in self.parts]:
            raise DecodingError("a label response does not have the keys and counts of its request")


def _check_elements(elements: bytes) -> None:
    if not elements or len(elements) % ELEMENT_SIZE:
        raise DecodingError(f"elements come in multiples of {ELEMENT_SIZE} bytes, at least one")


def _check_parts(what: str, parts: Sequence[LabelPart | EvaluatedPart]) -> None:
    if not parts:
        raise DecodingError(f"{what} names at least one key")
    if len(parts) > KIDS_LIMIT:
        raise TooLargeError(f"{what} names at most {KIDS_LIMIT} keys")
    if len({part.kid for part in parts}) != len(parts):
        raise DecodingError(f"{what} names a key twice")
    if sum(part.count for part in parts) > ELEMENTS_LIMIT:
        raise TooLargeError(f"{what} has at most {ELEMENTS_LIMIT} elements")


def _read_parts(reader: Reader, build: Callable[[bytes, bytes], _Part]) -> tuple[_Part, ...]:
    kids = reader.u8("the number of keys")
    if kids > KIDS_LIMIT:
        raise TooLargeError(f"a label message names at most {KIDS_LIMIT} keys")
    parts = []
    for _ in range(kids):
        kid = reader.take(KID_SIZE, "a key id")
        count = reader.u16("a number of elements")
        parts.append(build(kid, reader.take(count * ELEMENT_SIZE, "the elements")))
    reader.end()
    return tuple(parts)
