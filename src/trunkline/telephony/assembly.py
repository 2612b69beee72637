"""From rows to calls to records: one call at one carrier is one record, with the exceptions that are meant.

Rows wait in an `Assembler` until no more rows of their call can be expected, then `records_of_call` turns
the rows of one call into records:

1. rows of one call are split into visits (a loop or a forwarding comes back as a second visit);
2. the attempts of a visit are put in order, one for each next hop: the answered one, else the last, is
   final and the others are tried; a visit without any was released here;
3. previous and next come from the tables; a trunk in no table is a reject, never an empty side;
4. a visit whose called number changed gives its records under both numbers.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from trunkline.errors import NumberError
from trunkline.telephony.model import Attempt, CallRecord, Reject, RowLocation, TimeKind
from trunkline.telephony.neighbours import Neighbours, masked
from trunkline.telephony.numbers import NumberPlan, Party, normalise_called, normalise_caller
from trunkline.telephony.rows import CHANNEL_ONLY, Row, RowKind
from trunkline.telephony.source import CdrSource

UNKNOWN_INCOMING = "the incoming trunk is in no table: list it under trunks or access"
UNKNOWN_OUTGOING = "the outgoing trunk is in no table: list it under trunks or access"
NO_INCOMING = "the row names no incoming trunk: no neighbour can be told"
NO_OUTGOING = "the call was answered, but no row names the outgoing trunk: no neighbour can be told"
READY_LIMIT = 2_000
"""How many rows wait before calls that lack nothing but time are released."""
PENDING_LIMIT = 20_000
"""How many rows wait before any call is released."""
_TOUCHING_US = 1_000_000
_SENT_E164 = NumberPlan(style="e164", region="US")


@dataclass(slots=True)
class PendingCall:
    """The rows of one call so far.

    Attributes:
        rows: In the order in which they were read.
        touched_us: When the last one was read, by the reader's clock.
    """

    rows: list[Row] = field(default_factory=list)
    touched_us: int = 0


class Assembler:
    """Holds rows until their call is complete, `PENDING_LIMIT` rows at most.

    Args:
        source: The source whose rows these are.
    """

    def __init__(self, source: CdrSource) -> None:
        self._settle_us = source.settle_ms * 1000
        self._pending: dict[str, PendingCall] = {}
        self._rows = 0

    def add(self, row: Row, now_us: int) -> None:
        """Take a row in."""
        # A row that no other can join is a call of its own; its location makes its key unique.
        key = row.join or f"\x00{row.file}\x00{row.line}"
        call = self._pending.setdefault(key, PendingCall())
        call.rows.append(row)
        call.touched_us = now_us
        self._rows += 1

    def release(self, now_us: int, *, finish: bool, limit: int) -> list[list[Row]]:
        """Return the rows of calls that are complete, at most `limit` calls.

        Args:
            now_us: The reader's clock.
            finish: All rows have been read; nothing is waited for.
            limit: How many calls at most.
        """
        released = [key for key, call in self._pending.items() if finish or self._is_complete(call, now_us)]
        calls = [self._take(key) for key in released[:limit]]
        # Memory and the stored state are bounded: rows of one call are written next to each other, so in a
        # long file nothing of a call follows when many other rows did.
        for bound, only_ready in ((READY_LIMIT, True), (PENDING_LIMIT, False)):
            if self._rows > bound:
                calls += self._make_room(bound // 2, limit - len(calls), only_ready=only_ready)
        return calls

    def _make_room(self, bound: int, limit: int, *, only_ready: bool) -> list[list[Row]]:
        calls: list[list[Row]] = []
        for key in list(self._pending):
            if self._rows <= bound or len(calls) >= limit:
                break
            if not only_ready or self._is_ready(self._pending[key]):
                calls.append(self._take(key))
        return calls

    def _is_complete(self, call: PendingCall, now_us: int) -> bool:
        """Tell whether no more rows of a call are to be expected."""
        return now_us - call.touched_us >= self._settle_us

    def _is_ready(self, call: PendingCall) -> bool:
        """Tell whether a call has all kinds of rows that a call has."""
        return bool(call.rows)

    def _take(self, key: str) -> list[Row]:
        rows = self._pending.pop(key).rows
        self._rows -= len(rows)
        return rows

    @property
    def waiting(self) -> int:
        """How many calls are held."""
        return len(self._pending)

    def pending(self) -> list[tuple[int, tuple[Row, ...]]]:
        """Return what is held, as (time of the last row's reading, rows), for the stored state."""
        return [(call.touched_us, tuple(call.rows)) for call in self._pending.values()]

    def restore(self, pending: Iterable[tuple[int, tuple[Row, ...]]]) -> None:
        """Take back what `pending` returned."""
        for touched_us, rows in pending:
            for row in rows:
                self.add(row, touched_us)


class CallBuilder:
    """Turns the rows of one call into records.

    Args:
        source: The source whose rows these are.

    Attributes:
        unknown_trunks: Trunks on either side of a call that are in no table, with how often they were met.
    """

    def __init__(self, source: CdrSource) -> None:
        self.unknown_trunks: Counter[str] = Counter()
        self._plan = source.number_plan
        proxy = source.format.startswith(("kamailio", "opensips"))
        self._other_plan = source.sent_number_plan or (source.number_plan if proxy else _SENT_E164)
        self._neighbours = Neighbours(source)
        self._own_addresses = frozenset(source.dialog.own_addresses)

    def records_of_call(self, rows: list[Row]) -> tuple[list[CallRecord], list[Reject]]:
        """Turn the rows of one call, as released by an assembler, into records and rejects."""
        records: list[CallRecord] = []
        rejects: list[Reject] = []
        starts = sorted(
            row.start_us for row in rows if row.kind is RowKind.TIMES and row.start_us is not None
        )
        for visit in _visits(row for row in rows if row.kind is RowKind.ATTEMPT):
            try:
                self._build(visit, starts, records, rejects)
            except NumberError as error:
                rejects.append(Reject(visit[0].file, visit[0].line, str(error)))
        return records, rejects

    def _build(
        self,
        visit: list[Row],
        starts: list[int],
        records: list[CallRecord],
        rejects: list[Reject],
    ) -> None:
        first = visit[0]
        attempts = self._attempts(visit)
        for trunk in (first.incoming, *(row.outgoing for row, _ in attempts)):
            if trunk and self._neighbours.side(trunk) is None:
                self.unknown_trunks[masked(trunk)] += 1
        previous = self._neighbours.side(first.incoming)
        if previous is None:
            reason = UNKNOWN_INCOMING if first.incoming else NO_INCOMING
            rejects.append(Reject(first.file, first.line, reason, masked(first.incoming)))
            return
        src = normalise_caller(first.caller, self._plan)
        arrival_us, time_kind = _arrival(visit, starts)
        for position, (row, answered) in enumerate(attempts):
            next_side = self._neighbours.side(row.outgoing) if row.outgoing else None
            if row.outgoing and next_side is None:
                rejects.append(Reject(row.file, row.line, UNKNOWN_OUTGOING, masked(row.outgoing)))
                continue
            if answered and next_side is None:
                rejects.append(Reject(row.file, row.line, NO_OUTGOING))
                continue
            final = position == len(attempts) - 1
            records.extend(
                CallRecord(
                    src=src,
                    dst=dst,
                    arrival_us=arrival_us,
                    time_kind=time_kind,
                    previous=previous.provider,
                    next=next_side.provider if next_side else None,
                    attempt=Attempt.FINAL if final else Attempt.TRIED,
                    answered=answered,
                    released_here=next_side is None,
                    customer=previous.customer,
                    location=RowLocation(row.file, row.line),
                )
                for dst in self._numbers(first, row)
            )

    def _attempts(self, visit: list[Row]) -> list[tuple[Row, bool]]:
        """Return one row for each next hop tried, and whether it was answered there; the final one last."""
        by_hop: dict[str, tuple[Row, bool]] = {}
        for row in visit:
            if row.outgoing and row.outgoing not in self._own_addresses:
                kept, answered = by_hop.pop(row.outgoing, (row, False))
                by_hop[row.outgoing] = (kept, answered or row.answered)
        attempts = sorted(by_hop.values(), key=lambda attempt: attempt[1])
        return attempts or [(replace(visit[0], outgoing=""), any(row.answered for row in visit))]

    def _numbers(self, first: Row, row: Row) -> list[Party]:
        """Return the called number and, where this carrier changed it, its other form."""
        numbers: list[Party] = []
        for raw, plan in (
            (first.called, self._plan),
            (row.called, self._plan),
            (row.other_called, self._other_plan),
        ):
            try:
                number = normalise_called(raw, plan)
            except NumberError:
                # One of them may be a word of the dial plan, or a code between two switches.
                continue
            if number not in numbers:
                numbers.append(number)
        return numbers or [normalise_called(first.called, self._plan)]


def _visits(rows: Iterable[Row]) -> list[list[Row]]:
    """Split the attempts of one call into visits, each in the order in which they happened."""
    by_visit: dict[tuple[str, str], list[Row]] = {}
    for row in sorted(rows, key=_chronological):
        key = (row.visit, row.incoming)
        if not row.incoming and by_visit:
            # The outgoing leg of a switch that logs its legs in rows of their own.
            key = next(reversed(by_visit))
        by_visit.setdefault(key, []).append(row)
    visits: list[list[Row]] = []
    for attempts in by_visit.values():
        current: list[Row] = []
        for row in attempts:
            # Where rows are joined by a channel's name alone, a later call may bear the same name.
            if current and row.join.startswith(CHANNEL_ONLY) and not _touch(current, row):
                visits.append(current)
                current = []
            current.append(row)
        visits.append(current)
    return visits


def _touch(earlier: list[Row], row: Row) -> bool:
    ends = [other.end_us for other in earlier if other.end_us is not None]
    if not ends or row.start_us is None:
        return False
    return abs(row.start_us - max(ends)) <= _TOUCHING_US


def _chronological(row: Row) -> tuple[int, bool, bool, int, int]:
    time_us = row.start_us if row.start_us is not None else row.end_us
    return (time_us or 0, not row.incoming, not row.outgoing, row.order, row.line)


def _arrival(visit: list[Row], starts: list[int]) -> tuple[int, TimeKind]:
    """Return the time of a visit and what it is."""
    own = [row.start_us for row in visit if row.start_us is not None]
    if own:
        return min(own), TimeKind.ARRIVAL
    events = [row.end_us for row in visit if row.end_us is not None]
    event_us = min(events)
    possible = [start for start in starts if start <= event_us + _TOUCHING_US]
    if possible:
        return max(possible), TimeKind.ARRIVAL
    return event_us, TimeKind.ANSWER
