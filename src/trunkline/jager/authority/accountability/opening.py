"""Opening records and proving it: the only place that uses the opener's secret."""

from collections.abc import Mapping
from dataclasses import dataclass

from trunkline.crypto.group_signature import OpenerKey
from trunkline.jager.messages.accountability import NamedCarrier, OpenedRecord, OpeningReason, SignerEntry
from trunkline.jager.validation.evidence import Evidence
from trunkline.jager.validation.join_register import JoinRegister, Member
from trunkline.jager.validation.judge import NOBODY
from trunkline.telephony.providers import ProviderId

_POINT_SIZE = 48


@dataclass(frozen=True, slots=True)
class Opened:
    """Who signed which record.

    Attributes:
        members: The signers' entries by record; None for an S that is in no join log.
    """

    members: Mapping[bytes, Member | None]

    @property
    def signers(self) -> dict[bytes, ProviderId | None]:
        """The signers by record."""
        return {i: None if member is None else member.carrier for i, member in self.members.items()}


class Opener:
    """Opens group signatures.

    Args:
        key: The opener's secret.
    """

    def __init__(self, key: OpenerKey) -> None:
        self._key = key

    def open(self, evidence: Evidence, record_ids: list[bytes], register: JoinRegister) -> Opened:
        """Find out who signed records. Their signatures must have been verified."""
        if not record_ids:
            return Opened({})
        records = evidence.by_id()
        points = self._key.open_batch(b"".join(records[i].record.signature for i in record_ids))
        return Opened(
            {
                record_id: register.owner_of(points[n * _POINT_SIZE : (n + 1) * _POINT_SIZE])
                for n, record_id in enumerate(record_ids)
            }
        )

    def prove(
        self, evidence: Evidence, opened: Opened, reasons: Mapping[bytes, OpeningReason]
    ) -> tuple[OpenedRecord, ...]:
        """Prove openings for the case of the evidence, in the order of record ids."""
        records, parameters = evidence.by_id(), evidence.parameters
        proven = []
        for record_id in sorted(reasons):
            member, record = opened.members[record_id], records[record_id]
            signer = None if member is None else member.carrier.value
            opening = self._key.prove(
                record.record.signature,
                params_hash=parameters.hash,
                gpk_id=parameters.gpk_id,
                case=evidence.grant.case_commitment,
                carrier_id=NOBODY if signer is None else signer,
                message=record.message,
            )
            proven.append(
                OpenedRecord(record_id=record_id, reason=reasons[record_id], opening=opening, signer=signer)
            )
        return tuple(proven)


def signer_entries(opened: Opened, register: JoinRegister) -> tuple[SignerEntry, ...]:
    """The join log entries of all signers, each with its audit path."""
    members = {member.index: member for member in opened.members.values() if member is not None}
    return tuple(
        SignerEntry(carrier=member.carrier.value, entry=member.entry, index=index, path=register.proof(index))
        for index, member in sorted(members.items())
    )


def named_carriers(evidence: Evidence, register: JoinRegister) -> tuple[NamedCarrier, ...]:
    """For everybody in whose name records speak, the entry of the credential for their period."""
    found = []
    for period, carrier in sorted(evidence.claimed_members()):
        member = register.credential_of(period, carrier)
        found.append(
            NamedCarrier(
                period=period,
                carrier=carrier.value,
                entry=None if member is None else member.entry,
                index=0 if member is None else member.index,
                path=() if member is None else register.proof(member.index),
            )
        )
    return tuple(found)


def members_of(named: tuple[NamedCarrier, ...]) -> dict[int, frozenset[ProviderId]]:
    """The members by period, among those in whose name records speak."""
    members: dict[int, frozenset[ProviderId]] = {each.period: frozenset() for each in named}
    for each in named:
        if each.entry is not None:
            members[each.period] |= {ProviderId(each.carrier)}
    return members
