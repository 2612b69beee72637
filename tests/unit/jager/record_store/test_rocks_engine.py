import multiprocessing
import resource
import secrets
import subprocess
import sys
import threading

import pytest

from trunkline.errors import QuotaError, StorageError, TooLargeError, UnavailableError
from trunkline.jager.record_store.engine import (
    Candidate,
    GrantUse,
    StoredRecord,
    Sweep,
    key_parts,
    record_key,
)
from trunkline.jager.record_store.retention import SweepHistory, first_kept_day, run_sweeps, sweep_once
from trunkline.jager.record_store.rocks_engine import RocksEngine

TODAY = 20_000
HOUR = TODAY * 24 + 3


def stored(idx=None, day=TODAY, record_id=None):
    idx = idx or secrets.token_bytes(32)
    record = secrets.token_bytes(14) + idx + secrets.token_bytes(668)
    return StoredRecord(record_key(idx, day, record_id or secrets.token_bytes(16)), day * 24 + 3, record)


def use(*indices, grant=None, requester=b"r" * 16, day=TODAY):
    return GrantUse(grant or secrets.token_bytes(16), requester, day, tuple(indices))


def test_records_come_back_whole_in_the_order_of_their_keys(engine):
    first, second = b"\x01" * 32, b"\x02" * 32
    records = sorted(
        [stored(first, TODAY - 1), stored(first), stored(first), stored(second)], key=lambda one: one.key
    )
    engine.put_batch(records[::-1])
    keys = engine.keys([first, second], 0, 100)
    assert keys == [one.key for one in records]
    assert engine.get(keys) == records
    assert engine.get([record_key(first, 1, bytes(16))]) == [None]


def test_neighbouring_indices_and_earlier_days_are_left_out(engine):
    idx, neighbour = b"\x01" * 32, b"\x01" * 31 + b"\x02"
    old, new = stored(idx, TODAY - 9), stored(idx)
    engine.put_batch([old, new, stored(neighbour)])
    assert engine.keys([idx], TODAY - 8, 100) == [new.key]
    assert engine.keys([idx], -5, 100) == [old.key, new.key]


def test_key_of_ones_throughout_is_still_found(engine):
    # The end of a scan must lie behind the greatest key there can be.
    greatest = stored(b"\xff" * 32, 0xFFFFFFFF, b"\xff" * 16)
    engine._store.write("records", [(greatest.key, bytes(686))])
    assert engine.keys([b"\xff" * 32], 0, 10) == [greatest.key]


def test_more_records_than_the_limit_are_refused_and_more_than_a_chunk_are_found(engine):
    idx = b"\x03" * 32
    engine.put_batch([stored(idx) for _ in range(2500)])
    assert len(engine.keys([idx], 0, 2500)) == 2500
    with pytest.raises(TooLargeError, match="more than 2499 records"):
        engine.keys([idx], 0, 2499)


def test_days_of_finds_a_record_under_any_day_of_its_time(engine):
    known = stored(day=TODAY - 6)
    engine.put_batch([known])
    idx, _, record_id = key_parts(known.key)
    candidates = [
        Candidate(idx, record_id, TODAY - 6),
        Candidate(idx, record_id, TODAY - 5),
        Candidate(idx, bytes(16), TODAY - 10),
        Candidate(bytes(32), record_id, -1),
    ]
    assert engine.days_of(candidates[:3], TODAY) == [TODAY - 6, None, None]
    assert engine.days_of(candidates[3:], 30) == [None]


def test_grants_served_before_are_counted_once_a_grant_and_survive_a_restart(tmp_path):
    engine = RocksEngine(tmp_path / "e")
    a, b, c = b"a" * 32, b"b" * 32, b"c" * 32
    first = use(a, b)
    assert engine.serve_grant(first, 100) == [0, 0]
    assert engine.serve_grant(use(b, c), 100) == [1, 0]
    assert engine.serve_grant(first, 100) == [0, 0]
    engine.close()
    engine = RocksEngine(tmp_path / "e")
    assert engine.serve_grant(first, 100) == [0, 0]
    assert engine.serve_grant(use(a, b, c), 100) == [1, 2, 1]
    engine.close()


