"""Opening records and proving it: the only place that uses the opener's secret."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from trunkline.crypto.group_signature import OpenerKey
from trunkline.errors import ConfigurationError, EvidenceError
from trunkline.jager.messages.accountability import NamedCarrier, OpenedRecord, OpeningReason, SignerEntry
from trunkline.jager.messages.registry import Registry
from trunkline.jager.validation.evidence import Evidence
from trunkline.jager.validation.join_register import JoinRegister, Member, joined_by, read_join_entry
from trunkline.jager.validation.judge import NOBODY
from trunkline.telephony.providers import ProviderId

_POINT_SIZE = 48

_logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Opened:
    """Who signed which record.

    Attributes:
        members: The signers' entries by record; None for an S that is in no joining that counts.
    """

    members: Mapping[bytes, Member | None]

    @property
    def signers(self) -> dict[bytes, ProviderId | None]:
        """The signers by record."""
        return {i: None if member is None else member.carrier for i, member in self.members.items()}


class Opener:
    """Opens group signatures.

    Args:
        keys: The opener's secret, and those before it.
    """

    def __init__(self, *keys: OpenerKey) -> None:
        self._keys = {key.public_key: key for key in keys}

    def open(
        self, evidence: Evidence, record_ids: list[bytes], register: JoinRegister, registry: Registry
    ) -> Opened:
        """Find out who signed records. Their signatures must have been verified.

        Raises:
            ConfigurationError: A record was filed under a Y that there is no key for.
        """
        records = evidence.by_id()
        by_y: dict[bytes, list[bytes]] = defaultdict(list)
        for record_id in record_ids:
            by_y[records[record_id].parameters.group_keys.y].append(record_id)
        members = {}
        for y, group in by_y.items():
            points = self._key_for(y).open_batch(b"".join(records[i].record.signature for i in group))
            for n, record_id in enumerate(group):
                s_point = points[n * _POINT_SIZE : (n + 1) * _POINT_SIZE]
                members[record_id] = register.owner_of(s_point, registry)
        return Opened(members)

    def _key_for(self, y: bytes) -> OpenerKey:
        # The wrong key would give an S that is in no log: evidence against an issuer that did nothing.
        key = self._keys.get(y)
        if key is None:
            raise ConfigurationError(
                "a record was filed under an earlier Y: its opener key is not in earlier_opener_keys"
            )
        return key

    def prove(
        self, evidence: Evidence, opened: Opened, reasons: Mapping[bytes, OpeningReason]
    ) -> tuple[OpenedRecord, ...]:
        """Prove openings for the case of the evidence, in the order of record ids."""
        records = evidence.by_id()
        proven = []
        for record_id in sorted(reasons):
            member, record = opened.members[record_id], records[record_id]
            signer = None if member is None else member.carrier.value
            opening = self._key_for(record.parameters.group_keys.y).prove(
                record.record.signature,
                params_hash=record.parameters.hash,
                gpk_id=record.parameters.gpk_id,
                case=evidence.grant.case_commitment,
                carrier_id=NOBODY if signer is None else signer,
                message=record.message,
            )
            proven.append(
                OpenedRecord(record_id=record_id, reason=reasons[record_id], opening=opening, signer=signer)
            )
        return tuple(proven)


def signer_entries(opened: Opened, register: JoinRegister, registry: Registry) -> tuple[SignerEntry, ...]:
    """The join log entries of all signers, each with its audit path.

    Raises:
        EvidenceError: A signer joined with another identity key than the registry has for it now: a judge
            could not tell it from somebody who joined in its name.
    """
    members = {member.index: member for member in opened.members.values() if member is not None}
    for index, member in sorted(members.items()):
        if not joined_by(read_join_entry(member.entry), registry):
            _logger.warning("joining by another identity key than the registry's", index=index)
            raise EvidenceError(
                "a signer joined with another identity key than the registry has for it now: once it has "
                "joined again with the new one, hand in the same request again"
            )
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
