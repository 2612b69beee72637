"""`trunkline bench store`: the record store alone, fed with records that are ready, over loopback."""

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trunkline.cli.bench.linearity import measure_linearity
from trunkline.cli.output import bar, console, print_json

if TYPE_CHECKING:
    from trunkline.jager.deployment.local import LocalDeployment

TARGET = 10_000
"""Records a second, verified and stored, at the reference pairing."""


def store(
    records: Annotated[int, typer.Option(help="How many records are sent.", min=100)] = 32_768,
    cores: Annotated[
        bool, typer.Option("--cores", help="Compare one core with two, five times in turns.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value.")] = False,
) -> None:
    """Times verification and storage of ready records; client and record store share the cores."""
    from trunkline.jager.deployment.ceremony import Terms
    from trunkline.jager.deployment.local import LocalDeployment, temporary_folder
    from trunkline.jager.evaluation.pairing import REFERENCE_PAIRING_US, measure_pairing_us

    with temporary_folder() as temporary:
        deployment = LocalDeployment(Path(temporary), end_with_parent=True)
        deployment.create(Terms("bench"), [])
        with bar("making records", records) as progress:
            load = _Load(deployment, records, progress.advance)
        measurement = load.measure()
        linearity = measure_linearity(load.rate) if cores else None
    pairing_us = measure_pairing_us()
    result = {
        **measurement,
        "pairing_us": round(pairing_us, 1),
        "target": round(TARGET * REFERENCE_PAIRING_US / pairing_us),
    }
    if linearity is not None:
        result["cores"] = linearity
    for name, value in result.items():
        console.print(f"  {name.replace('_', ' '):24} {value}")
    if as_json:
        print_json(result)


class _Load:
    """Ready contributions, sent to a record store that is started on an empty folder each time."""

    def __init__(self, deployment: "LocalDeployment", records: int, step: Any) -> None:
        from trunkline.jager.deployment.ready_records import load_client, make_contributions
        from trunkline.jager.messages.parameters import SignedParameters
        from trunkline.jager.record_store.config import load

        self.deployment = deployment
        self.records = records
        self.config = load(deployment.directory / "record-store" / "config.toml")
        now = time.time()
        parameters = SignedParameters.load(self.config.parameters, self.config.root_fingerprint, now=now)
        self.contributions = make_contributions(deployment, parameters, now, records, step)
        self._client = load_client(deployment, self.config, parameters)

    def measure(self) -> dict[str, Any]:
        """Sends everything once; returns the figures."""
        from trunkline.jager.deployment.chain import cpu_seconds, peak_memory_mb

        shutil.rmtree(self.config.data_dir, ignore_errors=True)
        self.deployment.restart("record-store")
        try:
            with bar("records acknowledged", self.records) as progress:
                store_before, client_before = cpu_seconds(self.deployment), time.process_time()
                began = time.monotonic()
                self._client.send(self.contributions, progress.advance)
                seconds = time.monotonic() - began
            cpu = {name: used - store_before[name] for name, used in cpu_seconds(self.deployment).items()} | {
                "client": time.process_time() - client_before
            }
            memory = peak_memory_mb(self.deployment)
        finally:
            self.deployment.stop()
        stored = sum(path.stat().st_size for path in self.config.data_dir.rglob("*") if path.is_file())
        cpu_ms = {name: used * 1000 / self.records for name, used in cpu.items()}
        return {
            "records": self.records,
            "seconds": round(seconds, 2),
            "records_per_second": round(self.records / seconds, 1),
            # On a machine that does other things too, this says more than the time that passed.
            "cpu_ms_per_record": {name: round(used, 3) for name, used in cpu_ms.items()}
            | {"total": round(sum(cpu_ms.values()), 3)},
            "store_bytes_per_record": round(stored / self.records, 1),
            "peak_memory_mb": memory,
        }

    def rate(self) -> float:
        """Records a second of one more run."""
        return float(self.measure()["records_per_second"])
