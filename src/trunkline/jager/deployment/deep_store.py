"""A record store that holds millions of records: filling it, and watching it while it works.

The database is filled through the storage interface with random bytes of a record's size, as days of calls
would have filled it.
"""

import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from trunkline.jager.messages.record import INDEX_SIZE, RECORD_ID_SIZE, RECORD_KEY_SIZE, RECORD_SIZE
from trunkline.jager.record_store.engine import StoredRecord, record_key
from trunkline.jager.record_store.retention import SECONDS_A_DAY
from trunkline.jager.record_store.rocks_engine import RocksEngine

WINDOW = 21
"""Labels of one trace."""

DAYS = 90
"""Days that the records are spread over."""

STORED_SIZE = RECORD_KEY_SIZE + 4 + RECORD_SIZE - INDEX_SIZE
"""Bytes of a record at rest: its key, the hour, and the record without the index that begins the key."""

_BATCH = 4096
_SMALL_BATCH = 64
_KNOWN = 100_000
_IDX_START = 14
_HOURS_A_DAY = 24
_PAUSE_S = 0.005
_LOOK_S = 0.2
_CALM_LOOKS = 5


class DeepStore:
    """An open database of made-up records.

    Args:
        path: The database's folder.
        now: Unix time of the newest records.
    """

    small_write = _SMALL_BATCH * STORED_SIZE
    """Bytes that `write_some` stores."""

    def __init__(self, path: Path, now: float) -> None:
        self.engine = RocksEngine(path)
        self.today = int(now) // SECONDS_A_DAY
        self._path = path
        self._known: list[bytes] = []

    def fill(self, start: int, end: int, total: int, step: Callable[[int], None]) -> float:
        """Stores the made-up records from number `start` to `end` of `total`, in the order of their days.

        Returns:
            How many bytes were written to the disk for each byte stored, log and merging included.
        """
        written = self.bytes_written()
        for first in range(start, end, _BATCH):
            count = min(_BATCH, end - first)
            self.engine.put_batch(_made_up(count, self.today - DAYS + 1 + first * DAYS // total))
            step(count)
        self.settle()
        return round((self.bytes_written() - written) / ((end - start) * STORED_SIZE), 1)

    def sample(self) -> None:
        """Picks indices from all over the database, for `look_up`."""
        while len(self._known) < _KNOWN:
            page = self.engine.page(os.urandom(INDEX_SIZE), WINDOW)
            self._known += [one.key[:INDEX_SIZE] for one in page]

    def look_up(self) -> None:
        """What a retrieval asks the database: the keys under the indices of a window, then their records."""
        at = int.from_bytes(os.urandom(4), "big") % (len(self._known) - WINDOW * WINDOW)
        # Some labels of a window have a record, most have none.
        found = self._known[at : at + WINDOW * 5 : WINDOW]
        window = sorted(found + [os.urandom(INDEX_SIZE) for _ in range(WINDOW - len(found))])
        self.engine.get(self.engine.keys(window, self.today - DAYS, 1000))

    def write_some(self) -> None:
        """Stores as many records durably as a small contribution has."""
        self.engine.put_batch(_made_up(_SMALL_BATCH, self.today))

    def settle(self) -> None:
        """Waits until the database has nothing left to merge."""
        calm = 0
        while calm < _CALM_LOOKS:
            now = self.engine.measurements()
            calm = 0 if now["pending_compaction_bytes"] or now["running_compactions"] else calm + 1
            time.sleep(_LOOK_S)

    def bytes_on_disk(self) -> int:
        """What its files take."""
        return bytes_on_disk(self._path)

    @staticmethod
    def bytes_written() -> int:
        """What this process has caused to be written to disks so far."""
        lines = Path("/proc/self/io").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes:"))

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
    """p50, p99 and the largest of some milliseconds, and how many there are."""
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return {
        "p50_ms": round(cuts[49], 2),
        "p99_ms": round(cuts[98], 2),
        "max_ms": round(max(times), 1),
        "count": len(times),
    }


def bytes_on_disk(folder: Path) -> int:
    """What the files of a folder take, as far as they are still there when they are looked at."""
    found = 0
    for path in folder.rglob("*"):
        try:
            found += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return found


def _made_up(count: int, day: int) -> list[StoredRecord]:
    made = os.urandom(count * RECORD_SIZE)
    records = [made[at : at + RECORD_SIZE] for at in range(0, len(made), RECORD_SIZE)]
    return [
        StoredRecord(
            record_key(record[_IDX_START : _IDX_START + INDEX_SIZE], day, record[-RECORD_ID_SIZE:]),
            day * _HOURS_A_DAY,
            record,
        )
        for record in records
    ]
