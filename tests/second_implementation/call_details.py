"""Sections 3 and 4: call details and hops."""

from .notation import Reader, lp, refuse_unless, tag, tagged_hash, u8, u16, u64

WITHHELD, E164, URI, ABSENT = 0, 1, 2, 0xFF
PROFILE_SRC_DST, PROFILE_DST = 1, 2
TRIED, ANSWER_TIME, RELEASED, SOURCE_GIVEN = 1, 2, 4, 8
Party = tuple[int, str]


def party_bytes(party: Party) -> bytes:
    kind, value = party
    data = value.encode()
    assert len(data) <= 255
    return u8(kind) + u16(len(data)) + data


def call_details(profile: int, src: Party, dst: Party, epoch: int) -> bytes:
    if profile == PROFILE_DST:
        src = (ABSENT, "")
    return lp(tag("call-details")) + u8(profile) + party_bytes(src) + party_bytes(dst) + u64(epoch)


def source_bytes(src: Party) -> bytes:
    """The eight bytes of a hop that tell calls apart in the profile `dst`."""
    kind, value = src
    if kind == WITHHELD:
        return b"\xff" * 8
    if kind == E164:
        return bytes.fromhex(value.removeprefix("+").ljust(16, "f"))
    return b"\xe0" + tagged_hash("src", value.encode())[:7]


def hop_bytes(
    flags: int, previous: bytes, current: bytes, following: bytes, source: tuple[int, Party] | None
) -> bytes:
    """A hop; `source` is the millisecond and the caller, in the profile `dst`."""
    if source is None:
        return u16(flags) + previous + current + following + bytes(10)
    millisecond, src = source
    return u16(flags | SOURCE_GIVEN) + previous + current + following + u16(millisecond) + source_bytes(src)


def check_hop(hop: bytes) -> None:
    """What a reader of a decrypted hop refuses."""
    fields = Reader(hop, 60, "a hop")
    flags = int.from_bytes(fields.take(2), "big")
    refuse_unless(flags < 0x10, "malformed", "other flag bits are 0")
    _, current, following = (fields.take(16) for _ in range(3))
    refuse_unless(current != bytes(16), "malformed", "the current provider is somebody")
    refuse_unless(
        not flags & RELEASED or following == bytes(16), "malformed", "released, yet there is a next"
    )
    millisecond, src = int.from_bytes(fields.take(2), "big"), fields.take(8)
    if not flags & SOURCE_GIVEN:
        refuse_unless((millisecond, src) == (0, bytes(8)), "malformed", "without a source, ms and src are 0")
        return
    refuse_unless(millisecond < 1000, "malformed", "a second has 1000 milliseconds")
    if src != b"\xff" * 8 and src[0] != 0xE0:
        digits = src.hex().rstrip("f")
        refuse_unless(0 < len(digits) < 16 and digits.isdigit(), "malformed", "src is no number")
