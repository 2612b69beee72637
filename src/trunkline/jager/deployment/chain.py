"""A deployment of a chain of carriers with made-up calls, for measuring contribution and trace."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from trunkline.errors import UnavailableError
from trunkline.jager.carrier.control import ControlClient
from trunkline.jager.deployment.ceremony import Terms
from trunkline.jager.deployment.load import chain_rows, chain_source
from trunkline.jager.deployment.local import LocalCarrier, LocalDeployment
from trunkline.telephony.call_details import LabelRules

DEPLOYMENT = "bench"
FILE = "Master.csv"
"""Where the carriers of the chain have their call records."""
_LOOK_S = 0.25  # each look takes the agent a moment
_STALLED_S = 120.0
_FEED_S = 0.05
_USER_TIME_FIELD = 11  # of /proc/PID/stat behind the command's name, counted from 0 (proc(5), "utime")


@contextmanager
def chain_deployment(
    directory: Path,
    carriers: Mapping[str, Mapping[str, Mapping[str, Any]]],
    rules: LabelRules | None = None,
) -> Iterator[LocalDeployment]:
    """Runs services and the agents of some carriers of the chain; ends them afterwards.

    Args:
        directory: An empty folder.
        carriers: Which of the chain, each with the sections of carrier.toml that differ from the defaults.
        rules: How labels are made, if not as by default.
    """
    deployment = LocalDeployment(directory, end_with_parent=True)
    deployment.create(
        Terms(DEPLOYMENT, rules=rules or LabelRules()),
        [
            LocalCarrier(one, one, [chain_source(DEPLOYMENT, one, FILE)], sections)
            for one, sections in carriers.items()
        ],
    )
    try:
        deployment.start_services()
        deployment.enrol(carriers)
        deployment.start_carriers(carriers)
        yield deployment
    finally:
        deployment.stop()


def write_calls(deployment: LocalDeployment, carrier: str, calls: int, start: datetime) -> None:
    """Gives a carrier the rows of so many calls at once, the first of them at `start`."""
    folder = deployment.carrier_config(carrier).parent
    draft = folder / f"{FILE}.draft"
    with draft.open("w") as file:
        file.writelines(chain_rows(carrier, calls, start))
    draft.rename(folder / FILE)


@contextmanager
def calls_coming_in(
    deployment: LocalDeployment, carrier: str, start: datetime, *, after: int, rate: float
) -> Iterator[None]:
    """Gives a carrier the rows of further calls at a steady rate while the block runs.

    Args:
        deployment: The deployment.
        carrier: Whose file they are appended to.
        start: When the first call of that file came in.
        after: How many calls the file has already.
        rate: Calls a second.
    """
    ending = threading.Event()

    def feed() -> None:
        rows = islice(chain_rows(carrier, sys.maxsize, start), after, None)
        began, written = time.monotonic(), 0
        with (deployment.carrier_config(carrier).parent / FILE).open("a") as file:
            while not ending.wait(_FEED_S):
                due = int((time.monotonic() - began) * rate)
                file.writelines(islice(rows, due - written))
                file.flush()
                written = due

    feeder = threading.Thread(target=feed, name="calls", daemon=True)
    feeder.start()
    try:
        yield
    finally:
        ending.set()
        feeder.join()


def control(deployment: LocalDeployment, carrier: str) -> ControlClient:
    """The control socket of a carrier's agent."""
    return ControlClient(deployment.carrier_config(carrier).parent / "control.sock")


def contribute(deployment: LocalDeployment, carrier: str, records: int, step: Callable[[int], None]) -> None:
    """Has a carrier read its files to the end; returns when the store has acknowledged all its records.

    The agent sends full batches as they come; once everything is read, it is told to send what is left.

    Raises:
        UnavailableError: Nothing was acknowledged for two minutes, or not everything in the end.
    """
    client = control(deployment, carrier)
    pool = ThreadPoolExecutor(1, thread_name_prefix="contribute")
    try:
        contributed = pool.submit(client.call, "contribute", {"finish": True})
        last, moved, flushed = -1, time.monotonic(), False
        while not contributed.done():
            counts = client.call("status")["counts"]
            count = int(counts["acknowledged"])
            step(count)
            if counts["records"] >= records and not flushed:
                client.call("flush")
                flushed = True
            if count != last:
                last, moved = count, time.monotonic()
            elif time.monotonic() - moved > _STALLED_S:
                raise UnavailableError(
                    f"{count} of {records} records acknowledged, then none for two minutes"
                )
            wait([contributed], timeout=_LOOK_S)
        contributed.result()
    finally:
        # What still waits for an answer gets one at the latest when the deployment stops.
        pool.shutdown(wait=False)
    count = acknowledged(client)
    step(count)
    if count < records:
        raise UnavailableError(f"only {count} of {records} records were acknowledged")


def acknowledged(client: ControlClient) -> int:
    """How many records of a carrier the store has acknowledged so far."""
    return int(client.call("status")["counts"]["acknowledged"])


def peak_memory_mb(deployment: LocalDeployment) -> dict[str, int]:
    """The largest resident set of each process so far, in MB."""
    found = {}
    for one in deployment.processes.running():
        status = Path(f"/proc/{one.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        found[one.name] = round(int(line.split()[1]) / 1000)
    return found


def cpu_seconds(deployment: LocalDeployment) -> dict[str, float]:
    """The processor time that each process has used so far, in user mode and in the kernel."""
    found = {}
    for one in deployment.processes.running():
        stat = Path(f"/proc/{one.pid}/stat").read_text()
        user, system = stat[stat.rindex(")") + 2 :].split()[_USER_TIME_FIELD : _USER_TIME_FIELD + 2]
        found[one.name] = (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    return found
