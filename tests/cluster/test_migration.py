"""An embedded store moves to the cluster while carriers contribute; both programs are killed meanwhile."""

import os
import secrets
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from lab_shapes import LAB
from real_processes import TRUNKLINE, answer_of, error_of, eventually, lab_run, pid_of, trunkline
from stores import SLOW, acknowledged, acknowledged_keys, change, readiness, store_config, use_cluster

from trunkline.jager.deployment.local import RECORD_STORE
from trunkline.jager.deployment.score import score
from trunkline.jager.record_store.cassandra_engine import CassandraEngine
from trunkline.jager.record_store.cassandra_session import open_session
from trunkline.jager.record_store.config import CassandraConfig
from trunkline.jager.record_store.engine import StoredRecord, record_key
from trunkline.jager.record_store.rocks_engine import RocksEngine

pytestmark = pytest.mark.network

RECORDS = 474
OLDER_RECORDS = 600
EVERYTHING = 100_000
SOME_CALLS = 8


@pytest.fixture(scope="module")
def embedded(settings):
    """The shipped lab on an embedded store that has some older records already; nothing contributed yet."""
    with lab_run(LAB) as run:
        run.create()
        config = store_config(run, RECORD_STORE)
        before = config.read_bytes()
        use_cluster(run, settings, data_dir="cluster-data", embedded="data")
        config.with_name("cluster.toml").write_bytes(config.read_bytes())
        config.write_bytes(before)
        add_older_records(run)
        names = run.deployment.carriers()
        for name in names:
            change(run.deployment.carrier_config(name), lambda config: config.update(contribution=SLOW))
        run.start()
        run.deployment.enrol(names)
        run.deployment.start_carriers(names[::2])
        yield run


def add_older_records(run):
    """What makes the copying long enough to be interrupted."""
    day = int(time.time()) // 86_400 - 3
    records = []
    for _ in range(OLDER_RECORDS):
        idx = secrets.token_bytes(32)
        body = secrets.token_bytes(14) + idx + secrets.token_bytes(668)
        records.append(StoredRecord(record_key(idx, day, secrets.token_bytes(16)), day * 24, body))
    engine = RocksEngine(run.deployment.directory / RECORD_STORE / "data" / "records")
    engine.put_batch(records)
    engine.close()


def migrating(run):
    """A `trunkline record-store migrate` that runs."""
    return subprocess.Popen(
        [TRUNKLINE, "record-store", "migrate", "--config", store_config(run, RECORD_STORE), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def moved(embedded, settings):
    """Contributions began at the embedded store and ended at the cluster; nothing is embedded any more."""
    run = embedded
    names = run.deployment.carriers()
    early, late = names[::2], names[1::2]
    config = store_config(run, RECORD_STORE)
    with ThreadPoolExecutor(len(names)) as pool:
        done = [pool.submit(run.control(name).call, "contribute", {"finish": True}) for name in early]
        eventually(lambda: acknowledged(run, early) > RECORDS // 8, "records in the embedded store")
        config.write_bytes(config.with_name("cluster.toml").read_bytes())
        refused = error_of(trunkline("record-store", "migrate", "--config", config, "--json"))
        run.deployment.processes.stop([RECORD_STORE])
        run.deployment.restart(RECORD_STORE)

        run.deployment.start_carriers(late)
        done += [pool.submit(run.control(name).call, "contribute", {"finish": True}) for name in late]
        first = migrating(run)
        with open_session(CassandraConfig.model_validate(settings)) as session:
            state = session.prepare("SELECT state FROM {keyspace}.migrations")
            eventually(lambda: first.poll() is not None or session.run(state), "the first records copied")
        assert first.poll() is None, first.communicate()
        first.kill()
        first.communicate()
        os.kill(pid_of(run, RECORD_STORE), signal.SIGKILL)
        eventually(lambda: run.deployment.processes.find(RECORD_STORE) is None, "the end of the store")
        run.deployment.restart(RECORD_STORE)
        for one in done:
            one.result()
        # Its records are some here, some there.
        call = run.answered()[0]
        meanwhile = run.trace(call)
    result = answer_of(trunkline("record-store", "migrate", "--config", config, "--json"))
    change(config, lambda values: values["record_store"].pop("embedded_data_dir"))
    run.deployment.processes.stop([RECORD_STORE])
    run.deployment.restart(RECORD_STORE)
    return run, refused, result, run.summary(call, meanwhile)


def test_migration_of_a_store_that_still_runs_embedded_is_refused(moved):
    assert moved[1]["error"] == "storage"
    assert "in use by another process" in moved[1]["message"]


def test_every_acknowledged_record_is_in_the_cluster(moved, settings):
    run, _, result, _ = moved
    assert acknowledged(run) == RECORDS
    keys = acknowledged_keys(run)
    with open_session(CassandraConfig.model_validate(settings)) as session:
        engine = CassandraEngine(session, retention_days=180, clock=time.time)
        assert [key for key, stored in zip(keys, engine.get(keys), strict=True) if stored is None] == []
        older = RocksEngine(run.deployment.directory / RECORD_STORE / "data" / "records", read_only=True)
        records = older.page(b"", EVERYTHING)
        older.close()
        assert engine.get([one.key for one in records]) == records
    assert result == {"copied": len(records), "verified": len(records), "repaired": 0}
    assert OLDER_RECORDS + RECORDS // 8 < len(records) < OLDER_RECORDS + len(keys)


def test_traces_work_during_the_migration_and_after_it(moved):
    run, _, _, meanwhile = moved
    calls = run.answered()[:SOME_CALLS]
    with ThreadPoolExecutor(4) as pool:
        traced = [
            run.summary(call, found) for call, found in zip(calls, pool.map(run.trace, calls), strict=True)
        ]
    result = score(LAB, traced)
    assert (result.path_correct, result.origin_correct) == (len(calls), len(calls))
    assert score(LAB, [meanwhile]).path_correct == 1
    assert readiness(run, RECORD_STORE) is None


def test_embedded_store_cannot_be_started_on_records_that_moved(moved):
    run = moved[0]
    config = store_config(run, RECORD_STORE).parent / "old.toml"
    config.write_bytes(store_config(run, RECORD_STORE).read_bytes())

    def back(values):
        values["data_dir"] = "data"
        del values["record_store"]["cassandra"]

    change(config, back)
    done = trunkline("record-store", "serve", "--config", config)
    assert done.returncode == 1
    assert "have moved to a cluster" in done.stderr
