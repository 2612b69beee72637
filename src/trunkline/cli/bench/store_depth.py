"""`trunkline bench store --depth`: a record store that holds months of records."""

import shutil
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from trunkline.cli.output import bar
from trunkline.errors import StorageError

if TYPE_CHECKING:
    from trunkline.cli.bench.store import Load
    from trunkline.jager.deployment.deep_store import DeepStore

SHALLOW = 1_000_000
"""The depth that the full depth is compared with."""

SWEPT_DAYS = 30
"""Days of records that expire at once, of the 90 that are stored."""

_PART = 8  # contributions of the load that are sent at the shallow depth, and again for the look-ups
_IDLE_S = 5.0
_ROOM = 2.5  # times the records' size: merging needs room for what it reads and what it writes


def measure_depth(load: "Load", depth: int) -> dict[str, Any]:
    """Fills the store to `depth` records, the last ones those of the load, and measures it on the way.

    1. Made-up records up to a twentieth of the depth, at most a million; then a part of the load.
    2. Made-up records up to the depth but for what is left of the load; then that but for a part.
    3. Look-ups of 21 labels, alone, and while this process verifies and stores the last part.
    4. A sweep of a third of all days, with look-ups and small writes at the same time.

    Raises:
        StorageError: There is not enough room on the disk.
    """
    from trunkline.crypto.record import RECORD_SIZE
    from trunkline.jager.deployment.deep_store import DeepStore

    room = depth * RECORD_SIZE * _ROOM
    if shutil.disk_usage(load.deployment.directory).free < room:
        raise StorageError(f"this needs {room / 1e9:.0f} GB of temporary files; set TMPDIR to a larger disk")
    folder = load.config.data_dir / "records"
    part = min(_PART, len(load.contributions) // 3)
    loads = [load.contributions[:part], load.contributions[part:-part], load.contributions[-part:]]
    made_up = depth - sum(len(one) // RECORD_SIZE for one in load.contributions)
    result: dict[str, Any] = {"depth": depth}
    places = [0, min(SHALLOW, depth // 20), made_up]
    for name, start, end, sent in zip(("shallow", "deep"), places, places[1:], loads, strict=False):
        with closing(DeepStore(folder, time.time())) as database, bar(f"filling to {end}", end) as progress:
            progress.set(start)
            amplification = database.fill(start, end, made_up, progress.advance)
        result[name] = {"filled_to": end, "write_amplification": amplification} | load.measure(sent)
    with closing(DeepStore(folder, time.time())) as database:
        return result | _look_up(load, database, loads[-1], depth) | _sweep(database)


def _look_up(load: "Load", database: "DeepStore", sent: Sequence[bytes], depth: int) -> dict[str, Any]:
    from trunkline.jager.deployment.deep_store import percentiles, timed

    database.sample()
    with bar("looking up", None), timed([database.look_up]) as (alone,):
        time.sleep(_IDLE_S)
    with bar("looking up during ingest", None), timed([database.look_up]) as (during,):
        rate = load.ingest(database.engine, sent)
    database.settle()
    return {
        "lookups_alone": percentiles(alone),
        "lookups_during_ingest": percentiles(during) | {"records_per_second": round(rate, 1)},
        "store_bytes_per_record": round(database.bytes_on_disk() / depth, 1),
    }


def _sweep(database: "DeepStore") -> dict[str, Any]:
    from trunkline.jager.deployment.deep_store import DAYS, percentiles, timed
    from trunkline.jager.record_store.retention import sweep_once

    before, written = database.bytes_on_disk(), database.bytes_written()
    with bar("sweeping", None), timed([database.look_up, database.write_some]) as (looking, writing):
        began = time.monotonic()
        removed = sweep_once(database.engine, database.today - DAYS + 1 + SWEPT_DAYS, threading.Event())
        swept = time.monotonic()
        database.settle()
        settled = time.monotonic()
    freed = before + len(writing) * database.small_write - database.bytes_on_disk()
    return {
        "sweep": {
            "removed": removed,
            "seconds": round(swept - began, 1),
            "seconds_until_merged": round(settled - swept, 1),
            "freed_gb": round(freed / 1e9, 2),
            "freed_bytes_per_record": round(freed / removed, 1),
            "written_gb": round((database.bytes_written() - written) / 1e9, 2),
            "lookups": percentiles(looking),
            "writes": percentiles(writing),
        }
    }
