"""What a record store shows to those who watch it."""

import threading

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from trunkline.errors import StorageError
from trunkline.jager.messages.contribution import CONTRIBUTION_TYPE, Contribution
from trunkline.jager.record_store import retention, rocksdb
from trunkline.jager.record_store.app import create
from trunkline.jager.record_store.retention import SweepHistory, run_sweeps


@pytest.fixture
def client(lab, clock):
    with TestClient(create(lab.write_files(), clock)) as client:
        yield client


def samples(client):
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(client.app.state.watched.metrics.render().decode())
        for sample in family.samples
    }


def failing(client):
    return {name for name, good in client.app.state.watched.checks.results().items() if not good}


def test_records_are_counted_by_what_became_of_them(lab, client):
    records = lab.records(4)
    lab.contribute(client, records)
    lab.contribute(client, records[:1])
    lab.contribute(client, [records[0][:-1] + bytes([records[0][-1] ^ 1]), b"\x02" + records[0][1:]])
    found = samples(client)
    outcomes = {key[1]: value for key, value in found.items() if key[0] == "trunkline_store_records_total"}
    assert {outcome: value for outcome, value in outcomes.items() if value} == {
        "stored": 4,
        "repeated": 1,
        "signature": 1,
        "version": 1,
    }
    assert found["trunkline_store_batch_records_sum",] == 7
    assert found["trunkline_store_verification_seconds_count",] >= 1
    assert found["trunkline_store_storing_seconds_count",] >= 1
    assert found["trunkline_store_waiting_records",] == 0
    assert found["trunkline_store_waiting_records_limit",] > 0


def test_answers_are_counted_once_however_many_pages_they_have(lab, client):
    idx = bytes(32)
    lab.contribute(client, lab.records(3, idx))
    grant = lab.grant([idx])
    lab.pages(client, grant, [idx])
    found = samples(client)
    assert found["trunkline_store_answers_total",] == 1
    assert found["trunkline_store_answered_labels_total",] == 1
    assert found["trunkline_store_answered_records_total",] == 3


def test_batch_that_was_not_stored_is_counted_by_code(lab, client, monkeypatch):
    def full(*_arguments):
        raise StorageError("No space left on device")

    monkeypatch.setattr(rocksdb.KeyValueStore, "write", full)
    body = Contribution(b"".join(lab.records(1))).encode()
    client.post("/v1/contributions", content=body, headers={"content-type": CONTRIBUTION_TYPE})
    found = samples(client)
    assert found["trunkline_store_failed_batches_total", "storage"] == 1
    assert found["trunkline_store_records_total", "stored"] == 0


def test_database_says_how_large_it_is_and_whether_it_takes_writes(lab, client):
    lab.contribute(client, lab.records(2))
    measures = {
        key[1]: value for key, value in samples(client).items() if key[0] == "trunkline_store_database"
    }
    assert measures["keys"] == 2
    assert measures["write_buffers_bytes"] > 0
    assert measures["writes_stopped"] == measures["write_failed"] == measures["background_errors"] == 0


def test_store_with_all_that_it_needs_is_ready(client):
    assert set(client.app.state.watched.checks.results()) >= {
        *("parameters", "disk", "database", "ingest", "sweeps")
    }
    assert not failing(client)


def test_store_past_the_parameters_is_not_ready(lab, client, clock):
    clock.now = lab.parameters.not_after
    assert failing(client) == {"parameters"}


def test_store_whose_ingest_has_ended_is_not_ready(lab, clock):
    client = TestClient(create(lab.write_files(), clock))
    with client:
        assert not failing(client)
    assert {"ingest", "database"} <= failing(client)


def test_sweep_that_failed_is_told_until_one_succeeds(engine, clock, monkeypatch):
    monkeypatch.setattr(retention, "_LOOK_S", 0.0)
    history, stop = SweepHistory(), threading.Event()
    told = []

    class Flaky:
        def sweep(self, *arguments):
            told.append(history.failing)
            if len(told) == 1:
                raise StorageError("the database is damaged")
            with pytest.raises(StorageError, match="last sweep failed"):
                history.check()
            stop.set()
            return engine.sweep(*arguments)

    run_sweeps(Flaky(), 30, clock, stop, history)
    assert told == [False, True]
    history.check()
    assert history.ended_at == clock()
