"""What a carrier files of a call: the call details that its label is made of, and the hop."""

from dataclasses import dataclass

from trunkline.jager.messages.hop import Hop, compact_source
from trunkline.telephony.call_details import LabelProfile, LabelRules, encode_call_details, epoch_of
from trunkline.telephony.model import Attempt, CallRecord, TimeKind
from trunkline.telephony.providers import ProviderId


@dataclass(frozen=True, slots=True)
class Filing:
    """One record before its encryption.

    Attributes:
        epoch: The epoch of the call's time.
        details: The call details, the label function's input.
        hop: What the carrier says of the call.
    """

    epoch: int
    details: bytes
    hop: Hop

    def __repr__(self) -> str:
        return f"Filing(epoch={self.epoch})"


def filing_of(record: CallRecord, current: ProviderId, rules: LabelRules) -> Filing:
    """Turn a call record into what is labelled and encrypted.

    Args:
        record: The call at this carrier.
        current: This carrier.
        rules: The deployment's label rules.

    Raises:
        InputError: The record's time is before 1970, or a party is too long or not encodable.
    """
    epoch = epoch_of(record.arrival_us, rules.resolution_ms)
    details = encode_call_details(rules, record.src, record.dst, epoch)
    told_apart = rules.profile is LabelProfile.DST
    hop = Hop(
        previous=record.previous,
        current=current,
        next=record.next,
        tried=record.attempt is Attempt.TRIED,
        answer_time=record.time_kind is TimeKind.ANSWER,
        released=record.released_here,
        ms=record.arrival_us // 1000 % 1000 if told_apart else None,
        src=compact_source(record.src) if told_apart else None,
    )
    return Filing(epoch, details, hop)
