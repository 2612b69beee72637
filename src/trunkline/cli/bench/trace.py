"""`trunkline bench trace`: whole traces through a running agent over loopback, while others contribute."""

import secrets
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from trunkline.cli.output import bar, console, print_json
from trunkline.errors import EvidenceError, UnavailableError

_CALLS = 100
_CAPACITY_RECORDS = 8_000
_STEADY_RECORDS = 2_000
"""Acknowledged records from which on ingest counts as steady: calls are filed some time after their rows."""
_STEADY_AFTER_S = 120.0


@dataclass(frozen=True, slots=True)
class _Window:
    """A size of window, and the deployment and the tracing carrier that belong to it.

    Attributes:
        resolution_ms: The length of an epoch.
        traces: How many traces are measured unless told otherwise.
        target_ms: What half of the traces stay below, where a plain pairing takes `REFERENCE_PAIRING_US`.
        batch: The tracing carrier's label schedule: slots of a request.
        interval_ms: Time from one request to the next.
    """

    resolution_ms: int
    traces: int
    target_ms: float
    batch: int
    interval_ms: int


class Labels(StrEnum):
    """How many labels a trace has."""

    SECONDS = "21"
    HUNDREDTHS = "2001"


_WINDOWS = {
    # The default schedule: a trace waits for its next turn as it does in use.
    Labels.SECONDS: _Window(1_000, 200, 40.0, 32, 25),
    # A schedule that has room for a whole window in one request, once a second.
    Labels.HUNDREDTHS: _Window(10, 20, 1_500.0, 2_048, 1_000),
}


def trace(
    labels: Annotated[
        Labels, typer.Option(help="Labels a trace: epochs of 1 s, or of 10 ms.")
    ] = Labels.SECONDS,
    traces: Annotated[
        int | None,
        typer.Option(help="How many traces, one after the other; 200, or 20 of 2001 labels.", min=10),
    ] = None,
    ingest_rate: Annotated[
        float | None,
        typer.Option(
            help="Calls a second that another carrier files meanwhile; half of what is measured first "
            "if not given, 0 for none.",
            min=0,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value.")] = False,
) -> None:
    """Times traces of calls over five carriers, from the question to the validated path, during ingest.

    Another carrier's agent files calls at half of the rate that `bench pipeline` shows in the same run: its
    call records, labels, encryption and the store's verification take their share of the machine, and the
    label authority and the store serve both.
    """
    from trunkline.cli.bench import pipeline
    from trunkline.jager.evaluation.pairing import REFERENCE_PAIRING_US, measure_pairing_us

    window = _WINDOWS[labels]
    pairing_us = measure_pairing_us()
    if ingest_rate is None:
        ingest_rate = pipeline.measure(_CAPACITY_RECORDS, pairing_us)["records_per_second"] / 2
    result = _measure(window, traces or window.traces, ingest_rate, pairing_us)
    result["labels"] = int(labels)
    result["target_p50_ms"] = round(window.target_ms * pairing_us / REFERENCE_PAIRING_US, 1)
    result["pairing_us"] = round(pairing_us, 1)
    for name, value in result.items():
        console.print(f"  {name.replace('_', ' '):20} {value}")
    if as_json:
        print_json(result)


def _measure(window: _Window, traces: int, ingest_rate: float, pairing_us: float) -> dict[str, Any]:
    from trunkline.cli.bench import pipeline
    from trunkline.jager.deployment.chain import (
        acknowledged,
        calls_coming_in,
        chain_deployment,
        contribute,
        control,
        cpu_seconds,
        write_calls,
    )
    from trunkline.jager.deployment.load import CHAIN, call_numbers, recent_start
    from trunkline.jager.deployment.local import temporary_folder
    from trunkline.telephony.call_details import LabelRules

    times: list[float] = []
    steps: dict[str, list[float]] = {}
    filing, tracing = CHAIN[0], CHAIN[-1]
    schedule = {"labels": {"batch": window.batch, "interval_ms": window.interval_ms}}
    carriers = dict.fromkeys(CHAIN, schedule) | {filing: pipeline.settings(pairing_us)}
    rules = LabelRules(resolution_ms=window.resolution_ms)
    with temporary_folder() as temporary:
        console.print("starting four authorities, the record store and five carriers")
        with chain_deployment(Path(temporary), carriers, rules) as deployment:
            start = recent_start(_CALLS)
            with bar("contributing", len(CHAIN)) as progress:
                for carrier in CHAIN:
                    write_calls(deployment, carrier, _CALLS, start)
                    contribute(deployment, carrier, _CALLS, lambda _count: None)
                    progress.advance()
            # Each carrier has a machine of its own; here those that do nothing would only take the cores.
            idle = CHAIN[1:-1] if ingest_rate else CHAIN[:-1]
            deployment.processes.stop([f"carrier-{one}" for one in idle])
            client, files = control(deployment, tracing), control(deployment, filing)
            with calls_coming_in(deployment, filing, start, after=_CALLS, rate=ingest_rate):
                if ingest_rate:
                    _wait_until(lambda: acknowledged(files) >= _STEADY_RECORDS)
                filed, began = acknowledged(files) if ingest_rate else 0, time.monotonic()
                cpu_before = cpu_seconds(deployment)
                with bar("tracing", traces) as progress:
                    for number in range(traces):
                        src, dst = call_numbers(number % _CALLS)
                        query = {
                            "src": f"+{src}",
                            "dst": f"+{dst}",
                            "time_ms": round(start.timestamp() * 1000),
                        }
                        # Back to back, each trace would begin right behind a turn of the label schedule.
                        time.sleep(secrets.randbelow(window.interval_ms) / 1000)
                        watch = _Watch(steps)
                        report = client.call("trace", query, watch.begins)["report"]
                        times.append(watch.ends())
                        if report["call"] is None or len(report["call"]["path"]) != len(CHAIN):
                            raise EvidenceError(
                                "a trace did not find the whole path; the figures would mean nothing"
                            )
                        progress.advance()
                cpu_after, seconds = cpu_seconds(deployment), time.monotonic() - began
                filed = acknowledged(files) - filed if ingest_rate else 0
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return {
        "traces": traces,
        "hops": len(CHAIN),
        "p50_ms": round(cuts[49], 1),
        "p99_ms": round(cuts[98], 1),
        "p50_ms_by_step": {step: round(statistics.median(taken), 1) for step, taken in steps.items()},
        "ingest_rate": round(ingest_rate, 1),
        "ingested_per_second": round(filed / seconds, 1),
        "label_schedule": f"{window.batch} slots every {window.interval_ms} ms",
        "cpu_ms_per_trace": {
            name: round((cpu_after[name] - cpu_before[name]) * 1000 / traces, 1) for name in cpu_after
        },
    }


def _wait_until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _STEADY_AFTER_S
    while not reached():
        if time.monotonic() > deadline:
            raise UnavailableError("the carrier's calls are not filed; try a higher --ingest-rate")
        time.sleep(0.5)


class _Watch:
    """Times the steps of one trace, as its agent names them."""

    def __init__(self, steps: dict[str, list[float]]) -> None:
        self._steps = steps
        self._began = self._last = time.perf_counter()
        self._step: str | None = None

    def begins(self, step: str | None) -> None:
        """Notes that a step begins, and with it ends the one before."""
        now = time.perf_counter()
        if self._step is not None:
            self._steps.setdefault(self._step, []).append((now - self._last) * 1000)
        self._step, self._last = step, now

    def ends(self) -> float:
        """Notes that the trace has ended; returns how many milliseconds it took."""
        self.begins(None)
        return (self._last - self._began) * 1000
