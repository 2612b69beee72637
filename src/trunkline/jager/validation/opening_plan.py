"""Which records the accountability authority opens, and why; a judge derives the same plan.

A report opens filed records that contradict each other, what is forged or malformed, and floods; for
enforcement every record that has to do with the call. A disavowal opens first the records in the name of
the carrier that disavows; only if it signed none of them, the records that name it. A record that is merely
missing opens nothing.
"""

from collections.abc import Iterable, Mapping

from trunkline.errors import EvidenceError, PolicyError
from trunkline.jager.messages.accountability import OpeningReason
from trunkline.jager.validation.evidence import Evidence
from trunkline.jager.validation.report import ValidationReport
from trunkline.telephony.providers import ProviderId

Plan = dict[bytes, OpeningReason]
"""For each record the reason, by record id."""


def plan_report(evidence: Evidence, report: ValidationReport, *, enforcement: bool) -> Plan:
    """The openings of a report.

    Raises:
        PolicyError: Enforcement is asked for without a case.
    """
    plan: Plan = {}
    call = report.call
    for conflict in () if call is None else call.conflicts:
        # A tracer's own record that is not filed is its bare word, and opens nobody's.
        if conflict.asserting_records and conflict.opposing_records:
            _add(plan, conflict.record_ids, "contradicting")
    _add(plan, report.forged, "forged")
    _add(plan, report.unreadable, "malformed")
    flooded = {epoch for epoch, _ in report.floods}
    _add(plan, (each.record_id for each in evidence.records if each.epoch in flooded), "flood")
    if enforcement:
        if not evidence.bundle.case.text.strip():
            raise PolicyError("opening every record needs a case: trace again and state it")
        if call is not None:
            _add(plan, call.record_ids, "enforcement")
    return plan


def plan_claims(evidence: Evidence, report: ValidationReport, carrier: ProviderId) -> Plan:
    """The first openings of a disavowal: the records of the call in the carrier's own name.

    Raises:
        EvidenceError: No record of the call names the carrier, so there is nothing to disavow.
    """
    scope = _scope(report)
    plan: Plan = {}
    named = False
    for record in evidence.records:
        if record.record_id not in scope or record.hop is None:
            continue
        named = named or carrier in (record.hop.previous, record.hop.current, record.hop.next)
        if record.hop.current == carrier:
            plan[record.record_id] = "disavowal-claims"
    if not named:
        raise EvidenceError("no record of this call names the carrier: there is nothing to disavow")
    return plan


def plan_names(
    evidence: Evidence,
    report: ValidationReport,
    carrier: ProviderId,
    signers: Mapping[bytes, ProviderId | None],
) -> Plan:
    """The further openings of a disavowal: the records that name the carrier, unless it signed one itself.

    Args:
        evidence: The evidence.
        report: What it says.
        carrier: Who disavows.
        signers: Who signed the records in the carrier's own name.
    """
    if carrier in signers.values():
        return {}
    scope = _scope(report)
    return {
        record.record_id: "disavowal-names"
        for record in evidence.records
        if record.record_id in scope
        and record.hop is not None
        and record.hop.current != carrier
        and carrier in (record.hop.previous, record.hop.next)
    }


def _scope(report: ValidationReport) -> frozenset[bytes]:
    call = () if report.call is None else report.call.record_ids
    return frozenset((*call, *report.forged))


def _add(plan: Plan, record_ids: Iterable[bytes], reason: OpeningReason) -> None:
    for record_id in record_ids:
        plan.setdefault(record_id, reason)
