"""What validation starts from: the decrypted records of one trace and what is known around them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from trunkline.jager.messages.hop import Hop
from trunkline.telephony.providers import ProviderId

FLOOD_LIMIT = 64
"""More records than this under one index are a reason to open them."""


class Outcome(StrEnum):
    """What became of one record on the way from the store to validation."""

    OK = "ok"
    UNDECRYPTABLE = "undecryptable"
    """It does not decrypt; that alone proves nothing against anyone."""
    MALFORMED = "malformed"
    """It does not decrypt although every earlier check passed: its signer made it so."""


@dataclass(frozen=True, slots=True)
class DecryptedRecord:
    """One record after decryption; copies with the same ciphertext are one record with several signatures.

    Attributes:
        record_ids: The identifiers of all its copies, sorted.
        hop: What it says.
        epoch: The epoch of the label it was found under.
        accepted_hour: The hour in which the store accepted its earliest copy, since 1970.
        period: The credential period of its earliest copy.
        signers: Who signed which copy, after opening; None for a signer that stands in no join log. None
            instead of a mapping where nothing was opened.
    """

    record_ids: tuple[bytes, ...]
    hop: Hop
    epoch: int
    accepted_hour: int
    period: int
    signers: Mapping[bytes, ProviderId | None] | None = field(default=None, compare=False)

    @property
    def attested(self) -> bool:
        """Whether opening showed that the carrier it names as its own signed it."""
        return self.signers is not None and self.hop.current in self.signers.values()

    @property
    def impersonated(self) -> bool:
        """Whether all its copies were opened and somebody else signed every one of them."""
        return (
            self.signers is not None
            and not self.attested
            and all(record_id in self.signers for record_id in self.record_ids)
        )


@dataclass(frozen=True, slots=True)
class UnreadableRecord:
    """A record that did not decrypt to a hop."""

    record_ids: tuple[bytes, ...]
    epoch: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class OwnRecord:
    """The tracer's own record, from its own call records: the one thing it knows at first hand."""

    hop: Hop
    epoch: int


@dataclass(frozen=True, slots=True)
class Situation:
    """All that the validation of one trace is given.

    Attributes:
        records: The decrypted records, in any order.
        time_ms: The time that was asked for, Unix milliseconds.
        resolution_ms: The length of an epoch.
        submit_by_s: Records accepted later than this after their epoch are late.
        own: The tracer's own record; None for somebody without one.
        unreadable: The records that did not decrypt.
        members: For each credential period the carriers that the join log has; None where it was not looked
            at, and then nothing is called a forgery.
        served_before: For each epoch how many grants the store had answered before this one.
    """

    records: Sequence[DecryptedRecord]
    time_ms: int
    resolution_ms: int
    submit_by_s: int
    own: OwnRecord | None = None
    unreadable: Sequence[UnreadableRecord] = ()
    members: Mapping[int, frozenset[ProviderId]] | None = None
    served_before: Mapping[int, int] = field(default_factory=dict)

    def time_of(self, record: DecryptedRecord) -> int:
        """When a record says that the call was there, in Unix milliseconds."""
        return record.epoch * self.resolution_ms + (record.hop.ms or 0)

    def is_late(self, record: DecryptedRecord) -> bool:
        """Whether the store accepted a record later than honest pools and their retries take.

        The hour is rounded down, so the doubt is the carrier's.
        """
        accepted_ms = record.accepted_hour * 3_600_000
        return bool(record.record_ids) and accepted_ms > self.time_of(record) + self.submit_by_s * 1000

    def is_forged(self, record: DecryptedRecord) -> bool:
        """Whether a record speaks for a carrier that no join log has, or was opened to somebody else."""
        if record.impersonated:
            return True
        if self.members is None or not record.record_ids:
            return False
        return record.hop.current not in self.members.get(record.period, frozenset())
