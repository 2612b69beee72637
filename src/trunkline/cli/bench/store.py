"""`trunkline bench store`: the record store alone, fed with records that are ready, over loopback."""

import shutil
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trunkline.cli.bench.linearity import measure_linearity
from trunkline.cli.bench.options import Cores, Profile
from trunkline.cli.output import bar, console, print_json

if TYPE_CHECKING:
    from trunkline.jager.deployment.local import LocalDeployment
    from trunkline.jager.record_store.engine import RecordEngine

TARGET = 10_000
"""Records a second, verified and stored, at the reference pairing."""

_RECORDS = 32_768
_DEEP_RECORDS = 200_000


def store(
    records: Annotated[
        int | None,
        typer.Option(
            help=f"How many records are sent. [default: {_RECORDS}, with --depth {_DEEP_RECORDS}]", min=100
        ),
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option(
            help="Fill the store to so many records, and measure look-ups and sweeps too.", min=50_000
        ),
    ] = None,
    cores: Cores = False,
    profile: Profile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value.")] = False,
) -> None:
    """Times verification and storage of ready records; client and record store share the cores."""
    from trunkline.cli.bench.store_depth import measure_depth
    from trunkline.jager.deployment.ceremony import Terms
    from trunkline.jager.deployment.deep_store import bytes_on_disk
    from trunkline.jager.deployment.local import LocalDeployment, temporary_folder
    from trunkline.jager.evaluation.pairing import REFERENCE_PAIRING_US, measure_pairing_us

    count = records or (_RECORDS if depth is None else min(_DEEP_RECORDS, depth // 2))
    with temporary_folder() as temporary:
        deployment = LocalDeployment(Path(temporary), end_with_parent=True)
        deployment.create(Terms("bench"), [])
        with bar("making records", count) as progress:
            load = Load(deployment, count, progress.advance)
        if depth is None:
            result = load.measure(load.contributions, profile)
            result["store_bytes_per_record"] = round(bytes_on_disk(load.config.data_dir) / count, 1)
        else:
            result = measure_depth(load, depth)
        linearity = measure_linearity(load.rate) if cores else None
    pairing_us = measure_pairing_us()
    result |= {
        "pairing_us": round(pairing_us, 1),
        "target": round(TARGET * REFERENCE_PAIRING_US / pairing_us),
    }
    if linearity is not None:
        result["cores"] = linearity
    for name, value in result.items():
        console.print(f"  {name.replace('_', ' '):24} {value}")
    if as_json:
        print_json(result)


class Load:
    """Ready contributions, and the record store that they are sent to.

    Args:
        deployment: A deployment of which nothing runs.
        records: How many records to make.
        step: Is told how many more of them are made.
    """

    def __init__(self, deployment: "LocalDeployment", records: int, step: Callable[[int], None]) -> None:
        from trunkline.jager.deployment.ready_records import load_client, make_contributions
        from trunkline.jager.messages.parameters import SignedParameters
        from trunkline.jager.record_store.config import load

        self.deployment = deployment
        self.config = load(deployment.directory / "record-store" / "config.toml")
        now = time.time()
        parameters = SignedParameters.load(self.config.parameters, self.config.root_fingerprint, now=now)
        self._parameters = parameters
        self.contributions = make_contributions(deployment, parameters, now, records, step)
        self._client = load_client(deployment, self.config, parameters)

    def measure(self, contributions: Sequence[bytes], profile: Path | None = None) -> dict[str, Any]:
        """Starts the store on what is in its folder, sends contributions, ends it; returns the figures."""
        from trunkline.crypto.record import RECORD_SIZE
        from trunkline.jager.deployment.chain import cpu_seconds, peak_memory_mb

        running = self.deployment.restart("record-store")
        try:
            if profile is not None:
                # perf follows only threads that are there when it begins; verification starts some.
                self._client.send(contributions[:1], lambda _records: None)
                contributions = contributions[1:]
            records = sum(len(one) // RECORD_SIZE for one in contributions)
            with (
                bar("records acknowledged", records) as progress,
                _profiling({running.name: running.pid}, profile) as curve_share,
            ):
                before = cpu_seconds(self.deployment) | {"client": time.process_time()}
                began = time.monotonic()
                self._client.send(contributions, progress.advance)
                seconds = time.monotonic() - began
                after = cpu_seconds(self.deployment) | {"client": time.process_time()}
            memory = peak_memory_mb(self.deployment)
        finally:
            self.deployment.stop()
        cpu_ms = {name: (after[name] - before[name]) * 1000 / records for name in after}
        result = {
            "records": records,
            "seconds": round(seconds, 2),
            "records_per_second": round(records / seconds, 1),
            # On a machine that does other things too, this says more than the time that passed.
            "cpu_ms_per_record": {name: round(used, 3) for name, used in cpu_ms.items()}
            | {"total": round(sum(cpu_ms.values()), 3)},
            "peak_memory_mb": memory,
        }
        return result | ({"curve_share": curve_share} if curve_share else {})

    def ingest(self, engine: "RecordEngine", contributions: Sequence[bytes]) -> float:
        """Verifies and stores contributions in this process, as the store does; returns records a second."""
        from trunkline.crypto.group_signature import Verifier
        from trunkline.jager.messages.contribution import Contribution
        from trunkline.jager.messages.parameter_set import ParameterSet
        from trunkline.jager.record_store.__main__ import SWITCH_INTERVAL_S
        from trunkline.jager.record_store.acceptance import Acceptance
        from trunkline.jager.record_store.ingest import Ingest
        from trunkline.service.keys import IdentityKey

        key = IdentityKey.load(self.config.key)
        ingest = Ingest(
            engine,
            Acceptance(ParameterSet(self._parameters), self.config.id, key.public_key),
            lambda parameters: Verifier(parameters.group, parameters.hash),
            store_id=self.config.id,
            key=key,
            clock=time.time,
        )
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        ingest.start()
        began = time.monotonic()
        try:
            # As many at one time as the load client sends.
            with ThreadPoolExecutor(self._client.connections) as pool:
                stored = sum(
                    pool.map(
                        lambda one: len(ingest.submit(Contribution.decode(one)).result().keys), contributions
                    )
                )
        finally:
            ingest.close()
        return stored / (time.monotonic() - began)

    def rate(self) -> float:
        """Records a second of one more run, into an empty store."""
        shutil.rmtree(self.config.data_dir, ignore_errors=True)
        return float(self.measure(self.contributions)["records_per_second"])


def _profiling(processes: dict[str, int], symbols: Path | None) -> AbstractContextManager[dict[str, Any]]:
    from trunkline.cli.bench.curve_share import curve_profile

    return nullcontext({}) if symbols is None else curve_profile(processes, symbols)
