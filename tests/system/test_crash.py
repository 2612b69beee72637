"""kill -9 of any process at any moment: nothing acknowledged is lost or doubled, and nobody is blamed."""

import os
import random
import signal
import sqlite3
import threading
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
import tomli_w
from lab_shapes import LAB
from real_processes import eventually, lab_run, pid_of

from trunkline.errors import UnavailableError
from trunkline.jager.deployment.lab_run import LabRun
from trunkline.jager.deployment.local import AUTHORITY_ROLES, RECORD_STORE
from trunkline.jager.deployment.score import score
from trunkline.jager.messages.contribution import Receipt
from trunkline.jager.messages.record import INDEX_SIZE, RECORD_KEY_SIZE
from trunkline.jager.record_store.rocksdb import KeyValueStore
from trunkline.service.client import ServiceClient

pytestmark = pytest.mark.network

SERVICES = (*AUTHORITY_ROLES, RECORD_STORE)
AGENTS = ("carrier-c2", "carrier-c8")
RECORDS = 474
TRACES_AT_ONCE = 4
SLOW = {"batch": 8, "interval_ms": 50, "delay_max_s": 10.0}
"""Records leave over ten seconds, so that every kill finds some on their way."""


def kill_in_turn(run: LabRun, victims: Iterable[str], longest_s: float) -> None:
    """Kill processes one after the other, each at some moment, and start them again as a supervisor would."""
    seed = random.randrange(1 << 32)
    print(f"moments of the kills: seed {seed}")
    moments = random.Random(seed)
    order = list(victims)
    moments.shuffle(order)
    for victim in order:
        threading.Event().wait(moments.uniform(0, longest_s))
        os.kill(pid_of(run, victim), signal.SIGKILL)
        eventually(lambda victim=victim: run.deployment.processes.find(victim) is None, f"end of {victim}")
        run.deployment.restart(victim)


def until_done(step: Callable[[], Any]) -> Any:
    """Repeat what an operator would repeat, as long as somebody is not there."""
    for _ in range(600):
        try:
            return step()
        except UnavailableError:
            threading.Event().wait(0.1)
    raise AssertionError("services were not available for too long")


@pytest.fixture(scope="module")
def enrolled():
    """The shipped lab with its agents up; the membership authority was killed while carriers enrolled."""
    with lab_run(LAB) as run:
        run.start()
        names = run.deployment.carriers()
        for name in names:
            path = run.deployment.carrier_config(name)
            path.write_text(tomli_w.dumps(tomllib.loads(path.read_text()) | {"contribution": SLOW}))
        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(
                lambda: [until_done(lambda name=name: run.deployment.enrol([name])) for name in names]
            )
            kill_in_turn(run, ["membership"], 1.0)
            done.result()
        run.deployment.start_carriers(names)
        yield run


@pytest.fixture(scope="module")
def contributed(enrolled):
    """The same, after all records are in and every process was killed meanwhile."""
    run = enrolled
    names = run.deployment.carriers()
    with ThreadPoolExecutor(len(names)) as pool:
        done = [
            pool.submit(until_done, lambda name=name: run.control(name).call("contribute", {"finish": True}))
            for name in names
        ]
        kill_in_turn(run, (*SERVICES, *AGENTS), 0.7)
        for one in done:
            one.result()
    return run


@pytest.fixture(scope="module")
def traced(contributed):
    """All calls with their results; every process was killed while they were traced."""
    run = contributed
    calls = run.answered()
    with ThreadPoolExecutor(TRACES_AT_ONCE) as pool:
        done = [pool.submit(until_done, lambda call=call: run.trace(call)) for call in calls]
        kill_in_turn(run, (*SERVICES, *AGENTS), 1.5)
        return [(call, one.result()) for call, one in zip(calls, done, strict=True)]


def counts(run: LabRun) -> Counter[str]:
    total: Counter[str] = Counter()
    for name in run.deployment.carriers():
        total.update(run.control(name).call("status")["counts"])
    return total


def test_membership_killed_during_enrolment_issues_nothing_twice(enrolled):
    # A join that is repeated after a crash must not be a second member, nor one that the log forgot.
    directory = enrolled.deployment.directory
    port = tomllib.loads((directory / "authority" / "membership" / "config.toml").read_text())["port"]
    client = ServiceClient(f"https://127.0.0.1:{port}", ca_file=directory / "public" / "ca.pem")
    assert client.get("/v1/log/head").json()["size"] == 2 * len(enrolled.deployment.carriers())


def test_processes_killed_during_contribution_lose_and_double_no_row(contributed):
    # How far a source is read and what came of it is one transaction; a receipt replaces a batch in one.
    total = counts(contributed)
    assert (total["records"], total["acknowledged"], total["quarantined"]) == (RECORDS, RECORDS, 0)


def test_processes_killed_during_traces_leave_every_path_right(contributed, traced):
    # Traces that were cut short are repeated; what the services kept of the first try must not spoil it.
    result = score(LAB, [contributed.summary(call, found) for call, found in traced])
    assert (result.traced, result.path_correct, result.origin_correct) == (82, 82, 82)
    assert (result.records_found, result.false_faults) == (318, 0)
    assert all(records_once(found) for _, found in traced)


def records_once(found: Mapping[str, Any]) -> bool:
    steps = found["report"]["call"]["path"]
    records = [record for step in steps for record in step["records"]]
    return len(records) == len(set(records)) == sum(step["has_record"] for step in steps)


def test_everything_acknowledged_is_in_the_store_once(contributed, traced):
    # A receipt is a promise: the store must not give it before the record survives kill -9.
    run = contributed
    acknowledged: list[bytes] = []
    for name in run.deployment.carriers():
        outbox = run.deployment.carrier_config(name).parent / "data" / "outbox.sqlite"
        with closing(sqlite3.connect(f"file:{outbox}?mode=ro", uri=True)) as connection:
            for (receipt,) in connection.execute("SELECT receipt FROM receipts"):
                acknowledged += [key.encode() for key in Receipt.decode(receipt).keys]
    total = counts(run)
    assert len(acknowledged) == total["acknowledged"] + total["dummies"]

    run.deployment.processes.stop([RECORD_STORE])
    folder = run.deployment.directory / RECORD_STORE / "data" / "records"
    store = KeyValueStore(folder, {"records": INDEX_SIZE, "grants": 0})
    try:
        stored = [key for key, _ in store.scan("records", b"", b"\xff" * (RECORD_KEY_SIZE + 1), 1 << 20)]
    finally:
        store.close()
        run.deployment.restart(RECORD_STORE)
    assert sorted(acknowledged) == stored
