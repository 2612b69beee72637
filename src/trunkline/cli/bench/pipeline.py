"""`trunkline bench pipeline`: call records to acknowledged records, through real processes over loopback."""

import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from trunkline.cli.output import bar, console, print_json

SETTINGS: dict[str, dict[str, Any]] = {
    # A carrier that files more than a thousand records a second: its label schedule is bought for 1,600,
    # and nothing waits in the pool.
    "labels": {"batch": 400, "interval_ms": 250},
    "contribution": {"batch": 512, "interval_ms": 20, "delay_max_s": 0.0, "connections": 3},
}
_PROFILED = ("carrier-b1", "record-store")


def pipeline(
    records: Annotated[int, typer.Option(help="Call records of one carrier.", min=100)] = 20_000,
    profile: Annotated[
        Path | None, typer.Option(help="The unstripped core: samples with perf; see scripts/profile-curve.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value.")] = False,
) -> None:
    """Times one carrier's contribution: read, label, encrypt, sign, send, verify, store, acknowledge."""
    from trunkline.crypto.record import RECORD_SIZE
    from trunkline.jager.deployment.chain import (
        chain_deployment,
        contribute,
        cpu_seconds,
        peak_memory_mb,
        write_calls,
    )
    from trunkline.jager.deployment.local import temporary_folder

    carriers = ["b1"]
    with temporary_folder() as temporary:
        console.print("starting four authorities, the record store and one carrier")
        with chain_deployment(Path(temporary), carriers, SETTINGS) as deployment:
            with bar("records acknowledged", records) as progress:
                write_calls(deployment, carriers, records)
                pids = {one.name: one.pid for one in deployment.processes.running() if one.name in _PROFILED}
                with _profiling(pids, profile) as curve_share:
                    began, cpu_before = time.monotonic(), cpu_seconds(deployment)
                    contribute(deployment, "b1", records, progress.set)
                    seconds, cpu_after = time.monotonic() - began, cpu_seconds(deployment)
            memory = peak_memory_mb(deployment)
            store = deployment.directory / "record-store" / "data"
            stored = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
    cpu = {name: (cpu_after[name] - cpu_before[name]) * 1000 / records for name in cpu_after}
    result = {
        "records": records,
        "seconds": round(seconds, 2),
        "records_per_second": round(records / seconds, 1),
        # On a machine that does other things too, this says more than the time that passed.
        "cpu_ms_per_record": {name: round(value, 3) for name, value in cpu.items()}
        | {"total": round(sum(cpu.values()), 3)},
        "record_bytes": RECORD_SIZE,
        "store_bytes_per_record": round(stored / records, 1),
        "peak_memory_mb": memory,
    }
    if curve_share:
        result["curve_share"] = curve_share
    for name, value in result.items():
        console.print(f"  {name.replace('_', ' '):24} {value}")
    if as_json:
        print_json(result)


def _profiling(processes: dict[str, int], symbols: Path | None) -> AbstractContextManager[dict[str, Any]]:
    from trunkline.cli.bench.curve_share import curve_profile

    return nullcontext({}) if symbols is None else curve_profile(processes, symbols)
