"""Call details: the bytes that labels are made of, and the window of epochs a trace looks at.

The encoding is injective and normative (docs/protocol.md); `lp(x)` is the length of x as four bytes, big
endian, followed by x:

    lp("trunkline/jager/v1/call-details") | profile (1) | party(src) | party(dst) | epoch (8, big endian)
    party = kind (1) | length (2, big endian) | UTF-8 bytes

Under the profile `DST` the caller is no part of the label; FF 00 00 stands in its place.
"""

from dataclasses import dataclass
from enum import IntEnum

from trunkline.errors import InputError
from trunkline.telephony.numbers import Party, PartyKind

_TAG = b"trunkline/jager/v1/call-details"
_ABSENT_CALLER = b"\xff\x00\x00"
_VALUE_LIMIT = 255
_EPOCH_LIMIT = 1 << 64


class LabelProfile(IntEnum):
    """Which parties a label is made of, a parameter of the deployment; the values are encoded."""

    SRC_DST = 1
    DST = 2


@dataclass(frozen=True, slots=True)
class LabelRules:
    """The parameters of a deployment that decide which labels a call has.

    Attributes:
        profile: Which parties the label is made of.
        resolution_ms: Length of an epoch.
        t_max_ms: The longest time a call set-up takes over the whole path, clock errors included.
        ring_max_ms: The longest ringing that a window allows for where a time is the answer's.
        answer_time_sources: Whether any carrier contributes answer times because its switch has no others.
    """

    profile: LabelProfile = LabelProfile.SRC_DST
    resolution_ms: int = 1000
    t_max_ms: int = 10_000
    ring_max_ms: int = 60_000
    answer_time_sources: bool = False


def epoch_of(time_us: int, resolution_ms: int) -> int:
    """Return the epoch in which a time lies, rounding down.

    Args:
        time_us: UTC time in microseconds since 1970.
        resolution_ms: Length of an epoch in milliseconds.

    Raises:
        InputError: The resolution is not positive.
    """
    if resolution_ms <= 0:
        raise InputError("the epoch's length must be positive")
    return time_us // (resolution_ms * 1000)


def encode_call_details(rules: LabelRules | LabelProfile, src: Party, dst: Party, epoch: int) -> bytes:
    """Encode one call's details as the label function's input.

    Args:
        rules: The deployment's label rules, or the profile alone.
        src: The caller, possibly withheld; ignored under the profile `DST`.
        dst: The called party, never withheld.
        epoch: The epoch of the INVITE's arrival.

    Raises:
        InputError: The called party is withheld, a value is longer than 255 bytes, or the epoch is not a
            number of 64 bits.
    """
    profile = rules.profile if isinstance(rules, LabelRules) else rules
    if dst.kind is PartyKind.WITHHELD:
        raise InputError("call details need a called party")
    if not 0 <= epoch < _EPOCH_LIMIT:
        raise InputError("the epoch is not an unsigned number of 64 bits: check the call's time")
    caller = _ABSENT_CALLER if profile is LabelProfile.DST else _encode_party(src)
    return b"".join(
        (
            len(_TAG).to_bytes(4, "big"),
            _TAG,
            bytes([profile]),
            caller,
            _encode_party(dst),
            epoch.to_bytes(8, "big"),
        ),
    )


def window(time_us: int, *, own_time_is_answer: bool, rules: LabelRules, tolerance_ms: int = 0) -> range:
    """Return the epochs that a trace must ask for, both ends included.

    The window is [ts - t_max - a, ts + t_max + b]: a is the longest ringing if the own time is an answer
    time, b is the longest ringing if answer-time sources exist in the deployment.

    Args:
        time_us: The call's time at the tracer, UTC microseconds.
        own_time_is_answer: Whether that time is the answer's (or failure's) instead of the arrival's.
        rules: The deployment's label rules.
        tolerance_ms: How much the time may be wrong, for who has no record of the call.

    Raises:
        InputError: The time or the tolerance is negative.
    """
    if time_us < 0 or tolerance_ms < 0:
        raise InputError("the time of a trace and its tolerance must not be negative")
    before_ms = rules.t_max_ms + tolerance_ms + (rules.ring_max_ms if own_time_is_answer else 0)
    after_ms = rules.t_max_ms + tolerance_ms + (rules.ring_max_ms if rules.answer_time_sources else 0)
    first = max(0, epoch_of(time_us - before_ms * 1000, rules.resolution_ms))
    last = epoch_of(time_us + after_ms * 1000, rules.resolution_ms)
    return range(first, last + 1)


def _encode_party(party: Party) -> bytes:
    value = party.value.encode()
    if len(value) > _VALUE_LIMIT:
        raise InputError(f"a number or URI in call details has at most {_VALUE_LIMIT} bytes")
    return bytes([party.kind]) + len(value).to_bytes(2, "big") + value
