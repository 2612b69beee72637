"""The paper's Figure 7 with the engine of a record store: insertion and selection as the database grows.

The engine is filled through its interface with random bytes of a record's size, over 90 days: the time of a
look-up or an insertion depends on how many records there are, and not on what is in them.
"""

import itertools
import os
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from trunkline.errors import InputError
from trunkline.jager.evaluation.paper import Timing
from trunkline.jager.evaluation.parties import WINDOW
from trunkline.jager.messages.record import INDEX_SIZE, RECORD_ID_SIZE, RECORD_SIZE
from trunkline.jager.record_store.engine import StoredRecord, record_key
from trunkline.jager.record_store.rocks_engine import RocksEngine

POINTS = 10
BATCH = 1_000
"""Records a batch, as a store writes them under load."""

_DAYS = 90
_LAST_DAY = 20_000
_FOUND = 5
"""Of the keys of one selection, those that have a record: the hops of a call."""
_KEPT_OF_A_BATCH = 20
_ROUNDS = 50
_Input = TypeVar("_Input")
_IDX = slice(14, 14 + INDEX_SIZE)
_SPACE_FACTOR = 2.5
"""Of the records' bytes, with the log and compactions under way."""


@dataclass(frozen=True, slots=True)
class GrowthPoint:
    """One size of the database.

    Attributes:
        records: How many there are.
        insert: Milliseconds of storing one record, durably.
        insert_batched_ms: Milliseconds a record, in durable batches of `BATCH`, since the point before.
        insert_cpu_us: Microseconds of processor time a record in these batches, compaction included.
        select: Milliseconds of selecting the records of 21 keys.
    """

    records: int
    insert: Timing
    insert_batched_ms: float
    insert_cpu_us: float
    select: Timing


def measure_growth(path: Path, records: int, step: Callable[[int], None]) -> list[GrowthPoint]:
    """Fills an engine in `POINTS` steps and measures after each.

    Args:
        path: Where its database is made.
        records: The last size, at least `POINTS` batches.
        step: Called after each batch with its size.

    Raises:
        InputError: Too few records, or not enough space for them.
        StorageError: The database failed.
    """
    if records < POINTS * BATCH:
        raise InputError(f"figure 7 needs at least {POINTS * BATCH:,} records: {POINTS} points, full batches")
    needed = round(records * RECORD_SIZE * _SPACE_FACTOR)
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        raise InputError(
            f"{records:,} records need {needed / 1e9:.1f} GB of disk while they are written, and "
            f"{free / 1e9:.1f} are free: ask for fewer, or set TMPDIR to a larger disk"
        )
    engine = RocksEngine(path)
    try:
        return _fill(engine, records // (POINTS * BATCH), step)
    finally:
        engine.close()


def _fill(engine: RocksEngine, batches_a_point: int, step: Callable[[int], None]) -> list[GrowthPoint]:
    points: list[GrowthPoint] = []
    present: list[bytes] = []
    stored = 0
    for _ in range(POINTS):
        wall = processor = 0.0
        for _ in range(batches_a_point):
            batch = _random_records(BATCH)
            present += [record.key[:INDEX_SIZE] for record in batch[:_KEPT_OF_A_BATCH]]
            wall_began, processor_began = time.perf_counter(), time.process_time()
            engine.put_batch(batch)
            wall += time.perf_counter() - wall_began
            processor += time.process_time() - processor_began
            step(BATCH)
        filled = batches_a_point * BATCH
        stored += filled
        insert = _time(lambda record: engine.put_batch([record]), _random_records(_ROUNDS))
        queries = [_query(present) for _ in range(_ROUNDS)]
        select = _time(lambda indices: _select(engine, indices), queries)
        points.append(GrowthPoint(stored, insert, wall * 1_000 / filled, processor * 1e6 / filled, select))
        stored += _ROUNDS
    return points


def _select(engine: RocksEngine, indices: list[bytes]) -> None:
    engine.get(engine.keys(indices, 0, WINDOW * 10))


def _query(present: list[bytes]) -> list[bytes]:
    """Keys that are there, from anywhere in the past, among others that are not."""
    places = [int.from_bytes(os.urandom(4), "big") % len(present) for _ in range(_FOUND)]
    return sorted(
        {present[place] for place in places} | {os.urandom(INDEX_SIZE) for _ in range(WINDOW - _FOUND)}
    )


def _random_records(count: int) -> list[StoredRecord]:
    content = os.urandom(count * RECORD_SIZE)
    identifiers = os.urandom(count * RECORD_ID_SIZE)
    days = itertools.cycle(range(_LAST_DAY - _DAYS, _LAST_DAY))
    made = []
    for number in range(count):
        record = content[number * RECORD_SIZE : (number + 1) * RECORD_SIZE]
        identifier = identifiers[number * RECORD_ID_SIZE : (number + 1) * RECORD_ID_SIZE]
        day = next(days)
        made.append(StoredRecord(record_key(record[_IDX], day, identifier), day * 24, record))
    return made


def _time(call: Callable[[_Input], None], inputs: Sequence[_Input]) -> Timing:
    taken = []
    for one in inputs:
        began = time.perf_counter()
        call(one)
        taken.append((time.perf_counter() - began) * 1_000)
    return Timing(statistics.fmean(taken), min(taken), max(taken), statistics.stdev(taken))
