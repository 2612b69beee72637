"""Counting grants in a cluster, once each: quotas and how often an index was served.

Whatever must happen once only is a conditional write (Paxos) within one partition, which several processes
and repetitions of a request leave alone after the first. When the outcome of one is unknown it is tried
again: it is then found done, or is done.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from time import sleep
from typing import Any

from trunkline.errors import QuotaError, UnavailableError
from trunkline.jager.record_store.cassandra_session import Row, Session
from trunkline.jager.record_store.engine import GrantUse
from trunkline.jager.record_store.rocks_engine import ServedGrant, UsedQuota

_ATTEMPTS = 8
_PAUSE_S = 0.05
_random = random.SystemRandom()
_DAY_US = 86_400 * 1_000_000


class GrantTable:
    """The tables `quotas` and `served`."""

    def __init__(self, session: Session, time_to_live: Callable[[int], int]) -> None:
        """Prepare the statements.

        Args:
            session: The cluster.
            time_to_live: The seconds that something of a day is still kept.
        """
        self._session = session
        self._time_to_live = time_to_live
        self._counted = session.prepare(
            "SELECT labels FROM {keyspace}.quotas WHERE requester = ? AND grant_id = ?", linearized=True
        )
        self._used = session.prepare(
            "SELECT DISTINCT requester, day, total FROM {keyspace}.quotas WHERE requester = ?",
            linearized=True,
        )
        self._use = session.prepare(
            """
            BEGIN BATCH
            UPDATE {keyspace}.quotas USING TTL ? SET day = ?, total = ? WHERE requester = ?
                IF day = ? AND total = ?;
            INSERT INTO {keyspace}.quotas (requester, grant_id, labels) VALUES (?, ?, ?) IF NOT EXISTS
                USING TTL ?;
            APPLY BATCH
            """,
            once=True,
        )
        self._place = session.prepare(
            "SELECT position FROM {keyspace}.served WHERE idx = ? AND grant_id = ?", linearized=True
        )
        self._count = session.prepare(
            "SELECT DISTINCT idx, count FROM {keyspace}.served WHERE idx = ?", linearized=True
        )
        self._serve = session.prepare(
            """
            BEGIN BATCH
            UPDATE {keyspace}.served USING TTL ? SET count = ? WHERE idx = ? IF count = ?;
            INSERT INTO {keyspace}.served (idx, grant_id, position) VALUES (?, ?, ?) IF NOT EXISTS
                USING TTL ?;
            APPLY BATCH
            """,
            once=True,
        )
        self._take_place = session.prepare(
            "INSERT INTO {keyspace}.served (idx, grant_id, position) VALUES (?, ?, ?)"
            " USING TTL ? AND TIMESTAMP ?"
        )
        self._take_count = session.prepare(
            "UPDATE {keyspace}.served USING TTL ? AND TIMESTAMP ? SET count = ? WHERE idx = ?"
        )
        self._take_total = session.prepare(
            "UPDATE {keyspace}.quotas USING TTL ? AND TIMESTAMP ? SET day = ?, total = ? WHERE requester = ?"
        )

    def serve(self, use: GrantUse, quota: int) -> list[int]:
        """See `RecordEngine.serve_grant`.

        1. A grant that has a place under its first index has been counted: places are given after it.
        2. The labels are counted against the quota, together with a note of the grant in one partition.
        3. Each index gives the grant its place: how many other grants have one before it.
        """
        if not self._read(self._place, (use.indices[0], use.grant_id)):  # 1
            self._count_labels(use, quota)  # 2
        return self._places(use)  # 3

    def take_over(self, served: Iterable[ServedGrant], used: Iterable[UsedQuota]) -> None:
        """Write what another database has counted, with the timestamps of its days.

        Whatever has been counted here since is newer, so doing this again, at any time, changes nothing.
        """
        kept = (one for one in served if self._time_to_live(one.day) > 0)
        for idx, group in groupby(kept, attrgetter("idx")):
            grants = list(group)
            last = grants[-1]
            rows = [
                (idx, one.grant_id, one.place, self._time_to_live(one.day), one.day * _DAY_US)
                for one in grants
            ]
            for _ in self._session.each(self._take_place, rows):
                pass
            keep = self._time_to_live(last.day)
            self._session.run(self._take_count, (keep, last.day * _DAY_US, last.place + 1, idx))
        totals = [
            (self._time_to_live(one.day), one.day * _DAY_US, one.day, one.labels, one.requester_id)
            for one in used
            if self._time_to_live(one.day) > 0
        ]
        for _ in self._session.each(self._take_total, totals):
            pass

    def _count_labels(self, use: GrantUse, quota: int) -> None:
        labels, requester = len(use.indices), use.requester_id
        keep = self._time_to_live(use.day)
        for attempt in range(_ATTEMPTS):
            if self._read(self._counted, (requester, use.grant_id)):
                return
            rows = self._read(self._used, (requester,))
            day, used = rows[0][1:] if rows else (None, None)
            # A day ahead of ours is that of a process whose clock is: its count is the newer one.
            total = labels + (used if day is not None and day >= use.day else 0)
            if total > quota:
                raise QuotaError(
                    f"the quota of {quota} labels a day is used up; it is renewed at 00:00 UTC tomorrow"
                )
            today = use.day if day is None else max(day, use.day)
            outcome = self._session.attempt(
                self._use,
                [(keep, today, total, requester, day, used, requester, use.grant_id, labels, keep)],
            )[0]
            if outcome is not None and _applied(outcome):
                return
            _pause(attempt)
        raise UnavailableError("the cluster did not count a grant in time; ask again")

    def _read(self, statement: Any, parameters: Sequence[Any]) -> list[Row]:
        """Read what conditional writes have settled; a read that meets one under way may have to wait."""
        for attempt in range(_ATTEMPTS):
            rows = self._session.attempt(statement, [parameters])[0]
            if rows is not None:
                return rows
            _pause(attempt)
        raise UnavailableError("the cluster did not answer in time; ask again")

    def _places(self, use: GrantUse) -> list[int]:
        keep = self._time_to_live(use.day)
        places: dict[bytes, int] = {}
        # Most indices are served for the first time, so that is tried before looking.
        waiting: dict[bytes, int | None] = dict.fromkeys(use.indices)
        for attempt in range(_ATTEMPTS):
            tried = list(waiting.items())
            outcomes = self._session.attempt(
                self._serve,
                (
                    (keep, (count or 0) + 1, idx, count, idx, use.grant_id, count or 0, keep)
                    for idx, count in tried
                ),
            )
            for (idx, count), outcome in zip(tried, outcomes, strict=True):
                if outcome is not None and _applied(outcome):
                    places[idx] = count or 0
                    del waiting[idx]
            if not waiting:
                return [places[idx] for idx in use.indices]
            self._look(use.grant_id, waiting, places)
            if not waiting:
                return [places[idx] for idx in use.indices]
            _pause(attempt)
        raise UnavailableError("the cluster did not count all indices of a grant in time; ask again")

    def _look(self, grant_id: bytes, waiting: dict[bytes, int | None], places: dict[bytes, int]) -> None:
        """Find out why the indices had no place to give: it was given before, or the count was another."""
        indices = list(waiting)
        own = self._session.attempt(self._place, [(idx, grant_id) for idx in indices])
        for idx, rows in zip(indices, own, strict=True):
            for (place,) in rows or ():
                places[idx] = place
                del waiting[idx]
        indices = list(waiting)
        counts = self._session.attempt(self._count, [(idx,) for idx in indices])
        for idx, rows in zip(indices, counts, strict=True):
            waiting[idx] = next((count for _, count in rows or ()), None)


def _applied(rows: Sequence[Row]) -> bool:
    return bool(rows) and bool(rows[0][0])


def _pause(attempt: int) -> None:
    """Leave the field to whoever else is counting, for longer each time."""
    sleep(_random.uniform(0, _PAUSE_S * 2**attempt))
