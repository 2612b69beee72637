"""Nodes that answer nothing but keep their connections, as under memory pressure or a dying disk."""

import secrets
import time

import pytest
from test_engine import NO_LIMIT, RETENTION_DAYS, TODAY, candidate, grant, some_record

from trunkline.errors import UnavailableError
from trunkline.jager.record_store.cassandra_engine import CassandraEngine
from trunkline.jager.record_store.cassandra_session import open_session
from trunkline.jager.record_store.cassandra_shared import SharedNonces


@pytest.fixture(scope="module")
def engine(session):
    return CassandraEngine(session, retention_days=RETENTION_DAYS, clock=time.time)


@pytest.fixture
def paused(all_nodes):
    """Stops nodes until the test is over."""
    stopped = []

    def pause(*numbers):
        all_nodes.pause(*numbers)
        stopped.extend(numbers)

    yield pause
    all_nodes.resume(*stopped)


def patiently(step):
    """What an operator sees until all nodes have noticed that the others are back."""
    for _ in range(60):
        try:
            return step()
        except UnavailableError:
            time.sleep(0.5)
    raise AssertionError("the cluster does not recover")


def test_one_silent_node_stops_nothing(engine, session, paused):
    records = [some_record() for _ in range(20)]
    paused(1)
    engine.put_batch(records)
    keys = engine.keys(sorted(one.key[:32] for one in records), 0, NO_LIMIT)
    assert sorted(one.key for one in engine.get(keys)) == sorted(one.key for one in records)
    assert set(engine.days_of([candidate(one) for one in records], TODAY)) == {TODAY}
    requester = secrets.token_bytes(16)
    assert engine.serve_grant(grant([one.key[:32] for one in records], requester=requester), 50) == [0] * 20
    SharedNonces(session).remember("a" * 32, secrets.token_hex(16), 0.0)
    engine.check()


def test_two_silent_nodes_end_everything_as_unavailable_and_nothing_waits_for_ever(engine, session, paused):
    stored = some_record()
    engine.put_batch([stored])
    nonces = SharedNonces(session)
    paused(0, 2)
    steps = (
        lambda: engine.put_batch([some_record() for _ in range(300)]),
        lambda: engine.get([stored.key]),
        lambda: engine.serve_grant(grant([stored.key[:32]]), 1_000),
        lambda: nonces.remember("a" * 32, secrets.token_hex(16), 0.0),
        engine.check,
    )
    for step in steps:
        with pytest.raises(UnavailableError, match="in time"):
            step()


def test_nodes_that_go_on_are_used_again_by_the_same_session(engine, cluster):
    # After the test before this one.
    stored = some_record()
    patiently(lambda: engine.put_batch([stored]))
    with open_session(cluster) as session:
        other = CassandraEngine(session, retention_days=RETENTION_DAYS, clock=time.time)
        assert patiently(lambda: other.get([stored.key])) == [stored]