def test_quota_counts_a_grant_once_and_is_renewed_the_next_day(engine):
    first = use(b"a" * 32, b"b" * 32)
    engine.serve_grant(first, 3)
    engine.serve_grant(first, 3)
    with pytest.raises(QuotaError, match="renewed at 00:00 UTC"):
        engine.serve_grant(use(b"c" * 32, b"d" * 32), 3)
    # What was refused has not been counted, for nobody.
    assert engine.serve_grant(use(b"c" * 32), 3) == [0]
    assert engine.serve_grant(use(b"d" * 32, requester=b"s" * 16), 3) == [0]
    assert engine.serve_grant(use(b"d" * 32, b"e" * 32, b"f" * 32, day=TODAY + 1), 3) == [1, 0, 0]


def test_sweep_removes_what_has_expired_and_nothing_else(engine):
    old, new = [stored(day=TODAY - 10) for _ in range(30)], [stored() for _ in range(30)]
    engine.put_batch(old + new)
    kept = use(b"a" * 32)
    engine.serve_grant(use(b"a" * 32, day=TODAY - 10), 10)
    engine.serve_grant(kept, 10)
    cursor, removed = b"r", 0
    while cursor is not None:
        cursor, gone = engine.sweep(cursor, TODAY - 9, 7)
        removed += gone
    # 30 records; of the old grant itself, its count under its idx; the requester's quota is of today.
    assert removed == 32
    assert engine.get([one.key for one in old]) == [None] * 30
    assert engine.get([one.key for one in new]) == new
    assert engine.serve_grant(kept, 10) == [1]
    assert engine.serve_grant(use(b"a" * 32), 10) == [2]


def test_space_of_swept_records_is_given_back(engine):
    kept = [stored() for _ in range(4000)]
    engine.put_batch([stored(day=1) for _ in range(8000)] + kept)
    engine._store._database.families["records"].flush()
    full = engine.measurements()["table_files_bytes"]
    assert sweep_once(engine, TODAY, threading.Event(), pause_s=0) == 8000
    assert engine.measurements()["table_files_bytes"] < full * 0.4
    assert engine.get([one.key for one in kept]) == kept


def test_tables_are_merged_once_enough_was_removed_by_one_sweep_or_by_several(engine, monkeypatch):
    merged = []
    monkeypatch.setattr(engine._store, "merge", merged.append)
    monkeypatch.setattr("trunkline.jager.record_store.retention._CHUNK", 30)
    engine.put_batch([stored() for _ in range(97)] + [stored(day=day) for day in (1, 2, 3, 3, 3, 3)])

    def sweep(before_day):
        assert sweep_once(engine, before_day, threading.Event(), pause_s=0) <= 4
        return len(merged)

    # Of about a hundred records one, two, six are gone; then none again.
    assert [sweep(day) for day in (2, 3, 4, 4)] == [0, 0, 1, 1]


def test_records_beyond_one_write_are_all_there_after_a_crash(tmp_path):
    engine = RocksEngine(tmp_path / "e")
    records = [stored() for _ in range(700)]
    engine.put_batch(records)
    subprocess.run(["cp", "-r", tmp_path / "e", tmp_path / "crashed"], check=True)
    engine.close()
    engine = RocksEngine(tmp_path / "crashed")
    assert engine.get([one.key for one in records]) == records
    engine.close()


def test_log_that_cannot_be_synchronised_is_a_storage_error_and_the_next_write_opens_anew(
    engine, monkeypatch
):
    database = engine._store._database

    class Root:
        write = database.root.write

        @staticmethod
        def flush_wal(sync):
            raise RuntimeError("IO error: no space")

    real = database.root
    monkeypatch.setattr(database, "root", Root)
    records = [stored() for _ in range(3)]
    with pytest.raises(StorageError, match="cannot write"):
        engine.put_batch(records)
    monkeypatch.setattr(database, "root", real)
    with pytest.raises(StorageError, match="last write failed"):
        engine.check()
    engine.put_batch(records)
    engine.check()
    assert engine.get([one.key for one in records]) == records


def test_sweep_once_stops_when_told(engine):
    engine.put_batch([stored(day=1)])
    stop = threading.Event()
    stop.set()
    assert sweep_once(engine, TODAY, stop) == 0
    stop.clear()
    assert sweep_once(engine, TODAY, stop, pause_s=0) == 1


def test_first_kept_day_keeps_the_number_of_days_asked_for():
    assert first_kept_day(86_400 * TODAY + 5, 180) == TODAY - 180


class Looks:
    """A clock, and the event that ends the sweeps, which goes on to the next day given at each look."""

    def __init__(self, *days):
        self.days = [0, *days]

    def __call__(self):
        return self.days[0] * 86_400.0

    def wait(self, seconds):
        if seconds > 1:  # else it is a pause within a sweep
            self.days.pop(0)
        return not self.days

    def is_set(self):
        return False


