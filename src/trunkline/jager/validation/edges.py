"""The edge rule: where two carriers of a call say different things about the edge between them.

The degrees of Figure 5 never flag a transit carrier that lies about a neighbour. An edge a -> b that only one
of a and b asserts, although both contributed, does. A conflict names two sides and decides for none.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from trunkline.jager.messages.hop import Hop
from trunkline.jager.validation.half_edges import Split
from trunkline.jager.validation.visits import Side, Visit, rivals
from trunkline.telephony.providers import ProviderId


class ConflictKind(StrEnum):
    """How two records contradict each other."""

    EDGE = "edge"
    """One carrier asserts an edge, the carrier at its other end does not."""
    RIVAL = "rival"
    """Two records speak for the same carrier about one passage and differ in a neighbour."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two sides that cannot both be right.

    Attributes:
        kind: How they contradict each other.
        edge: From whom to whom the call went, as the asserting side has it.
        asserting: The carrier in whose name it is asserted.
        opposing: The carrier in whose name something else is said.
        asserting_records: The records that assert it.
        opposing_records: The records that say otherwise.
    """

    kind: ConflictKind
    edge: tuple[ProviderId, ProviderId | None]
    asserting: ProviderId
    opposing: ProviderId
    asserting_records: tuple[bytes, ...]
    opposing_records: tuple[bytes, ...]

    @property
    def record_ids(self) -> tuple[bytes, ...]:
        """The records of both sides."""
        return self.asserting_records + self.opposing_records


def conflicts_of(split: Split) -> list[Conflict]:
    """Apply the edge rule to a call and to what contradicts it. Late records accuse nobody."""
    contested = [visit for strand in split.contested for visit in strand.visits]
    visits = [visit for visit in (*split.call.visits, *contested) if not visit.late]
    by_carrier: dict[ProviderId, list[Visit]] = defaultdict(list)
    for visit in visits:
        by_carrier[visit.current].append(visit)
    bridged = {id(side) for side in _bridged(split)}
    disputed = {visit.current for visit in contested}

    asserted: dict[tuple[ProviderId, ProviderId, bool], dict[bytes, None]] = defaultdict(dict)
    for visit in visits:
        for side in (visit.inbound, visit.outbound):
            if side is None or not side.open or side.neighbour is None or side.neighbour not in by_carrier:
                continue
            # Two neighbours who agree that a call passed a carrier a second time show a record that is
            # missing, not a conflict, unless that carrier says something else about this very passage.
            if id(side) in bridged and side.neighbour not in disputed:
                continue
            asserted[(*side.pair, side.inbound)].update(dict.fromkeys(visit.record_ids))
    found = []
    for (tail, head, inbound), record_ids in asserted.items():
        here, there = (head, tail) if inbound else (tail, head)
        opposing = tuple(record_id for visit in by_carrier[there] for record_id in visit.record_ids)
        found.append(Conflict(ConflictKind.EDGE, (tail, head), here, there, tuple(record_ids), opposing))
    return found + _rival_conflicts(split)


def _rival_conflicts(split: Split) -> list[Conflict]:
    in_call: dict[ProviderId, list[Visit]] = defaultdict(list)
    for visit in split.call.visits:
        if not visit.late:
            in_call[visit.current].append(visit)
    claims: dict[Hop, list[Visit]] = defaultdict(list)
    for visit in split.contradicting:
        claims[visit.hop].append(visit)
    found = []
    for hop, claimants in claims.items():
        against = [visit for visit in in_call[hop.current] if rivals(visit, claimants[0])]
        if against:
            found.append(
                Conflict(
                    ConflictKind.RIVAL,
                    (hop.current, hop.next),
                    hop.current,
                    hop.current,
                    tuple(record_id for visit in claimants for record_id in visit.record_ids),
                    tuple(record_id for visit in against for record_id in visit.record_ids),
                )
            )
    return found


def _bridged(split: Split) -> Iterable[Side]:
    for fragment in split.call.fragments:
        if fragment.bridge is not None:
            if fragment.end is not None:
                yield fragment.end
            yield fragment.bridge.start
