"""The outbox: encrypted records that wait, batches that are not acknowledged, and how far sources are read.

A record is stored before it is sent and stays until a receipt for it is stored in its place. How far a
source is read and the records that came of it are one transaction, so a crash neither loses nor doubles a
row. A batch is sealed, dummies included, before it is first sent: what a crash makes us send again is the
same batch, which tells the store nothing new.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from trunkline.jager.carrier.packed import split
from trunkline.jager.carrier.schema import BATCHES, COUNTS, POOL, QUARANTINE, RECEIPTS, SOURCES
from trunkline.service.database import open_database, storage_errors

OUTBOX_FILE = "outbox.sqlite"
"""Its name in the carrier's data directory."""

RECEIPTS_KEPT_S = 400 * 86_400
"""Receipts older than this are dropped: longer than any store keeps records."""


class Count(StrEnum):
    """The totals that the outbox keeps."""

    ROWS = "rows"
    CALLS = "calls"
    REJECTED_ROWS = "rejected_rows"
    RECORDS = "records"
    ACKNOWLEDGED = "acknowledged"
    SIGNED_AGAIN = "signed_again"
    QUARANTINED = "quarantined"
    DUMMIES = "dummies"


@dataclass(frozen=True, slots=True)
class PooledRecord:
    """A record that waits in the pool."""

    number: int
    record: bytes


