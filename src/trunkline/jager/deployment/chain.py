"""A deployment of a chain of carriers with made-up calls, for measuring contribution and trace."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trunkline.errors import UnavailableError
from trunkline.jager.carrier.control import ControlClient
from trunkline.jager.deployment.ceremony import Terms
from trunkline.jager.deployment.load import chain_rows, chain_source, recent_start
from trunkline.jager.deployment.local import LocalCarrier, LocalDeployment

DEPLOYMENT = "bench"
_LOOK_S = 0.25  # each look takes the agent a moment
_STALLED_S = 120.0
_USER_TIME_FIELD = 11  # of /proc/PID/stat behind the command's name, counted from 0 (proc(5), "utime")


@contextmanager
def chain_deployment(
    directory: Path, carriers: Sequence[str], settings: Mapping[str, Mapping[str, Any]]
) -> Iterator[LocalDeployment]:
    """Runs services and the agents of some carriers of the chain; ends them afterwards.

    Args:
        directory: An empty folder.
        carriers: Which of the chain.
        settings: Sections of carrier.toml that differ from the defaults.
    """
    deployment = LocalDeployment(directory, end_with_parent=True)
    deployment.create(
        Terms(DEPLOYMENT),
        [LocalCarrier(one, one, [chain_source(DEPLOYMENT, one, "Master.csv")], settings) for one in carriers],
    )
    try:
        deployment.start_services()
        deployment.enrol(carriers)
        deployment.start_carriers(carriers)
        yield deployment
    finally:
        deployment.stop()


def write_calls(deployment: LocalDeployment, carriers: Sequence[str], calls: int) -> float:
    """Gives these carriers the rows of so many calls at once; returns the first call's Unix time."""
    start = recent_start(calls)
    for carrier in carriers:
        folder = deployment.carrier_config(carrier).parent
        draft = folder / "Master.csv.draft"
        with draft.open("w") as file:
            file.writelines(chain_rows(carrier, calls, start))
        draft.rename(folder / "Master.csv")
    return start.timestamp()


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
            acknowledged = int(counts["acknowledged"])
            step(acknowledged)
            if counts["records"] >= records and not flushed:
                client.call("flush")
                flushed = True
            if acknowledged != last:
                last, moved = acknowledged, time.monotonic()
            elif time.monotonic() - moved > _STALLED_S:
                raise UnavailableError(
                    f"{acknowledged} of {records} records acknowledged, then none for two minutes"
                )
            wait([contributed], timeout=_LOOK_S)
        contributed.result()
    finally:
        # What still waits for an answer gets one at the latest when the deployment stops.
        pool.shutdown(wait=False)
    acknowledged = int(client.call("status")["counts"]["acknowledged"])
    step(acknowledged)
    if acknowledged < records:
        raise UnavailableError(f"only {acknowledged} of {records} records were acknowledged")


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
