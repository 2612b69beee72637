"""The findings about one call: its path, its origin, whom to ask next and what was gained."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice, pairwise

from trunkline.jager.validation.edges import Conflict, conflicts_of
from trunkline.jager.validation.figure5 import graph_of, validate
from trunkline.jager.validation.half_edges import Split, Strand
from trunkline.jager.validation.records import Situation
from trunkline.jager.validation.report import (
    Ask,
    Branch,
    CallReport,
    Gain,
    Origin,
    OriginCandidate,
    OriginStatus,
    PathStep,
    Reason,
)
from trunkline.jager.validation.visits import Visit
from trunkline.telephony.providers import ProviderId

WAYS_LIMIT = 32

_STRENGTH = (OriginStatus.ATTESTED, OriginStatus.CLAIMED, OriginStatus.NAMED)


def call_report(situation: Situation, split: Split) -> CallReport:
    """Say all that is known about one call."""
    conflicts = tuple(conflicts_of(split))
    upstream, downstream = _beyond_gaps(split)
    path = _path(upstream, split.call, downstream, conflicts)
    origin = _origin(split, upstream, conflicts)
    missing = tuple(dict.fromkeys(step.provider for step in path if not step.has_record))
    gaps = any(step.gap_before for step in path)
    end = split.call.end if downstream is None else downstream.end
    ends_here = end is not None and end.neighbour is None
    settled = origin.status in {OriginStatus.CLAIMED, OriginStatus.ATTESTED}
    served = [
        situation.served_before.get(record.epoch, 0)
        for visit in split.call.visits
        for record in visit.records
    ]
    strands = (split.call, *split.contested, *split.alternatives, *split.likely)
    around = [visit for strand in strands for visit in strand.visits]
    return CallReport(
        path=path,
        whole=settled and ends_here and not gaps and not conflicts and not split.alternatives,
        origin=origin,
        branches=tuple(_branches(split.call)),
        conflicts=conflicts,
        contested=_ways(split.contested),
        alternatives=_ways([*split.alternatives, *_unplaced(split)]),
        missing=missing,
        ask=tuple(dict.fromkeys(_asks(split, path, origin, conflicts, situation))),
        gain=tuple(_gains(path, origin, conflicts, missing, situation)),
        figure5=validate(graph_of(split)),
        served_before=max(served, default=0),
        record_ids=tuple(sorted(record_id for visit in around for record_id in visit.record_ids)),
    )


def _ways(strands: Iterable[Strand]) -> tuple[tuple[ProviderId, ...], ...]:
    """The distinct ways of strands; a flood of them tells no more than the first few."""
    return tuple(islice(dict.fromkeys(tuple(strand.carriers) for strand in strands), WAYS_LIMIT))


def _beyond_gaps(split: Split) -> tuple[Strand | None, Strand | None]:
    """The strands that likely go before and after the call; only where there is no choice."""
    before = [strand for strand in split.likely if _is_upstream(split, strand)]
    after = [strand for strand in split.likely if not _is_upstream(split, strand)]
    return (before[0] if len(before) == 1 else None), (after[0] if len(after) == 1 else None)


def _is_upstream(split: Split, strand: Strand) -> bool:
    return split.call.start.open and strand.end is not None and strand.end.open


def _unplaced(split: Split) -> list[Strand]:
    placed = _beyond_gaps(split)
    return [strand for strand in split.likely if all(strand is not each for each in placed)]


# --- the path -----------------------------------------------------------------------------------------


def _path(
    upstream: Strand | None, call: Strand, downstream: Strand | None, conflicts: Iterable[Conflict]
) -> tuple[PathStep, ...]:
    disputed = {record_id for conflict in conflicts for record_id in conflict.record_ids}
    steps: list[PathStep] = []
    for strand in (upstream, call, downstream):
        if strand is None:
            continue
        following = list(_steps(strand, disputed))
        if steps and following:
            following[0] = replace(following[0], gap_before=True)
        steps.extend(following)
    return tuple(steps)


def _steps(strand: Strand, disputed: set[bytes]) -> Iterator[PathStep]:
    if strand.start.neighbour is not None:
        yield PathStep(strand.start.neighbour)
    for fragment in strand.fragments:
        for visit in fragment.chain:
            yield _step(visit, disputed)
        if fragment.end is not None and fragment.end.neighbour is not None:
            yield PathStep(fragment.end.neighbour)


def _step(visit: Visit, disputed: set[bytes]) -> PathStep:
    return PathStep(
        visit.current,
        tuple(visit.record_ids),
        has_record=True,
        own=visit.own,
        late=visit.late,
        attested=any(record.attested for record in visit.records),
        released=visit.hop.released,
        contested=any(record_id in disputed for record_id in visit.record_ids),
    )


def _branches(call: Strand) -> Iterator[Branch]:
    """Attempts, and, where the tracer was only tried, the way the call took in the end."""
    for fragment in call.fragments:
        for visit, after in zip(fragment.chain, [*fragment.chain[1:], None], strict=True):
            for side in visit.departures:
                leads_on = after is not None and side.peer is after.inbound
                final_end = after is None and not side.tried
                if side.neighbour is not None and not leads_on and not final_end:
                    yield Branch(visit.current, side.neighbour, side.peer is not None)


# --- the origin ---------------------------------------------------------------------------------------


def _origin(split: Split, upstream: Strand | None, conflicts: tuple[Conflict, ...]) -> Origin:
    head = upstream or split.call
    candidates = {_candidate(head): None}
    rivals = [strand for strand in split.contested if not _hangs_below(strand, split.call)]
    if conflicts:
        candidates.update(dict.fromkeys(_candidate(strand) for strand in rivals))
    open_choices = [
        strand
        for strand in (*split.alternatives, *(each for each in split.likely if _is_upstream(split, each)))
        if strand is not upstream and not _hangs_below(strand, split.call)
    ]
    status = min((candidate.status for candidate in candidates), key=_STRENGTH.index)
    if len({candidate.provider for candidate in candidates}) > 1:
        status = OriginStatus.CONTESTED
    elif open_choices:
        candidates.update(dict.fromkeys(_candidate(strand) for strand in open_choices))
        if len({candidate.provider for candidate in candidates}) > 1:
            status = OriginStatus.UNKNOWN
    decided = status not in {OriginStatus.CONTESTED, OriginStatus.UNKNOWN}
    return Origin(
        status,
        next(iter(candidates)).provider if decided else None,
        across_gap=upstream is not None,
        candidates=tuple(candidates),
    )


def _candidate(strand: Strand) -> OriginCandidate:
    first = strand.fragments[0].chain[0]
    if strand.start.neighbour is not None:
        return OriginCandidate(strand.start.neighbour, OriginStatus.NAMED, tuple(first.record_ids))
    attested = any(record.attested for record in first.records)
    status = OriginStatus.ATTESTED if attested else OriginStatus.CLAIMED
    return OriginCandidate(first.current, status, tuple(first.record_ids))


def _hangs_below(strand: Strand, call: Strand) -> bool:
    """Whether a strand comes out of the call, by its own word, and so says nothing about its origin."""
    return strand.start.neighbour in {visit.current for visit in call.visits}


# --- whom to ask, and what was gained -----------------------------------------------------------------


def _asks(
    split: Split,
    path: tuple[PathStep, ...],
    origin: Origin,
    conflicts: tuple[Conflict, ...],
    situation: Situation,
) -> Iterator[Ask]:
    for conflict in conflicts:
        yield Ask(conflict.asserting, Reason.CONFLICT)
        yield Ask(conflict.opposing, Reason.CONFLICT)
    for before, after in pairwise(path):
        if after.gap_before:
            yield Ask(after.provider, Reason.GAP)
            yield Ask(before.provider, Reason.GAP)
    if origin.status in {OriginStatus.CLAIMED, OriginStatus.ATTESTED} and origin.provider is not None:
        yield Ask(origin.provider, Reason.CUSTOMER)
    elif path and not path[0].has_record:
        yield Ask(path[0].provider, Reason.FROM_WHOM)
    for strand in (*split.alternatives, *_unplaced(split)):
        facing = strand.end if strand.end is not None and strand.end.open else strand.start
        if facing.neighbour is not None:
            yield Ask(facing.neighbour, Reason.POSSIBLY_UPSTREAM)
    last = path[-1] if path else None
    if last is not None and not last.has_record:
        yield Ask(last.provider, Reason.TO_WHOM)
    for step in path:
        if not step.has_record and _takes_part(step.provider, situation):
            yield Ask(step.provider, Reason.MISSING_RECORD)


def _takes_part(provider: ProviderId, situation: Situation) -> bool:
    members = situation.members or {}
    return any(provider in carriers for carriers in members.values())


def _gains(
    path: tuple[PathStep, ...],
    origin: Origin,
    conflicts: tuple[Conflict, ...],
    missing: tuple[ProviderId, ...],
    situation: Situation,
) -> Iterator[Gain]:
    if origin.status in {OriginStatus.CLAIMED, OriginStatus.ATTESTED}:
        yield Gain.ORIGIN
    if any(not step.own and step.provider != origin.provider for step in path) or len(path) > 1:
        yield Gain.SHORTENED
    if conflicts or any(_takes_part(provider, situation) for provider in missing):
        yield Gain.BAD_FAITH
