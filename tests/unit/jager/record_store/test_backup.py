import json
import shutil
import threading
from contextlib import contextmanager

import pytest
from store_lab import NOW, WEEK, body

from trunkline.errors import ConfigurationError, ConflictError, StorageError, UnavailableError
from trunkline.jager.record_store import backup
from trunkline.jager.record_store.backup import Snapshots, back_up, check_store, restore
from trunkline.jager.record_store.engine import GrantUse, StoredRecord, record_key
from trunkline.jager.record_store.rocks_engine import RocksEngine
from trunkline.service.files import lock_directory

TODAY = int(NOW) // 86_400


def stored():
    content = body()
    record = b"\x01\x01" + bytes(8) + (int(NOW) // WEEK).to_bytes(4, "big") + content + bytes(464)
    return StoredRecord(record_key(content[:32], TODAY, content[-16:]), int(NOW) // 3600, record)


@pytest.fixture
def config(lab):
    config = lab.write_files()
    config.data_dir.mkdir()
    return config


@pytest.fixture
def filled(config):
    """Records and a grant, in a store that does not run."""
    records = [stored() for _ in range(500)]
    engine = RocksEngine(config.data_dir / "records")
    engine.put_batch(records)
    engine.serve_grant(GrantUse(b"g" * 16, b"r" * 16, TODAY, (records[0].key[:32],)), 10)
    engine.close()
    (config.data_dir / "registry-serial").write_text("7")
    return records


@contextmanager
def running(config):
    """What a running store does about backups."""
    with lock_directory(config.data_dir):
        engine = RocksEngine(config.data_dir / "records")
        stop = threading.Event()
        thread = threading.Thread(target=Snapshots(engine, config.data_dir).run, args=(stop,))
        thread.start()
        try:
            yield engine
        finally:
            stop.set()
            thread.join()
            engine.close()


def ignored(_count):
    pass


def make_backup(config, target):
    return back_up(config, target, lambda: NOW, ignored, ignored)


def empty_again(config):
    shutil.rmtree(config.data_dir)


def records_of(config):
    engine = RocksEngine(config.data_dir / "records")
    try:
        return {one.key: one for one in engine.page(b"", 100_000)}
    finally:
        engine.close()


def test_store_that_does_not_run_comes_back_whole(config, filled, tmp_path):
    manifest = make_backup(config, tmp_path / "copy")
    assert manifest.made_at == int(NOW)
    empty_again(config)
    copied = []
    restore(config, tmp_path / "copy", copied.append, lambda total: copied.append(-total))
    assert sum(copied) == 0
    assert records_of(config) == {one.key: one for one in filled}
    assert (config.data_dir / "registry-serial").read_text() == "7"
    engine = RocksEngine(config.data_dir / "records")
    # The grants that were answered are in it too: another grant is the second one for the index.
    again = engine.serve_grant(GrantUse(b"h" * 16, b"r" * 16, TODAY, (filled[0].key[:32],)), 10)
    engine.close()
    assert again == [1]


def test_backup_of_a_running_store_has_everything_acknowledged_before_it_began(config, filled, tmp_path):
    with running(config) as engine:
        acknowledged = {one.key for one in filled}
        stop, later = threading.Event(), []

        def write():
            while not stop.is_set():
                batch = [stored() for _ in range(50)]
                engine.put_batch(batch)
                later.append({one.key for one in batch})

        writer = threading.Thread(target=write)
        writer.start()
        while len(later) < 3:
            assert writer.is_alive()
        acknowledged = acknowledged.union(*later)
        make_backup(config, tmp_path / "copy")
        stop.set()
        writer.join()
        assert not list((config.data_dir / "snapshots").iterdir())
    empty_again(config)
    restore(config, tmp_path / "copy", ignored, ignored)
    found = set(records_of(config))
    assert acknowledged <= found
    # Whole writes only: what was written meanwhile is there or is not.
    assert all(batch <= found or not batch & found for batch in later)


def test_store_that_holds_the_folder_but_does_not_answer_is_unavailable(
    config, filled, tmp_path, monkeypatch
):
    monkeypatch.setattr(backup, "_ANSWER_S", 0.0)
    with lock_directory(config.data_dir), pytest.raises(UnavailableError, match="no record store answers"):
        make_backup(config, tmp_path / "copy")
    assert not (tmp_path / "copy" / "backup.json").exists()


def test_snapshot_that_cannot_be_made_is_told_to_the_command(config, filled, tmp_path):
    with running(config) as engine:
        engine.close()
        with pytest.raises(StorageError, match="could not make a copy: the database is closed"):
            make_backup(config, tmp_path / "copy")


def test_snapshots_left_behind_are_removed_at_the_start(config, filled):
    left = config.data_dir / "snapshots" / "old"
    left.mkdir(parents=True)
    with running(config):
        assert not left.exists()


@pytest.mark.parametrize("harm", ["flipped", "cut", "gone"])
def test_damaged_backup_is_refused_and_leaves_no_store(config, filled, tmp_path, harm):
    make_backup(config, tmp_path / "copy")
    empty_again(config)
    table = next((tmp_path / "copy" / "records").glob("*.sst"))
    content = table.read_bytes()
    if harm == "flipped":
        table.write_bytes(content[:1000] + bytes([content[1000] ^ 1]) + content[1001:])
    elif harm == "cut":
        table.write_bytes(content[:-1])
    else:
        table.unlink()
    with pytest.raises(StorageError, match=r"backup is damaged|cannot copy"):
        restore(config, tmp_path / "copy", ignored, ignored)
    assert not (config.data_dir / "records").exists()


def test_backup_without_its_list_or_with_paths_that_lead_out_is_refused(config, filled, tmp_path):
    make_backup(config, tmp_path / "copy")
    empty_again(config)
    manifest = tmp_path / "copy" / "backup.json"
    content = json.loads(manifest.read_text())
    content["files"]["records/../../evil"] = next(iter(content["files"].values()))
    manifest.write_text(json.dumps(content))
    with pytest.raises(StorageError, match="damaged or of a later release"):
        restore(config, tmp_path / "copy", ignored, ignored)
    manifest.unlink()
    with pytest.raises(StorageError, match="no complete backup"):
        restore(config, tmp_path / "copy", ignored, ignored)


def test_restore_to_a_store_with_records_or_of_another_store_is_refused(config, filled, tmp_path):
    make_backup(config, tmp_path / "copy")
    with pytest.raises(ConflictError, match="has records already"):
        restore(config, tmp_path / "copy", ignored, ignored)
    other = config.model_copy(update={"id": bytes(16)})
    with pytest.raises(ConfigurationError, match="another record store"):
        restore(other, tmp_path / "copy", ignored, ignored)
    with pytest.raises(ConflictError, match="not empty"):
        make_backup(config, tmp_path / "copy")


def test_store_on_a_cluster_has_no_backup_here(config, tmp_path):
    clustered = config.model_copy(update={"cassandra": object()})
    with pytest.raises(ConfigurationError, match="cluster"):
        make_backup(clustered, tmp_path / "copy")
    with pytest.raises(ConfigurationError, match="cluster"):
        restore(clustered, tmp_path, ignored, ignored)
    with pytest.raises(ConfigurationError, match="cluster"):
        check_store(clustered, ignored)


def test_check_reads_every_entry_and_finds_a_flipped_bit(config, filled):
    # What is in the log alone is checked whenever the store is opened; here it comes into a table.
    engine = RocksEngine(config.data_dir / "records")
    engine.snapshot(config.data_dir / "unused")
    engine.close()
    counted = []
    check_store(config, counted.append)
    assert sum(counted) >= 500
    for table in (config.data_dir / "records").glob("*.sst"):
        content = bytearray(table.read_bytes())
        content[len(content) // 3] ^= 1
        table.write_bytes(content)
    with pytest.raises(StorageError, match="restore it from a copy"):
        check_store(config, ignored)


def test_check_wants_a_store_that_is_there_and_does_not_run(config, filled):
    with running(config), pytest.raises(StorageError, match="in use"):
        check_store(config, ignored)
    empty_again(config)
    with pytest.raises(StorageError, match="no records"):
        check_store(config, ignored)
