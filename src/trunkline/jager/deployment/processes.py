"""Starts, watches and stops the processes of a local deployment, each with a pid file and a log file.

A pid file holds the pid and the process's start time as the kernel counts it, so that a pid which the
kernel has given to another program since is never signalled.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from trunkline.errors import ConflictError, UnavailableError

STOP_SECONDS = 10.0
"""How long a process may take to end after SIGTERM before it is killed."""

_POLL_SECONDS = 0.05
_LAST_WORDS = 500
_START_TIME_FIELD = 21  # of /proc/PID/stat, counted from 0 (proc(5), "starttime")


@dataclass(frozen=True, slots=True)
class Running:
    """A process that was started here and still runs."""

    name: str
    pid: int


class ProcessFolder:
    """The pid and log files of one local deployment, in `DIR/run` and `DIR/log`.

    Args:
        directory: The deployment's folder.
        end_with_parent: Whether the processes get SIGTERM when this process ends, however it ends.
    """

    def __init__(self, directory: Path, *, end_with_parent: bool = False) -> None:
        self._run = directory / "run"
        self._log = directory / "log"
        self._end_with_parent = end_with_parent
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, arguments: Sequence[str]) -> Running:
        """Starts `python -m ARGUMENTS...` in a session of its own.

        Raises:
            ConflictError: A process of that name runs already.
        """
        running = self.find(name)
        if running is not None:
            raise ConflictError(f"{name} runs already, as process {running.pid}; stop it first")
        self._run.mkdir(parents=True, exist_ok=True)
        self._log.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", *arguments]
        if self._end_with_parent:
            command = ["setpriv", "--pdeathsig", "TERM", "--", *command]
        with (self._log / f"{name}.log").open("ab") as log:
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._children[name] = child
        state = {"pid": child.pid, "started": _start_time(child.pid)}
        self._pid_file(name).write_text(json.dumps(state))
        return Running(name, child.pid)

    def find(self, name: str) -> Running | None:
        """The process of that name, if it was started here and has not ended."""
        try:
            state = json.loads(self._pid_file(name).read_text())
        except (OSError, ValueError):
            return None
        child = self._children.get(name)
        if child is not None and child.poll() is not None:
            return None
        pid = int(state["pid"])
        started = _start_time(pid)
        return Running(name, pid) if started is not None and started == state["started"] else None

    def running(self) -> list[Running]:
        """All processes that were started here and have not ended."""
        names = sorted(path.stem for path in self._run.glob("*.pid"))
        return [found for name in names if (found := self.find(name)) is not None]

    def wait_ready(self, checks: dict[str, Callable[[], bool]], timeout_s: float = 60.0) -> None:
        """Waits until each named check is true.

        Raises:
            UnavailableError: A process ended, or was not ready in time; names its log file.
        """
        waiting = dict(checks)
        deadline = time.monotonic() + timeout_s
        while waiting:
            for name, check in list(waiting.items()):
                if check():
                    del waiting[name]
                elif self.find(name) is None:
                    log = self._log / f"{name}.log"
                    raise UnavailableError(f"{name} ended while it started: {_last_line(log)} (see {log})")
            if waiting and time.monotonic() > deadline:
                names = ", ".join(sorted(waiting))
                raise UnavailableError(f"not ready after {timeout_s:.0f} s: {names}; see {self._log}")
            if waiting:
                time.sleep(_POLL_SECONDS)

    def stop(self, names: Sequence[str] | None = None) -> list[Running]:
        """Ends the named processes (all by default): SIGTERM, then SIGKILL after `STOP_SECONDS`."""
        targets = [one for one in self.running() if names is None or one.name in names]
        for one in targets:
            _signal(one.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while any(self.find(one.name) for one in targets) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        for one in targets:
            if self.find(one.name) is not None:
                _signal(one.pid, signal.SIGKILL)
        for one in targets:
            child = self._children.pop(one.name, None)
            if child is not None:
                child.wait()
            self._pid_file(one.name).unlink(missing_ok=True)
        return targets

    def _pid_file(self, name: str) -> Path:
        return self._run / f"{name}.pid"


def _last_line(log: Path) -> str:
    """What a process said last: our services say why they end."""
    lines = log.read_text(errors="replace").splitlines()
    return lines[-1][:_LAST_WORDS] if lines else "it said nothing"


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _start_time(pid: int) -> int | None:
    """When the kernel started the process, in clock ticks since boot; None if it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The second field, the command's name in parentheses, may hold blanks.
    fields = stat[stat.rindex(")") + 2 :].split()
    return None if fields[0] == "Z" else int(fields[_START_TIME_FIELD - 2])
