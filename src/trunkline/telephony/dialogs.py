"""Putting together the accounting rows of a SIP proxy, whose rows have no start of the call.

Kamailio's `acc` and `missed_calls` are stamped when a call is answered or fails; the start stands in
`acc_cdrs`, which is written when the call ends. Rows are joined by Call-ID where `acc_cdrs` has it. Where it
has only times, a call's hang-up and its times end in the same second, and both tables were written in the
same order by the same process: the n-th hang-up has the n-th times, provided that start, answer and end of
the pair are possible.
"""

from collections import deque
from collections.abc import Iterable

from trunkline.telephony.assembly import PENDING_LIMIT, Assembler, PendingCall
from trunkline.telephony.model import TimeKind
from trunkline.telephony.rows import Row, RowKind
from trunkline.telephony.source import CdrSource

_SECOND_US = 1_000_000
_LONGEST_RINGING_US = 300 * _SECOND_US
_ORPHAN_US = 60 * _SECOND_US
# Rows that were written in one second are read within this much of each other.
_DISORDER_US = 10 * _SECOND_US


class DialogAssembler(Assembler):
    """Holds accounting rows until their call is complete, start time included where there is one.

    Args:
        source: The source whose rows these are. With `time = "answer"` no start is waited for.
    """

    def __init__(self, source: CdrSource) -> None:
        super().__init__(source)
        self._start_expected = source.time is TimeKind.ARRIVAL
        self._hold_us = source.hold_minutes * 60 * _SECOND_US
        self._newest_us = 0
        self._times: deque[tuple[int, Row]] = deque(maxlen=PENDING_LIMIT)

    def add(self, row: Row, now_us: int) -> None:
        """Take a row in."""
        self._newest_us = max(self._newest_us, row.end_us or 0)
        if row.kind is RowKind.TIMES and not row.join:
            # Times of a failed call cannot be told apart: nothing else is written when such a call ends.
            if row.answered:
                self._times.append((now_us, row))
        else:
            super().add(row, now_us)

    def release(self, now_us: int, *, finish: bool, limit: int) -> list[list[Row]]:
        """Return the rows of calls that are complete, at most `limit` calls."""
        if self._times:
            self._join_times(now_us, finish=finish)
        return super().release(now_us, finish=finish, limit=limit)

    def pending(self) -> list[tuple[int, tuple[Row, ...]]]:
        """Return what is held, for the stored state."""
        return super().pending() + [(touched_us, (row,)) for touched_us, row in self._times]

    def _is_complete(self, call: PendingCall, now_us: int) -> bool:
        waited_us = now_us - call.touched_us
        if not any(row.kind is RowKind.ATTEMPT for row in call.rows):
            return waited_us >= _ORPHAN_US
        ended = any(row.kind is RowKind.END for row in call.rows)
        return waited_us >= (self._settle_us if ended or self._is_ready(call) else self._hold_us)

    def _is_ready(self, call: PendingCall) -> bool:
        attempts = [row for row in call.rows if row.kind is RowKind.ATTEMPT]
        if not attempts:
            return False
        if not self._start_expected or not any(row.answered for row in attempts):
            return True
        if any(row.start_us is not None for row in call.rows):
            return True
        return any(row.kind is RowKind.END and self._lies_behind(row) for row in call.rows)

    def _lies_behind(self, end: Row) -> bool:
        """Tell whether later rows show that all that was written with a hang-up has been read."""
        return self._newest_us - (end.end_us or 0) > _DISORDER_US

    def _join_times(self, now_us: int, *, finish: bool) -> None:
        waiting = sorted(
            ((_first(call.rows, RowKind.END), call) for call in self._pending.values() if _lacks_times(call)),
            key=lambda pair: (pair[0].end_us, pair[0].order),
        )
        for end, call in waiting:
            if not (finish or now_us - call.touched_us >= self._settle_us or self._lies_behind(end)):
                # Its times may not have been read yet; later hang-ups must not take them.
                break
            answer_us = min(
                row.end_us or 0 for row in call.rows if row.kind is RowKind.ATTEMPT and row.answered
            )
            times = _possible_times((row for _, row in self._times), answer_us, end.end_us or 0)
            if times is not None:
                call.rows.append(times)
                self._rows += 1
                self._times = deque(
                    (entry for entry in self._times if entry[1] is not times),
                    maxlen=PENDING_LIMIT,
                )
        while self._times and (finish or now_us - self._times[0][0] >= _ORPHAN_US):
            self._times.popleft()


def _lacks_times(call: PendingCall) -> bool:
    kinds = {row.kind for row in call.rows}
    answered = any(row.answered for row in call.rows if row.kind is RowKind.ATTEMPT)
    return answered and RowKind.END in kinds and RowKind.TIMES not in kinds


def _first(rows: Iterable[Row], kind: RowKind) -> Row:
    return min((row for row in rows if row.kind is kind), key=lambda row: row.order)


def _possible_times(pool: Iterable[Row], answer_us: int, end_us: int) -> Row | None:
    """Return the first times that can belong to a call answered and hung up at given times."""
    possible = [
        row
        for row in pool
        if row.start_us is not None
        and row.end_us is not None
        and abs(row.end_us - end_us) <= _SECOND_US
        and -_LONGEST_RINGING_US <= row.start_us - answer_us <= _SECOND_US
    ]
    return min(possible, key=lambda row: (row.end_us != end_us, row.order), default=None)
