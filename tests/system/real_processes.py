"""Deployments of real processes for the system tests, and the command line as a user runs it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trunkline.jager.carrier.carrier import Carrier, open_carrier
from trunkline.jager.carrier.config import CarrierConfig
from trunkline.jager.deployment.lab_run import LabRun
from trunkline.jager.deployment.local import LocalDeployment
from trunkline.service.config import load_config

TRUNKLINE = Path(sys.executable).parent / "trunkline"
_PATIENCE_S = 120.0
_LOOK_S = 0.05


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder with a path short enough for the agents' sockets, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="tl-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def lab_run(lab: Path) -> Iterator[LabRun]:
    """A lab that nothing runs of yet; whatever is started of it ends with the block."""
    with short_folder() as folder:
        run = LabRun(lab, LocalDeployment(folder, end_with_parent=True))
        try:
            yield run
        finally:
            run.stop()


@contextmanager
def running_lab(lab: Path) -> Iterator[LabRun]:
    """A lab with all services and agents up and every record contributed."""
    with lab_run(lab) as run:
        run.start()
        run.enrol()
        run.contribute()
        yield run


@contextmanager
def inside(run: LabRun, name: str, clock: Callable[[], float] = time.time) -> Iterator[Carrier]:
    """A carrier's parts in this process, in the place of its agent, with its label schedule running."""
    process = f"carrier-{name}"
    run.deployment.processes.stop([process])
    config = load_config(run.deployment.carrier_config(name), CarrierConfig)
    stop = threading.Event()
    try:
        with open_carrier(config, clock) as carrier:
            schedule = threading.Thread(target=carrier.schedule.run, args=(stop,))
            schedule.start()
            try:
                yield carrier
            finally:
                stop.set()
                schedule.join()
    finally:
        run.deployment.restart(process)


def pid_of(run: LabRun, process: str) -> int:
    found = run.deployment.processes.find(process)
    assert found is not None, f"{process} does not run"
    return found.pid


def processes_in(folder: Path) -> list[str]:
    """The command lines of all processes that name a folder, but for zombies."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"{folder}/" in line:
            found.append(line)
    return found


def eventually(check: Callable[[], Any], what: str) -> Any:
    """Wait for something that another process does without telling; give what it gave."""
    deadline = time.monotonic() + _PATIENCE_S
    while not (found := check()):
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(_LOOK_S)
    return found


def trunkline(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    return subprocess.run(
        [TRUNKLINE, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"COLUMNS": "200"} | environment,
    )


def answer_of(done: subprocess.CompletedProcess[str]) -> Any:
    """What a command that ended well printed last, as JSON."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def error_of(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """What a command that failed with an error of ours printed, run with --json."""
    assert "Traceback" not in done.stderr
    assert done.returncode == 1, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
