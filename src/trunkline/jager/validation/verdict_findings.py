"""What opened records show. Authority and judge derive the same findings from the same openings."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

from trunkline.jager.messages.accountability import FindingField, OpeningReason
from trunkline.jager.validation.evidence import Evidence, ExaminedRecord
from trunkline.jager.validation.records import FLOOD_LIMIT
from trunkline.jager.validation.report import ValidationReport
from trunkline.telephony.providers import ProviderId

Signers = Mapping[bytes, ProviderId | None]


class Finding(StrEnum):
    """The kinds of findings. None says that a carrier lied: what it claimed may be an honest mistake."""

    CLAIM = "claim"
    """The carrier signed a record in its own name: it said what the record says."""
    COPY = "copy"
    """The carrier signed a copy of a record whose own carrier had signed it."""
    IMPERSONATION = "impersonation"
    """The carrier signed a record in another's name."""
    MALFORMED = "malformed"
    """The carrier signed a record that cannot be decrypted with the right witness."""
    FLOOD = "flood"
    """The carrier signed more records under one index than honest carriers file."""
    ONE_WITNESS = "one-witness"
    """The carrier signed several of these records: they are one witness, not several."""
    FORGED_NAME = "forged-name"
    """Records speak for a carrier that the join log has no credential of for their period."""
    UNLOGGED_SIGNER = "unlogged-signer"
    """The signer's S is in no join log, or in no joining that verifies: evidence against the issuer."""
    STORE_FAULT = "store-fault"
    """The store kept records whose group signature does not verify."""
    DISAVOWAL_VOID = "disavowal-void"
    """The carrier signed a record of the call that it disavowed."""
    DISAVOWAL_STANDS = "disavowal-stands"
    """No record of the call in the carrier's name was signed by it."""
    NAMED_BY = "named-by"
    """The carrier signed a record that names the one which disavows."""


def derive_findings(
    evidence: Evidence,
    report: ValidationReport,
    signers: Signers,
    reasons: Mapping[bytes, OpeningReason],
    *,
    disavowing: ProviderId | None,
) -> tuple[FindingField, ...]:
    """Derive all findings of a verdict, in a stable order.

    Args:
        evidence: The evidence.
        report: The validation before any opening.
        signers: Who signed which opened record; None for somebody in no join log.
        reasons: Why each was opened.
        disavowing: The carrier of a disavowal.
    """
    records = evidence.by_id()
    opened = [records[record_id] for record_id in signers]
    found = [
        *_by_record(opened, signers),
        *_floods(opened, signers),
        *_witnesses(opened, signers),
        *_without_opening(evidence, report),
    ]
    if disavowing is not None:
        found += _disavowal(opened, signers, reasons, disavowing)
    return tuple(sorted(found, key=_order))


def _order(finding: FindingField) -> tuple[str, bytes, bytes, tuple[bytes, ...]]:
    return (finding.kind, finding.carrier or b"", finding.claimed or b"", finding.records)


def _by_record(opened: Iterable[ExaminedRecord], signers: Signers) -> Iterator[FindingField]:
    copies: dict[bytes, list[ExaminedRecord]] = defaultdict(list)
    for record in opened:
        copies[record.record.body].append(record)
    groups: dict[tuple[Finding, ProviderId | None, ProviderId | None], list[bytes]] = defaultdict(list)
    for group in copies.values():
        claimed = group[0].hop.current if group[0].hop is not None else None
        own = claimed is not None and any(signers[each.record_id] == claimed for each in group)
        for each in group:
            signer = signers[each.record_id]
            if signer is None:
                groups[(Finding.UNLOGGED_SIGNER, None, claimed)].append(each.record_id)
            elif claimed is None:
                groups[(Finding.MALFORMED, signer, None)].append(each.record_id)
            elif signer == claimed:
                groups[(Finding.CLAIM, signer, claimed)].append(each.record_id)
            else:
                kind = Finding.COPY if own else Finding.IMPERSONATION
                groups[(kind, signer, claimed)].append(each.record_id)
    for (kind, carrier, named), record_ids in groups.items():
        yield _finding(kind, carrier, named, record_ids)


def _floods(opened: Iterable[ExaminedRecord], signers: Signers) -> Iterator[FindingField]:
    groups: dict[tuple[int, ProviderId], list[bytes]] = defaultdict(list)
    for record in opened:
        signer = signers[record.record_id]
        if signer is not None:
            groups[(record.epoch, signer)].append(record.record_id)
    for (_, signer), record_ids in groups.items():
        if len(record_ids) > FLOOD_LIMIT:
            yield _finding(Finding.FLOOD, signer, None, record_ids)


def _witnesses(opened: Iterable[ExaminedRecord], signers: Signers) -> Iterator[FindingField]:
    bodies: dict[ProviderId, set[bytes]] = defaultdict(set)
    record_ids: dict[ProviderId, list[bytes]] = defaultdict(list)
    for record in opened:
        signer = signers[record.record_id]
        if signer is not None:
            bodies[signer].add(record.record.body)
            record_ids[signer].append(record.record_id)
    for signer, known in bodies.items():
        if len(known) > 1:
            yield _finding(Finding.ONE_WITNESS, signer, None, record_ids[signer])


def _without_opening(evidence: Evidence, report: ValidationReport) -> Iterator[FindingField]:
    records = evidence.by_id()
    names: dict[ProviderId, list[bytes]] = defaultdict(list)
    for record_id in report.forged:
        hop = records[record_id].hop
        if hop is not None:
            names[hop.current].append(record_id)
    for name, record_ids in names.items():
        yield _finding(Finding.FORGED_NAME, None, name, record_ids)
    if evidence.store_faults:
        yield _finding(Finding.STORE_FAULT, None, None, evidence.store_faults)


def _disavowal(
    opened: Iterable[ExaminedRecord],
    signers: Signers,
    reasons: Mapping[bytes, OpeningReason],
    carrier: ProviderId,
) -> Iterator[FindingField]:
    own = [i for i, reason in reasons.items() if reason == "disavowal-claims"]
    signed = [record_id for record_id in own if signers[record_id] == carrier]
    if signed:
        yield _finding(Finding.DISAVOWAL_VOID, carrier, carrier, signed)
        return
    yield _finding(Finding.DISAVOWAL_STANDS, carrier, carrier, own)
    groups: dict[ProviderId, list[bytes]] = defaultdict(list)
    for record in opened:
        signer = signers[record.record_id]
        if reasons[record.record_id] == "disavowal-names" and signer is not None:
            groups[signer].append(record.record_id)
    for signer, record_ids in groups.items():
        yield _finding(Finding.NAMED_BY, signer, carrier, record_ids)


def _finding(
    kind: Finding, carrier: ProviderId | None, claimed: ProviderId | None, record_ids: Iterable[bytes]
) -> FindingField:
    return FindingField(
        kind=kind.value,
        carrier=None if carrier is None else carrier.value,
        claimed=None if claimed is None else claimed.value,
        records=tuple(sorted(record_ids)),
    )
