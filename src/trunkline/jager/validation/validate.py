"""The validation of one trace, from records to report.

1. Forged records are set aside: they speak for a carrier that no join log has.
2. Records become visits, visits are matched by their half-edges, matches make strands.
3. The strand of the tracer's own record is its call; without one, strands are ranked.
4. What is left over contradicts the call, faces its gaps, or is another call.
5. Figure 5, the edge rule and the findings are computed for the call.
"""

from collections import Counter
from collections.abc import Sequence

from trunkline.jager.validation.findings import call_report
from trunkline.jager.validation.half_edges import Split, Strand, split, strands_of
from trunkline.jager.validation.matching import match_visits
from trunkline.jager.validation.records import FLOOD_LIMIT, DecryptedRecord, Situation, UnreadableRecord
from trunkline.jager.validation.report import CallReport, OtherCall, ValidationReport
from trunkline.jager.validation.visits import make_visits

CANDIDATES_LIMIT = 8
OTHER_CALLS_LIMIT = 32


def validate_trace(situation: Situation) -> ValidationReport:
    """Validate one trace.

    Copies must have been collapsed and signatures checked before. The order of the records plays no part.
    """
    forged = [record for record in situation.records if situation.is_forged(record)]
    credible = [record for record in situation.records if not situation.is_forged(record)]
    visits = make_visits(situation, credible)
    match_visits(visits)
    strands = sorted(strands_of(visits), key=lambda strand: _rank(situation, strand))
    call: CallReport | None = None
    candidates: list[CallReport] = []
    others: Sequence[Strand] = ()
    if strands:
        parts, others = _calls(strands, limit=1 if situation.own is not None else CANDIDATES_LIMIT)
        reports = [call_report(situation, part) for part in parts]
        call, candidates = reports[0], reports[1:]
    return ValidationReport(
        call=call,
        candidates=tuple(candidates),
        other_calls=tuple(_other_call(strand) for strand in others[:OTHER_CALLS_LIMIT]),
        other_calls_total=len(others),
        records=len(situation.records) + len(situation.unreadable),
        forged=_ids(forged),
        late=_ids([record for record in credible if situation.is_late(record)]),
        unreadable=tuple(sorted(i for record in situation.unreadable for i in record.record_ids)),
        floods=_floods(situation),
    )


def _calls(strands: Sequence[Strand], limit: int) -> tuple[list[Split], Sequence[Strand]]:
    """Take calls off the front until the limit; each takes what contradicts it and what faces its gaps."""
    parts: list[Split] = []
    left = list(strands)
    while left and len(parts) < limit:
        part = split(left[0], left[1:])
        parts.append(part)
        taken = {id(strand) for strand in (part.call, *part.contested, *part.alternatives, *part.likely)}
        left = [strand for strand in left if id(strand) not in taken]
    return parts, left


def _rank(situation: Situation, strand: Strand) -> tuple[bool, bool, int, int, tuple[bytes, ...]]:
    """The tracer's own first, then whole calls, then by records, then by nearness to the time asked for."""
    distance = min(abs(visit.time_ms - situation.time_ms) for visit in strand.visits)
    carriers = tuple(carrier.value for carrier in strand.carriers)
    return (not strand.own, not strand.whole, -len(strand.visits), distance, carriers)


def _other_call(strand: Strand) -> OtherCall:
    record_ids = sorted(record_id for visit in strand.visits for record_id in visit.record_ids)
    return OtherCall(tuple(strand.carriers), strand.whole, tuple(record_ids))


def _ids(records: Sequence[DecryptedRecord]) -> tuple[bytes, ...]:
    return tuple(sorted(record_id for record in records for record_id in record.record_ids))


def _floods(situation: Situation) -> tuple[tuple[int, int], ...]:
    counts: Counter[int] = Counter()
    found: Sequence[DecryptedRecord | UnreadableRecord] = (*situation.records, *situation.unreadable)
    for record in found:
        counts[record.epoch] += len(record.record_ids)
    return tuple(sorted((epoch, count) for epoch, count in counts.items() if count > FLOOD_LIMIT))
