"""Real carriers, two processes of the store, three nodes; nodes are lost one after the other, then all.

The tests are the chapters of one story, in their order.
"""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from lab_shapes import LAB
from real_processes import eventually, lab_run, pid_of
from stores import (
    SECOND,
    SLOW,
    STORES,
    acknowledged,
    acknowledged_keys,
    add_second_store,
    change,
    readiness,
    start_store,
    use_cluster,
)

from trunkline.errors import UnavailableError
from trunkline.jager.deployment.score import score
from trunkline.jager.record_store.cassandra_engine import CassandraEngine
from trunkline.jager.record_store.cassandra_session import open_session
from trunkline.jager.record_store.config import CassandraConfig

pytestmark = pytest.mark.network

RECORDS = 474
SOME_CALLS = 8
TRACES_AT_ONCE = 4


@pytest.fixture(scope="module")
def enrolled(settings):
    """The shipped lab, nothing contributed yet; half of the carriers use one process, half the other."""
    with lab_run(LAB) as run:
        run.create()
        use_cluster(run, settings, data_dir="data")
        add_second_store(run)
        names = run.deployment.carriers()
        for name in names:
            change(run.deployment.carrier_config(name), lambda config: config.update(contribution=SLOW))
        run.start()
        start_store(run, SECOND)
        run.deployment.enrol(names)
        run.deployment.start_carriers(names)
        yield run


@pytest.fixture(scope="module")
def contributed(enrolled, nodes):
    """All records are in; a node was lost meanwhile, and one process of the store."""
    run = enrolled
    names = run.deployment.carriers()
    with ThreadPoolExecutor(len(names)) as pool:
        done = [pool.submit(run.control(name).call, "contribute", {"finish": True}) for name in names]
        eventually(lambda: acknowledged(run) > RECORDS // 8, "the first records")
        nodes.kill(0)
        eventually(lambda: acknowledged(run) > RECORDS // 3, "records without the node")
        os.kill(pid_of(run, SECOND), signal.SIGKILL)
        eventually(lambda: run.deployment.processes.find(SECOND) is None, "the end of the process")
        start_store(run, SECOND)
        for one in done:
            one.result()
    return run


def traced(run, calls):
    with ThreadPoolExecutor(TRACES_AT_ONCE) as pool:
        return [
            run.summary(call, found) for call, found in zip(calls, pool.map(run.trace, calls), strict=True)
        ]


def missing(settings, keys):
    """How many of the records cannot be read from a quorum of the nodes that are there."""
    with open_session(CassandraConfig.model_validate(settings)) as session:
        engine = CassandraEngine(session, retention_days=180, clock=time.time)
        return sum(stored is None for stored in engine.get(keys))


def test_node_lost_during_ingest_stops_nothing_and_loses_nothing(contributed, settings):
    assert acknowledged(contributed) == RECORDS
    keys = acknowledged_keys(contributed)
    assert len(keys) >= RECORDS
    assert len(set(keys)) == len(keys)
    assert missing(settings, keys) == 0


def test_traces_go_on_without_the_node_through_either_process(contributed):
    calls = contributed.answered()[:SOME_CALLS]
    result = score(LAB, traced(contributed, calls))
    assert (result.traced, result.path_correct, result.origin_correct) == (len(calls),) * 3
    assert all(readiness(contributed, store) is None for store in STORES)


def test_node_that_came_back_and_was_repaired_replaces_another_one(contributed, nodes, settings):
    nodes.start(0)
    with nodes.superuser():  # the others have seen that it is back
        pass
    nodes.nodetool(0, "repair", "--full", str(settings["keyspace"]))
    nodes.kill(1)
    # A quorum is now the node that missed records and one more.
    assert missing(settings, acknowledged_keys(contributed)) == 0
    calls = contributed.answered()[SOME_CALLS : 2 * SOME_CALLS]
    result = score(LAB, traced(contributed, calls))
    assert (result.traced, result.path_correct, result.false_faults) == (len(calls), len(calls), 0)


def test_all_nodes_gone_is_said_and_their_return_is_noticed(contributed, nodes):
    nodes.kill(0)
    nodes.kill(2)
    for store in STORES:
        error = readiness(contributed, store)
        assert error is not None
        assert error.status == 503
    call = contributed.answered()[-1]
    with pytest.raises(UnavailableError):
        contributed.trace(call)
    nodes.start(0, 1)
    for store in STORES:
        eventually(lambda store=store: readiness(contributed, store) is None, "readiness")
    assert score(LAB, traced(contributed, [call])).path_correct == 1
