"""`trunkline bench pipeline`: call records to acknowledged records, through real processes over loopback."""

import os
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from trunkline.cli.bench.options import Cores, Profile
from trunkline.cli.output import bar, console, print_json

TARGET = 1_200
"""Records a second on two cores, where a plain pairing takes `REFERENCE_PAIRING_US`."""
_CARRIER = "b1"
_PROFILED = (f"carrier-{_CARRIER}", "record-store")
_HEADROOM = 1.25
_INTERVAL_MS = 250


def settings(pairing_us: float) -> dict[str, dict[str, Any]]:
    """The configuration of a carrier that files as much as this machine's cores are expected to take.

    Its label schedule is bought for a quarter more than the target, scaled to the machine: what is bought and
    not used is computed all the same. Nothing waits in the pool, so that the end of the last batch is the end
    of the work; remainders leave once all is read.
    """
    from trunkline.jager.evaluation.pairing import REFERENCE_PAIRING_US

    cores = min(2, len(os.sched_getaffinity(0)))
    slots_a_second = _HEADROOM * TARGET * cores / 2 * REFERENCE_PAIRING_US / pairing_us
    return {
        "labels": {"batch": round(slots_a_second * _INTERVAL_MS / 1000), "interval_ms": _INTERVAL_MS},
        "contribution": {"batch": 512, "interval_ms": 60_000, "delay_max_s": 0.0, "connections": 3},
    }


def pipeline(
    records: Annotated[int, typer.Option(help="Call records of one carrier.", min=100)] = 20_000,
    cores: Cores = False,
    profile: Profile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value.")] = False,
) -> None:
    """Times one carrier's contribution: read, label, encrypt, sign, send, verify, store, acknowledge."""
    from trunkline.cli.bench.linearity import measure_linearity
    from trunkline.jager.evaluation.pairing import REFERENCE_PAIRING_US, measure_pairing_us

    pairing_us = measure_pairing_us()
    if cores:
        result = measure_linearity(lambda: float(measure(records, pairing_us)["records_per_second"]))
    else:
        result = measure(records, pairing_us, profile)
        result["target_records_per_second"] = round(TARGET * REFERENCE_PAIRING_US / pairing_us, 1)
    result["pairing_us"] = round(pairing_us, 1)
    for name, value in result.items():
        console.print(f"  {name.replace('_', ' '):26} {value}")
    if as_json:
        print_json(result)


def measure(records: int, pairing_us: float, profile: Path | None = None) -> dict[str, Any]:
    """Has one carrier contribute so many records, and returns what `--json` prints of it.

    Args:
        records: How many calls.
        pairing_us: What a plain pairing takes here, for the size of the label schedule.
        profile: The unstripped core, to sample with perf.
    """
    from trunkline.crypto.record import RECORD_SIZE
    from trunkline.jager.deployment.chain import (
        chain_deployment,
        contribute,
        cpu_seconds,
        peak_memory_mb,
        write_calls,
    )
    from trunkline.jager.deployment.load import recent_start
    from trunkline.jager.deployment.local import temporary_folder

    bought = settings(pairing_us)
    with temporary_folder() as temporary:
        console.print("starting four authorities, the record store and one carrier")
        with chain_deployment(Path(temporary), {_CARRIER: bought}) as deployment:
            with bar("records acknowledged", records) as progress:
                write_calls(deployment, _CARRIER, records, recent_start(records))
                pids = {one.name: one.pid for one in deployment.processes.running() if one.name in _PROFILED}
                with _profiling(pids, profile) as curve_share:
                    began, cpu_before = time.monotonic(), cpu_seconds(deployment)
                    contribute(deployment, _CARRIER, records, progress.set)
                    seconds, cpu_after = time.monotonic() - began, cpu_seconds(deployment)
            memory = peak_memory_mb(deployment)
            store = deployment.directory / "record-store" / "data"
            stored = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
    cpu = {name: (cpu_after[name] - cpu_before[name]) * 1000 / records for name in cpu_after}
    result = {
        "records": records,
        "seconds": round(seconds, 2),
        "records_per_second": round(records / seconds, 1),
        "label_slots_per_second": bought["labels"]["batch"] * 1000 // _INTERVAL_MS,
        # On a machine that does other things too, this says more than the time that passed.
        "cpu_ms_per_record": {name: round(value, 3) for name, value in cpu.items()}
        | {"total": round(sum(cpu.values()), 3)},
        "record_bytes": RECORD_SIZE,
        "store_bytes_per_record": round(stored / records, 1),
        "peak_memory_mb": memory,
    }
    if curve_share:
        result["curve_share"] = curve_share
    return result


def _profiling(processes: dict[str, int], symbols: Path | None) -> AbstractContextManager[dict[str, Any]]:
    from trunkline.cli.bench.curve_share import curve_profile

    return nullcontext({}) if symbols is None else curve_profile(processes, symbols)