@dataclass(frozen=True, slots=True)
class SealedBatch:
    """A batch as it is sent.

    Attributes:
        number: Its number in this outbox; never sent.
        records: Packed records, 714 bytes each.
        dummies: A byte for each record: 1 for a dummy.
        attempts: How often it was sent without a receipt.
    """

    number: int
    records: bytes
    dummies: bytes
    attempts: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a receipt means for the records of its batch.

    Attributes:
        acknowledged: Records, without dummies, that the store has.
        again: Packed records, newly signed, that go back to the pool.
        again_at: When those are due.
        quarantined: Refused records and the store's reason.
    """

    acknowledged: int
    again: bytes = b""
    again_at: float = 0.0
    quarantined: tuple[tuple[bytes, int], ...] = ()


class Outbox:
    """One carrier's outbox in a SQLite file. Safe to use from several threads.

    Args:
        path: The database file.

    Raises:
        StorageError: The file cannot be used; every method may raise it, and has then changed nothing.
    """

    def __init__(self, path: Path) -> None:
        self._engine = open_database(path, migrations="trunkline.jager.carrier.migrations")
        self._lock = threading.Lock()
        with self._reading() as connection:
            pooled = int(connection.scalar(select(func.count()).select_from(POOL)) or 0)
            flags = connection.scalars(select(BATCHES.c.dummies))
            self._waiting: int = pooled + sum(dummies.count(0) for dummies in flags)

    @property
    def waiting(self) -> int:
        """Records, without dummies, that have no receipt yet."""
        return self._waiting

    def overdue_s(self, now: float) -> float:
        """For how long the record that is most overdue could have left: its delay was over, or it was sent.

        What has merely drawn a long delay is not overdue.
        """
        with self._reading() as connection:
            # By number, as batches are sealed in that order: a minimum would read all of them.
            first_batch = select(BATCHES.c.sealed_at).order_by(BATCHES.c.number).limit(1)
            since: list[float | None] = [
                connection.scalar(select(func.min(POOL.c.due_at))),
                connection.scalar(first_batch),
            ]
        return max([0.0, *(now - at for at in since if at is not None)])

    def states(self) -> dict[str, bytes]:
        """How far each source is read, by its name."""
        with self._reading() as connection:
            return {row.name: row.state for row in connection.execute(select(SOURCES))}

    def add(
        self,
        source: str,
        state: bytes,
        records: Sequence[bytes],
        due: Sequence[float],
        counts: dict[Count, int],
    ) -> None:
        """Store new records together with the state of the source they came from.

        Args:
            source: The source's name.
            state: How far it is read now.
            records: Records of 714 bytes.
            due: When each may leave, Unix seconds.
            counts: What to add to the totals; the number of records is added by itself.
        """
        rows = [{"record": record, "due_at": at} for record, at in zip(records, due, strict=True)]
        with self._writing() as connection:
            statement = upsert(SOURCES).values(name=source, state=state)
            connection.execute(statement.on_conflict_do_update(["name"], set_={"state": state}))
            if rows:
                connection.execute(insert(POOL), rows)
            _count(connection, {**counts, Count.RECORDS: len(rows)})
        self._change_waiting(len(rows))

    def due(self, now: float, limit: int) -> list[PooledRecord]:
        """The records whose delay is over, in the order in which it ended."""
        query = select(POOL.c.number, POOL.c.record).where(POOL.c.due_at <= now)
        with self._reading() as connection:
            rows = connection.execute(query.order_by(POOL.c.due_at, POOL.c.number).limit(limit))
            return [PooledRecord(row.number, row.record) for row in rows]

    def seal(self, pooled: Sequence[int], records: bytes, dummies: bytes, now: float) -> SealedBatch:
        """Move records from the pool into a new batch, with the dummies that fill it."""
        values = {"records": records, "dummies": dummies, "attempts": 0, "due_at": now, "sealed_at": now}
        with self._writing() as connection:
            connection.execute(delete(POOL).where(POOL.c.number.in_(pooled)))
            result = connection.execute(insert(BATCHES).values(values))
            _count(connection, {Count.DUMMIES: dummies.count(1)})
        (number,) = result.inserted_primary_key or (0,)
        return SealedBatch(number, records, dummies, 0)

    def next_batch(self, now: float, in_flight: Iterable[int]) -> SealedBatch | None:
        """The oldest sealed batch that may be sent now and is not being sent."""
        query = select(BATCHES).where(BATCHES.c.due_at <= now, BATCHES.c.number.not_in(list(in_flight)))
        with self._reading() as connection:
            row = connection.execute(query.order_by(BATCHES.c.number).limit(1)).one_or_none()
        return None if row is None else SealedBatch(row.number, row.records, row.dummies, row.attempts)

    def replace(self, batch: SealedBatch, records: bytes) -> SealedBatch:
        """Put newly signed records in the place of a batch's own."""
        with self._writing() as connection:
            connection.execute(
                update(BATCHES).where(BATCHES.c.number == batch.number).values(records=records)
            )
            _count(connection, {Count.SIGNED_AGAIN: batch.dummies.count(0)})
        return SealedBatch(batch.number, records, batch.dummies, batch.attempts)

    def postpone(self, batch: SealedBatch, until: float) -> None:
        """Note that a batch was sent without a receipt, and when to try again."""
        values = {"attempts": batch.attempts + 1, "due_at": until}
        with self._writing() as connection:
            connection.execute(update(BATCHES).where(BATCHES.c.number == batch.number).values(values))

    def settle(self, batch: SealedBatch, receipt: bytes, outcome: Settlement, now: float) -> None:
        """Store a checked receipt in the place of its batch."""
        again = split(outcome.again)
        with self._writing() as connection:
            gone = connection.execute(delete(BATCHES).where(BATCHES.c.number == batch.number)).rowcount
            if not gone:
                return
            connection.execute(insert(RECEIPTS).values(received_at=now, receipt=receipt))
            connection.execute(delete(RECEIPTS).where(RECEIPTS.c.received_at < now - RECEIPTS_KEPT_S))
            if again:
                connection.execute(
                    insert(POOL), [{"record": record, "due_at": outcome.again_at} for record in again]
                )
            if outcome.quarantined:
                refused = [
                    {"record": record, "reason": reason, "refused_at": now}
                    for record, reason in outcome.quarantined
                ]
                connection.execute(insert(QUARANTINE), refused)
            counts = {
                Count.ACKNOWLEDGED: outcome.acknowledged,
                Count.SIGNED_AGAIN: len(again),
                Count.QUARANTINED: len(outcome.quarantined),
            }
            _count(connection, counts)
        self._change_waiting(len(again) - batch.dummies.count(0))

    def make_due_by(self, latest: float) -> None:
        """End every delay at this time at the latest."""
        with self._writing() as connection:
            for table in (POOL, BATCHES):
                connection.execute(update(table).where(table.c.due_at > latest).values(due_at=latest))

    def counts(self) -> dict[Count, int]:
        """All totals."""
        with self._reading() as connection:
            stored = {row.name: row.value for row in connection.execute(select(COUNTS))}
        return {count: stored.get(count.value, 0) for count in Count}

    def receipts_kept(self) -> int:
        """How many receipts are stored."""
        with self._reading() as connection:
            return int(connection.scalar(select(func.count()).select_from(RECEIPTS)) or 0)

    def close(self) -> None:
        """Close the database file."""
        self._engine.dispose()

    def _change_waiting(self, difference: int) -> None:
        with self._lock:
            self._waiting += difference

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        # Without a transaction of its own, a reader takes no write lock.
        with storage_errors(), self._engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        # SQLite has one writer; taking turns here keeps the threads from waiting in its busy loop.
        with self._lock, storage_errors(), self._engine.begin() as connection:
            yield connection


def _count(connection: Connection, counts: dict[Count, int]) -> None:
    for name, difference in counts.items():
        if difference:
            statement = upsert(COUNTS).values(name=name.value, value=difference)
            total = {"value": COUNTS.c.value + difference}
            connection.execute(statement.on_conflict_do_update(["name"], set_=total))
