"""Visits: one passage of a call through one carrier, with the half-edges that lead in and out of it."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from trunkline.jager.messages.hop import Hop
from trunkline.jager.validation.records import DecryptedRecord, Situation
from trunkline.telephony.providers import ProviderId


@dataclass(eq=False, slots=True)
class Side:
    """A half-edge: what one visit says about one neighbour, and the half-edge that answers it.

    Attributes:
        visit: Whose side it is.
        neighbour: The carrier it names; None for the carrier's own customers or subscribers.
        inbound: Whether the call came in on this side.
        tried: Whether the neighbour was only tried before the final one.
        peer: The half-edge of the neighbour's record that it is matched with.
    """

    visit: "Visit"
    neighbour: ProviderId | None
    inbound: bool
    tried: bool = False
    peer: "Side | None" = None

    @property
    def open(self) -> bool:
        """Whether it names a carrier and no record of that carrier answers."""
        return self.neighbour is not None and self.peer is None

    @property
    def pair(self) -> tuple[ProviderId, ProviderId]:
        """The directed edge that it asserts. Only for sides that name a neighbour."""
        if self.neighbour is None:
            raise AssertionError("this side names nobody")
        here = self.visit.current
        return (self.neighbour, here) if self.inbound else (here, self.neighbour)


@dataclass(eq=False, slots=True)
class Visit:
    """One passage of the call through a carrier: its final record and those of the next hops it tried.

    Attributes:
        records: The final record, if there is one, then those of the hops that were tried.
        time_ms: When it was, Unix milliseconds.
        late: Whether the final record was accepted late.
        own: Whether it is the tracer's own.
        unanswered: How many neighbours it names that say nothing of it in this window.
    """

    records: list[DecryptedRecord]
    time_ms: int
    late: bool
    own: bool
    unanswered: int = 0
    inbound: Side = field(init=False)
    outbound: Side | None = field(init=False, default=None)
    attempts: list[Side] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.inbound = Side(self, self.hop.previous, inbound=True)
        if not self.hop.tried:
            self.outbound = Side(self, self.hop.next, inbound=False)
        self.attempts = [
            Side(self, record.hop.next, inbound=False, tried=True)
            for record in self.records
            if record.hop.tried
        ]

    @property
    def hop(self) -> Hop:
        """The hop of the final record, or of the first one tried where the final record is missing."""
        return self.records[0].hop

    @property
    def current(self) -> ProviderId:
        """The carrier."""
        return self.hop.current

    @property
    def departures(self) -> list[Side]:
        """All sides on which the call left: those that were tried, then the final one."""
        return self.attempts + ([] if self.outbound is None else [self.outbound])

    @property
    def sides(self) -> list[Side]:
        """All sides."""
        return [self.inbound, *self.departures]

    @property
    def record_ids(self) -> list[bytes]:
        """The identifiers of all copies of all its records."""
        return [record_id for record in self.records for record_id in record.record_ids]


def make_visits(situation: Situation, records: Iterable[DecryptedRecord]) -> list[Visit]:
    """Group records into visits: records of next hops that were tried go with the final one.

    A carrier files all of them under the arrival of the same INVITE, so a tried record belongs to the final
    record of the same carrier and previous hop that is nearest in time.
    """
    ordered = sorted(records, key=lambda each: _order(situation, each))
    own = _find_own(situation, ordered)
    groups: dict[object, list[DecryptedRecord]] = defaultdict(list)
    for record in ordered:
        groups[(record.hop.previous, record.hop.current, record.hop.src)].append(record)
    visits = []
    for group in groups.values():
        for members in _group(situation, group):
            is_own = any(member is own for member in members)
            # A late attempt does not make a visit late, nor does an early one excuse a late final record.
            late = situation.is_late(members[0]) and not is_own
            visits.append(Visit(members, situation.time_of(members[0]), late, is_own))
    return visits


def _order(situation: Situation, record: DecryptedRecord) -> tuple[int, bool, bool, tuple[bytes, ...], bytes]:
    """An order that no reordering of the input changes; copies of one hop are told apart by their ids."""
    hop = record.hop
    return (
        situation.time_of(record),
        not hop.tried,
        not hop.released,
        record.record_ids,
        hop.encode(),
    )


def _find_own(situation: Situation, records: list[DecryptedRecord]) -> DecryptedRecord | None:
    """Find the tracer's own record among the others, or put it there if it has not been contributed."""
    own = situation.own
    if own is None:
        return None
    for record in records:
        if record.hop == own.hop and record.epoch == own.epoch:
            return record
    added = DecryptedRecord((), own.hop, own.epoch, accepted_hour=0, period=0)
    records.append(added)
    records.sort(key=lambda each: _order(situation, each))
    return added


def _group(situation: Situation, group: list[DecryptedRecord]) -> list[list[DecryptedRecord]]:
    finals = [[record] for record in group if not record.hop.tried]
    times = [situation.time_of(members[0]) for members in finals]
    orphans: dict[int, list[DecryptedRecord]] = defaultdict(list)
    for record in group:
        if not record.hop.tried:
            continue
        time = situation.time_of(record)
        if not finals:
            orphans[time].append(record)
            continue
        at = bisect_left(times, time)
        nearest = min(
            (index for index in (at - 1, at) if 0 <= index < len(times)),
            key=lambda index: abs(times[index] - time),
        )
        finals[nearest].append(record)
    return finals + list(orphans.values())


def rivals(one: Visit, other: Visit) -> bool:
    """Whether two visits tell one passage in two ways: the same carrier, one side alike, the other not."""
    if one.current != other.current or one.hop.src != other.hop.src:
        return False
    if one.outbound is None or other.outbound is None:
        return False
    same_previous = one.hop.previous == other.hop.previous
    return same_previous != (one.hop.next == other.hop.next)
