"""`trunkline bench trace`: whole traces through a running agent, over loopback."""

import statistics
import tempfile
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


def trace(
    traces: Annotated[int, typer.Option(help="How many traces, one after the other.", min=10)] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value.")] = False,
) -> None:
    """Times traces of calls over five carriers, 21 labels each, from the question to the validated path."""
    from trunkline.errors import EvidenceError
    from trunkline.jager.deployment.chain import chain_deployment, control, wait_acknowledged, write_calls
    from trunkline.jager.deployment.load import CHAIN, call_numbers

    times: list[float] = []
    with tempfile.TemporaryDirectory(prefix="trunkline-bench-") as temporary:
        console.print("starting four authorities, the record store and five carriers")
        with chain_deployment(Path(temporary), CHAIN, SETTINGS) as deployment:
            first = write_calls(deployment, CHAIN, _CALLS)
            with bar("contributing", len(CHAIN)) as progress:
                for carrier in CHAIN:
                    wait_acknowledged(deployment, carrier, _CALLS, lambda _count: None)
                    progress.advance()
            # Each carrier has a machine of its own; here the others would only take the tracer's cores.
            deployment.processes.stop([f"carrier-{one}" for one in CHAIN[:-1]])
            client = control(deployment, CHAIN[-1])
            with bar("tracing", traces) as progress:
                for number in range(traces):
                    src, dst = call_numbers(number % _CALLS)
                    query = {"src": f"+{src}", "dst": f"+{dst}", "time_ms": round(first * 1000)}
                    began = time.perf_counter()
                    report = client.call("trace", query)["report"]
                    times.append((time.perf_counter() - began) * 1000)
                    if report["call"] is None or len(report["call"]["path"]) != len(CHAIN):
                        raise EvidenceError(
                            "a trace did not find the whole path; the figures would mean nothing"
                        )
                    progress.advance()
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    result = {
        "traces": traces,
        "labels": 21,
        "hops": len(CHAIN),
        "p50_ms": round(cuts[49], 1),
        "p99_ms": round(cuts[98], 1),
    }
    for name, value in result.items():
        console.print(f"  {name.replace('_', ' '):10} {value}")
    if as_json:
        print_json(result)
