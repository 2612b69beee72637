"""`trunkline bench trace`: whole traces through a running agent, over loopback."""

import secrets
import statistics
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from trunkline.cli.output import bar, console, print_json

SETTINGS: dict[str, dict[str, Any]] = {
    # The label schedule is the default one: a trace waits for its next turn as it does in use.
    "contribution": {"batch": 64, "interval_ms": 20, "delay_max_s": 0.0},
}
_CALLS = 100
_INTERVAL_MS = 50  # of the default label schedule


def trace(
    traces: Annotated[int, typer.Option(help="How many traces, one after the other.", min=10)] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value.")] = False,
) -> None:
    """Times traces of calls over five carriers, 21 labels each, from the question to the validated path."""
    from trunkline.errors import EvidenceError
    from trunkline.jager.deployment.chain import (
        chain_deployment,
        contribute,
        control,
        cpu_seconds,
        write_calls,
    )
    from trunkline.jager.deployment.load import CHAIN, call_numbers
    from trunkline.jager.deployment.local import temporary_folder

    times: list[float] = []
    steps: dict[str, list[float]] = {}
    with temporary_folder() as temporary:
        console.print("starting four authorities, the record store and five carriers")
        with chain_deployment(Path(temporary), CHAIN, SETTINGS) as deployment:
            first = write_calls(deployment, CHAIN, _CALLS)
            with bar("contributing", len(CHAIN)) as progress:
                for carrier in CHAIN:
                    contribute(deployment, carrier, _CALLS, lambda _count: None)
                    progress.advance()
            # Each carrier has a machine of its own; here the others would only take the tracer's cores.
            deployment.processes.stop([f"carrier-{one}" for one in CHAIN[:-1]])
            client = control(deployment, CHAIN[-1])
            cpu_before = cpu_seconds(deployment)
            with bar("tracing", traces) as progress:
                for number in range(traces):
                    src, dst = call_numbers(number % _CALLS)
                    query = {"src": f"+{src}", "dst": f"+{dst}", "time_ms": round(first * 1000)}
                    # Back to back, each trace would begin right behind a turn of the label schedule.
                    time.sleep(secrets.randbelow(_INTERVAL_MS) / 1000)
                    watch = _Watch(steps)
                    report = client.call("trace", query, watch.begins)["report"]
                    times.append(watch.ends())
                    if report["call"] is None or len(report["call"]["path"]) != len(CHAIN):
                        raise EvidenceError(
                            "a trace did not find the whole path; the figures would mean nothing"
                        )
                    progress.advance()
            cpu_after = cpu_seconds(deployment)
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    result = {
        "traces": traces,
        "labels": 21,
        "hops": len(CHAIN),
        "p50_ms": round(cuts[49], 1),
        "p99_ms": round(cuts[98], 1),
        "p50_ms_by_step": {step: round(statistics.median(taken), 1) for step, taken in steps.items()},
        "cpu_ms_per_trace": {
            name: round((cpu_after[name] - cpu_before[name]) * 1000 / traces, 1) for name in cpu_after
        },
    }
    for name, value in result.items():
        console.print(f"  {name.replace('_', ' '):16} {value}")
    if as_json:
        print_json(result)


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
