"""Services that are down, slow or full: records wait, traces are told, and all goes on afterwards."""

import os
import signal
import ssl
import subprocess
import threading
import tomllib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from lab_shapes import chain_lab, more_calls
from real_processes import eventually, inside, pid_of, running_lab

from trunkline.errors import UnavailableError
from trunkline.jager.carrier.trace_query import TraceQuery
from trunkline.jager.deployment.lab_run import LabRun
from trunkline.jager.deployment.load import CHAIN
from trunkline.jager.deployment.local import RECORD_STORE, provider_id
from trunkline.jager.deployment.score import score

pytestmark = pytest.mark.network

CALLS = 3


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A chain of carriers with a few calls; every test leaves all of it running."""
    with running_lab(chain_lab(tmp_path_factory.mktemp("outage") / "lab", CALLS)) as run:
        yield run


@contextmanager
def down(run: LabRun, service: str) -> Iterator[None]:
    run.deployment.processes.stop([service])
    try:
        yield
    finally:
        run.deployment.restart(service)


@contextmanager
def frozen(run: LabRun, service: str) -> Iterator[None]:
    """The service takes connections and never answers."""
    pid = pid_of(run, service)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def contributing(run: LabRun) -> Iterator[list[Future]]:
    """All agents read their files to the end and wait for receipts."""
    pool = ThreadPoolExecutor(len(CHAIN))
    try:
        yield [pool.submit(run.control(name).call, "contribute", {"finish": True}) for name in CHAIN]
    finally:
        # A test that fails must not wait for what will never come.
        pool.shutdown(wait=False)


def waiting(run: LabRun) -> list[int]:
    return [run.control(name).call("status")["waiting"] for name in CHAIN]


def check_all_traces(run: LabRun) -> None:
    calls = run.answered()
    found = score(run.lab, run.trace_all(calls))
    assert (found.path_correct, found.records_found) == (len(calls), len(calls) * len(CHAIN))
    assert found.false_faults == 0


def test_records_wait_while_the_store_is_down_and_arrive_when_it_is_back(run):
    # A carrier that dropped what it could not send would lose exactly the calls of an outage.
    with ExitStack() as outage:
        outage.enter_context(down(run, RECORD_STORE))
        more_calls(run.lab, 2)
        done = outage.enter_context(contributing(run))
        eventually(lambda: waiting(run) == [2] * len(CHAIN), "records in every outbox")
        assert not any(one.done() for one in done)
    for name in CHAIN:
        run.control(name).call("flush")
    assert [one.result()["waiting"] for one in done] == [0] * len(CHAIN)
    check_all_traces(run)


@pytest.mark.parametrize("service", ["labels", "authorization", RECORD_STORE])
def test_trace_while_a_service_is_down_is_told_and_a_later_one_works(run, service):
    # A trace that hung, or came back empty, would be taken for "no such call".
    call = run.answered()[0]
    with down(run, service), pytest.raises(UnavailableError, match="not available"):
        run.trace(call)
    assert run.summary(call, run.trace(call)).path == CHAIN


def test_trace_while_the_join_log_is_down_accuses_nobody(run):
    # Whether a name is forged cannot be told then; the path can.
    call = run.answered()[0]
    with down(run, "membership"):
        # An agent that has traced before remembers the log.
        run.deployment.processes.stop([f"carrier-{call.carrier}"])
        run.deployment.restart(f"carrier-{call.carrier}")
        result = run.trace(call)
    assert result["members_known"] is False
    assert result["report"]["forged"] == []
    assert run.summary(call, result).path == CHAIN


@pytest.mark.parametrize("service", ["labels", "authorization", RECORD_STORE])
def test_trace_while_a_service_hangs_ends_within_its_retries(run, service, monkeypatch):
    # Without a limit on waiting a service that hangs would hang all carriers with it.
    monkeypatch.setattr("trunkline.jager.carrier.services._TIMEOUT_S", 0.3)
    call = run.answered()[0]
    with inside(run, call.carrier) as carrier:
        query = TraceQuery.of_call(call.record, carrier.config.carrier.provider, run.rules)
        with frozen(run, service), pytest.raises(UnavailableError, match="tried 5 times"):
            carrier.tracer.trace(query)
        carriers = carrier.tracer.trace(query).report.call.carriers
    assert carriers == tuple(provider_id("lab", name) for name in CHAIN)


@pytest.mark.parametrize("service", ["membership", "authorization", RECORD_STORE])
def test_service_with_idle_connections_stops_without_waiting_for_them(run, service):
    # Carriers keep connections; a service that waits for them to go is away longer than it needs to be.
    run.trace(run.answered()[0])
    log = run.deployment.directory / "log" / f"{service}.log"
    before = log.read_text().count("graceful shutdown exceeded")
    with down(run, service):
        assert log.read_text().count("graceful shutdown exceeded") == before


def test_trace_waits_for_a_slow_service(run):
    # Slow is not down: a retry must not become a second authorization, nor an error.
    call = run.answered()[0]
    query = TraceQuery.of_call(call.record, provider_id("lab", call.carrier), run.rules)
    asked = threading.Event()

    def watch(step: str) -> None:
        if step == "authorization":
            asked.set()

    with ThreadPoolExecutor(1) as pool:
        with frozen(run, "authorization"):
            done = pool.submit(run.control(call.carrier).call, "trace", query.to_json(), watch)
            assert asked.wait(60)
        assert run.summary(call, done.result()).path == CHAIN


def test_store_on_a_full_disk_says_so_keeps_what_it_has_and_goes_on_with_space(run):
    # Acknowledging what is not on the disk is the one thing a store must never do.
    pid = pid_of(run, RECORD_STORE)
    folder = run.deployment.directory
    port = tomllib.loads((folder / RECORD_STORE / "config.toml").read_text())["port"]
    trust = ssl.create_default_context(cafile=str(folder / "public" / "ca.pem"))
    client = httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=trust)
    before = [run.control(name).call("status")["counts"]["acknowledged"] for name in CHAIN]

    limit_file_size(pid, "1")
    try:
        more_calls(run.lab, 2)
        with contributing(run) as done:
            problem = eventually(lambda: refused(client), "the store's word that its disk is full")
            assert problem["type"] == "urn:trunkline:error:not-ready"
            assert problem["detail"] == "not ready: database"
            assert problem["status"] == 503
            eventually(lambda: waiting(run) == [2] * len(CHAIN), "records in every outbox")
            now = [run.control(name).call("status")["counts"]["acknowledged"] for name in CHAIN]
            assert now == before
            limit_file_size(pid, "unlimited")
            for name in CHAIN:
                run.control(name).call("flush")
    finally:
        limit_file_size(pid, "unlimited")
        client.close()
    assert [one.result()["waiting"] for one in done] == [0] * len(CHAIN)
    check_all_traces(run)


def limit_file_size(pid: int, size: str) -> None:
    """No file of the process grows beyond this: the same to it as a disk without space."""
    subprocess.run(["prlimit", "--pid", str(pid), f"--fsize={size}:unlimited"], check=True)


def refused(client: httpx.Client) -> dict | None:
    answer = client.get("/ready")
    return None if answer.status_code == httpx.codes.OK else answer.json()