def test_sweeps_are_done_once_a_day_and_again_after_a_failure():
    swept, history = [], SweepHistory()

    class Engine:
        def sweep(self, cursor, before_day, limit):
            swept.append(before_day)
            if len(swept) == 3:
                raise UnavailableError("no answer")
            return Sweep(None, 5)

    looks = Looks(200, 200, 201, 202, 202, 202)
    run_sweeps(Engine(), 180, looks, looks, history)
    assert swept == [20, 21, 22, 22]
    assert (history.removed, history.failing) == (15, False)


def test_second_process_is_refused(tmp_path, engine):
    script = (
        "import sys, pathlib\n"
        "from trunkline.errors import StorageError\n"
        "from trunkline.jager.record_store.rocks_engine import RocksEngine\n"
        "try: RocksEngine(pathlib.Path(sys.argv[1]))\n"
        "except StorageError as error: sys.exit(str(error))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "records")], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert "in use by another process" in result.stderr


def test_forked_child_cannot_write(engine):
    def child(engine, results):
        try:
            engine.put_batch([stored()])
        except StorageError as error:
            results.put(str(error))
        else:
            results.put("stored")

    context = multiprocessing.get_context("fork")
    results = context.Queue()
    process = context.Process(target=child, args=(engine, results))
    process.start()
    assert "a fork of it" in results.get(timeout=30)
    process.join()


def test_closed_engine_is_a_storage_error(tmp_path):
    engine = RocksEngine(tmp_path / "e")
    engine.close()
    with pytest.raises(StorageError, match="closed"):
        engine.check()


def test_damaged_table_is_a_storage_error_and_never_a_missing_record(tmp_path):
    records = [stored() for _ in range(200)]
    engine = RocksEngine(tmp_path / "e")
    engine.put_batch(records)
    engine._store._database.families["records"].flush(True)
    engine.close()
    (table,) = (tmp_path / "e").glob("*.sst")
    content = bytearray(table.read_bytes())
    content[1000] ^= 1
    table.write_bytes(content)
    engine = RocksEngine(tmp_path / "e")
    with pytest.raises(StorageError, match="damaged"):
        engine.get([one.key for one in records])
    with pytest.raises(StorageError, match="damaged"):
        engine.keys([min(one.key for one in records)[:32]], 0, 10)
    engine.close()


def test_log_damaged_before_its_end_is_refused_at_the_start(tmp_path):
    engine = RocksEngine(tmp_path / "e")
    for _ in range(3):
        engine.put_batch([stored() for _ in range(50)])
    crashed = tmp_path / "crashed"
    subprocess.run(["cp", "-r", tmp_path / "e", crashed], check=True)
    engine.close()
    (log,) = crashed.glob("*.log")
    content = bytearray(log.read_bytes())
    content[len(content) // 2] ^= 1
    log.write_bytes(content)
    with pytest.raises(StorageError, match="damaged"):
        RocksEngine(crashed)


def test_log_torn_at_its_end_loses_only_what_was_not_acknowledged(tmp_path):
    engine = RocksEngine(tmp_path / "e")
    first, second = [stored() for _ in range(50)], [stored() for _ in range(50)]
    engine.put_batch(first)
    engine.put_batch(second)
    crashed = tmp_path / "crashed"
    subprocess.run(["cp", "-r", tmp_path / "e", crashed], check=True)
    engine.close()
    (log,) = crashed.glob("*.log")
    log.write_bytes(log.read_bytes()[:-100])
    engine = RocksEngine(crashed)
    assert engine.get([one.key for one in first]) == first
    assert engine.get([one.key for one in second]) == [None] * 50
    engine.close()


def test_full_disk_refuses_writes_keeps_reads_and_recovers_when_there_is_room(tmp_path):
    engine = RocksEngine(tmp_path / "e")
    records = [stored() for _ in range(1000)]
    engine.put_batch(records)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 * 1024 * 1024, hard))
        refused = [stored() for _ in range(4000)]
        with pytest.raises(StorageError, match="cannot write"):
            engine.put_batch(refused)
        with pytest.raises(StorageError, match="cannot write"):
            engine.put_batch(refused)
        with pytest.raises(StorageError, match="disk is probably full"):
            engine.check()
        assert engine.get([one.key for one in records]) == records
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    engine.put_batch(refused)
    engine.check()
    assert engine.get([one.key for one in refused]) == refused
    assert engine.get([one.key for one in records]) == records
    engine.close()
