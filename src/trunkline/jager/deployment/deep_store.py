"""A record store that holds millions of records: filling it, and watching it while it works.

The database is filled through the storage interface with random bytes of a record's size, as days of calls would have
filled it.
"""

import os
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from trunkline.jager.messages.record import INDEX_SIZE, RECORD_ID_SIZE, RECORD_SIZE
from trunkline.jager.record_store.engine import StoredRecord, record_key
from trunkline.jager.record_store.retention import SECONDS_A_DAY
from trunkline.jager.record_store.rocks_engine import RocksEngine

WINDOW = 21
"""Labels of one trace."""

DAYS = 90

_BATCH = 4096
_IDX_START = 14
_HOURS_A_DAY = 24
_SAMPLES = 100_000
_PAUSE_S = 0.005


class DeepStore:
    """An open database that is filled with made-up records, and remembers some of their indices.

    Args:
        path: The database's folder.
        now: Unix time of the newest records.
    """

    def __init__(self, path: Path, now: float) -> None:
        self.engine = RocksEngine(path)
        self.today = int(now) // SECONDS_A_DAY
        self._known: deque[bytes] = deque(maxlen=_SAMPLES)
        self._written_before = bytes_written()

    def fill(self, start: int, end: int, total: int, step: Callable[[int], None]) -> None:
        """Stores the made-up records from number `start` to `end` of `total`, in the order of their days."""
        for first in range(start, end, _BATCH):
            count = min(_BATCH, end - first)
            day = self.today - DAYS + 1 + first * DAYS // total
            made = os.urandom(count * RECORD_SIZE)
            records = [made[at : at + RECORD_SIZE] for at in range(0, len(made), RECORD_SIZE)]
            self.engine.put_batch([_stored(record, day) for record in records])
            self._known.extend(record[_IDX_START : _IDX_START + INDEX_SIZE] for record in records[::64])
            step(count)

    def window(self) -> list[bytes]:
        """Sorted indices as those of a trace: some have a record, most have none."""
        at = int.from_bytes(os.urandom(4), "big") % (len(self._known) - WINDOW)
        found = [self._known[at + number] for number in range(0, WINDOW, 5)]
        return sorted(found + [os.urandom(INDEX_SIZE) for _ in range(WINDOW - len(found))])

    def look_up(self) -> None:
        """What a retrieval asks the database: the keys under the indices of a window, then their records."""
        self.engine.get(self.engine.keys(self.window(), self.today - DAYS, 1000))

    def write_some(self) -> None:
        """Stores as many records durably as a small contribution has."""
        made = [os.urandom(RECORD_SIZE) for _ in range(64)]
        self.engine.put_batch([_stored(record, self.today) for record in made])

    def settle(self) -> None:
        """Waits until nothing is left to be merged."""
        while self.engine.measurements()["pending_compaction_bytes"]:
            time.sleep(_PAUSE_S)

    def close(self) -> None:
        """Closes the database."""
        self.engine.close()


@contextmanager
def timed(calls: Sequence[Callable[[], None]]) -> Iterator[list[list[float]]]:
    """Makes each call again and again, on a thread of its own with short pauses, while the block runs.

    Yields:
        For each call, the milliseconds that it took each time.
    """
    stop = threading.Event()
    times: list[list[float]] = [[] for _ in calls]

    def repeat(call: Callable[[], None], taken: list[float]) -> None:
        while not stop.wait(_PAUSE_S):
            began = time.perf_counter()
            call()
            taken.append((time.perf_counter() - began) * 1000)

    threads = [
        threading.Thread(target=repeat, args=(call, taken)) for call, taken in zip(calls, times, strict=True)
    ]
    for thread in threads:
        thread.start()
    try:
        yield times
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def percentiles(times: Sequence[float]) -> dict[str, float]:
    """p50, p99 and the largest of some milliseconds."""
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return {"p50_ms": round(cuts[49], 2), "p99_ms": round(cuts[98], 2), "max_ms": round(max(times), 1)}


def bytes_on_disk(folder: Path) -> int:
    """What the files of a folder take, as far as they are still there when they are looked at."""
    found = 0
    for path in folder.rglob("*"):
        try:
            found += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return found


def bytes_written() -> int:
    """What this process has caused to be written to disks so far."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes:"))


def _stored(record: bytes, day: int) -> StoredRecord:
    idx = record[_IDX_START : _IDX_START + INDEX_SIZE]
    return StoredRecord(record_key(idx, day, record[:RECORD_ID_SIZE]), day * _HOURS_A_DAY, record)
