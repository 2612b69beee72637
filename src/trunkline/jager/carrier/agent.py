"""The agent: everything of one carrier in one process.

Threads follow the sources, keep the label schedule, send contributions, renew the credential and answer the
command line. Any of them can be stopped at any moment, by kill -9 too: what matters is in the outbox.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import structlog

from trunkline.errors import ConfigurationError, TrunklineError
from trunkline.jager.carrier.carrier import Carrier, open_carrier
from trunkline.jager.carrier.config import CarrierConfig
from trunkline.jager.carrier.control import ControlServer, Progress
from trunkline.jager.carrier.outbox import Count
from trunkline.jager.carrier.trace_query import TraceQuery
from trunkline.jager.carrier.watch import watch
from trunkline.service.monitoring import Monitor

_LOOK_S = 0.05
_JOIN_S = 15.0

_logger = structlog.get_logger(__name__)


class Agent:
    """One carrier's agent.

    Args:
        config: The carrier's configuration.
        clock: Unix time.
    """

    def __init__(self, config: CarrierConfig, clock: Callable[[], float] = time.time) -> None:
        self._config = config
        self._clock = clock

    def run(self, stop: threading.Event) -> None:
        """Follow, contribute and answer the command line until `stop` is set.

        Services that are down are waited for; nothing is lost meanwhile.

        Raises:
            ConfigurationError: The configuration cannot be used, or the carrier is not enrolled.
            StorageError: The data directory cannot be used or is another agent's.
        """
        with self._opened() as carrier, self._watched(carrier):
            commands = Commands(carrier, stop, self._clock)
            control = ControlServer(self._config.carrier.control_socket, commands.by_name())
            with _running(carrier, stop, carrier.pipeline.follow, carrier.credentials.run):
                control.start()
                _logger.info("ready", service="carrier")
                stop.wait()
                control.close()

    def contribute_all(
        self,
        progress: Callable[[Mapping[str, int]], None] = lambda _counts: None,
        stop: threading.Event | None = None,
    ) -> dict[str, int]:
        """Read all sources to their end, contribute every record and wait until all are acknowledged.

        Each record still waits its own random delay.

        Args:
            progress: Is told the counts so far, a few times a second.
            stop: Ends early; what was not acknowledged stays in the outbox.

        Returns:
            The counts of this run: rows, calls, records, acknowledged, quarantined, ...; and `waiting`.

        Raises:
            TrunklineError: Labels, keys or the disk failed, or as for `run`.
        """
        ending = stop or threading.Event()
        with self._opened() as carrier:
            before = carrier.outbox.counts()

            def told() -> dict[str, int]:
                found = _difference(carrier, before)
                progress(found)
                return found

            with _running(carrier, ending), _telling(told, ending):
                carrier.pipeline.read(ending, finish=True)
                carrier.sender.wake()
                while carrier.outbox.waiting and not ending.wait(_LOOK_S):
                    pass
            return told()

    @contextmanager
    def _opened(self) -> Iterator[Carrier]:
        with open_carrier(self._config, self._clock) as carrier:
            if not carrier.credentials.enrolled:
                raise ConfigurationError("this carrier is not enrolled: run `trunkline carrier enroll` first")
            yield carrier

    def _watched(self, carrier: Carrier) -> AbstractContextManager[object]:
        address = self._config.monitoring
        return nullcontext() if address is None else Monitor(address, watch(carrier, self._clock))


class Commands:
    """What the command line can ask of a running agent; arguments and results are JSON.

    Args:
        carrier: The agent's parts.
        stop: Is set when the agent ends.
        clock: Unix time.
    """

    def __init__(self, carrier: Carrier, stop: threading.Event, clock: Callable[[], float]) -> None:
        self._carrier = carrier
        self._stop = stop
        self._clock = clock

    def by_name(self) -> dict[str, Callable[[Mapping[str, Any], Progress], Mapping[str, Any]]]:
        """All commands."""
        return {
            "status": self.status,
            "contribute": self.contribute,
            "flush": self.flush,
            "trace": self.trace,
        }

    def status(self, _arguments: Mapping[str, Any], _progress: Progress) -> dict[str, Any]:
        """How the agent is doing: counts, the outbox, the credential."""
        carrier = self._carrier
        now = self._clock()
        return {
            "carrier": self._carrier.config.carrier.id,
            "period": carrier.parameters.period_of(now),
            "credential": carrier.credentials.has(carrier.parameters.period_of(now)),
            "waiting": carrier.outbox.waiting,
            "overdue_s": round(carrier.outbox.overdue_s(now), 1),
            "receipts": carrier.outbox.receipts_kept(),
            "counts": {count.value: value for count, value in carrier.outbox.counts().items()},
        }

    def flush(self, _arguments: Mapping[str, Any], _progress: Progress) -> dict[str, Any]:
        """Send what waits now, without its delays."""
        self._carrier.sender.flush()
        return {"waiting": self._carrier.outbox.waiting}

    def contribute(self, arguments: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
        """Read all sources now and wait until everything is acknowledged.

        Arguments: `finish`, whether the files are finished and no call waits for more rows.
        """
        carrier = self._carrier
        before = carrier.outbox.counts()
        carrier.pipeline.read(self._stop, finish=bool(arguments.get("finish", False)))
        carrier.sender.wake()
        told = -1
        while carrier.outbox.waiting and not self._stop.wait(_LOOK_S):
            if carrier.outbox.waiting != told:
                told = carrier.outbox.waiting
                progress(f"{told} records wait")
        return _difference(carrier, before)

    def trace(self, arguments: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
        """Trace one call; arguments as `TraceQuery.from_json` reads them."""
        query = TraceQuery.from_json(arguments)
        with self._carrier.counts.tracing(progress) as told:
            return self._carrier.tracer.trace(query, told).to_json()


def _difference(carrier: Carrier, before: Mapping[Count, int]) -> dict[str, int]:
    now = carrier.outbox.counts()
    counts = {count.value: now[count] - before[count] for count in Count}
    return counts | {"waiting": carrier.outbox.waiting}


@contextmanager
def _running(
    carrier: Carrier, stop: threading.Event, *more: Callable[[threading.Event], None]
) -> Iterator[None]:
    """Keep the label schedule and the senders running, and whatever else is given."""
    senders = [carrier.sender.run] * carrier.config.contribution.connections
    ending = threading.Event()
    failures: list[BaseException] = []

    def guarded(target: Callable[[threading.Event], None]) -> None:
        try:
            target(ending)
        except BaseException as error:  # a panic of the core is no Exception
            _logger.exception("a part of the agent failed")
            failures.append(error)
            stop.set()

    threads = [
        threading.Thread(target=guarded, args=(target,), name=target.__qualname__, daemon=True)
        for target in (carrier.schedule.run, *senders, *more)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ending.set()
        carrier.sender.wake()
        deadline = time.monotonic() + _JOIN_S
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
    if failures:
        raise failures[0]


@contextmanager
def _telling(tell: Callable[[], object], stop: threading.Event) -> Iterator[None]:
    """Report progress a few times a second from a thread of its own."""
    ending = threading.Event()

    def run() -> None:
        while not ending.wait(0.2) and not stop.is_set():
            try:
                tell()
            except TrunklineError as error:
                _logger.warning("progress is not known", code=error.code)

    thread = threading.Thread(target=run, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()
