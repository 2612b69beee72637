"""`trunkline bench labels`: the label authority alone, fed with batches that are ready, over loopback."""

import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trunkline.cli.bench.linearity import measure_linearity
from trunkline.cli.bench.options import Cores, Profile
from trunkline.cli.output import bar, console, print_json

if TYPE_CHECKING:
    from trunkline.jager.deployment.local import LocalDeployment

GOAL = 30_000
"""Labels a second on two cores."""
REQUIRED_SHARE = 0.6
"""Of what two cores could multiply if a label were one multiplication and nothing else."""

_CARRIER = "b1"
_CORES = 2
_ELEMENTS = 32_768
_WARM_UP_S = 1.0
_ROUNDS = 8
_MULTIPLICATIONS = 500


def labels(
    seconds: Annotated[float, typer.Option(help="How long requests are sent.", min=1)] = 20.0,
    batch: Annotated[int, typer.Option(help="Labels a request.", min=1, max=4096)] = 1024,
    connections: Annotated[int, typer.Option(help="Requests under way at a time.", min=1, max=64)] = 4,
    cores: Cores = False,
    profile: Profile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value.")] = False,
) -> None:
    """Times the evaluation of ready blinded batches; client and label authority share the cores."""
    from trunkline.jager.deployment.ceremony import Terms
    from trunkline.jager.deployment.local import LocalCarrier, LocalDeployment, temporary_folder
    from trunkline.jager.evaluation.pairing import measure_pairing_us

    yardsticks = [measure_multiplication_us()]
    with temporary_folder() as temporary:
        deployment = LocalDeployment(Path(temporary), end_with_parent=True)
        deployment.create(Terms("bench"), [LocalCarrier(_CARRIER, "Load")])
        load = _Load(deployment, batch, connections)
        measurement = load.measure(seconds, profile)
        yardsticks.append(measure_multiplication_us())
        linearity = measure_linearity(lambda: load.rate(seconds / 4)) if cores else None
    multiplication_us = min(yardsticks)
    result = {
        **measurement,
        "pairing_us": round(measure_pairing_us(), 1),
        "ristretto_multiplication_us": round(multiplication_us, 1),
        "goal": GOAL,
        "required": round(REQUIRED_SHARE * _CORES * 1e6 / multiplication_us),
    }
    if linearity is not None:
        result["cores"] = linearity
    for name, value in result.items():
        console.print(f"  {name.replace('_', ' '):28} {value}")
    if as_json:
        print_json(result)


def measure_multiplication_us() -> float:
    """Measures a ristretto multiplication, bytes to bytes, with the library that labels are made with.

    Returns:
        Microseconds of processor time, of the fastest of some rounds.
    """
    from trunkline._core import BenchMultiplications

    fastest = float("inf")
    for _ in range(_ROUNDS):
        run = BenchMultiplications(_MULTIPLICATIONS).run
        began = time.process_time()
        run()
        fastest = min(fastest, (time.process_time() - began) * 1e6 / _MULTIPLICATIONS)
    return fastest


class _Load:
    """Ready batches of one carrier, sent to a label authority that is started anew each time."""

    def __init__(self, deployment: "LocalDeployment", batch: int, connections: int) -> None:
        import tomllib

        from trunkline.jager.deployment.key_material import IDENTITY_KEY_FILE
        from trunkline.jager.deployment.label_load import LabelLoad, ready_batches
        from trunkline.jager.deployment.local import provider_id
        from trunkline.jager.messages.parameters import SignedParameters
        from trunkline.service.keys import IdentityKey
        from trunkline.service.signatures import RequestAuth

        self.deployment, self.batch, self.connections = deployment, batch, connections
        config = tomllib.loads((deployment.directory / "authority/labels/config.toml").read_text())
        fingerprint = config["root_fingerprint"]
        parameters = SignedParameters.load(
            deployment.public / "parameters.json", fingerprint, now=time.time()
        )
        identity = IdentityKey.load(deployment.directory / "carriers" / _CARRIER / IDENTITY_KEY_FILE)
        auth = RequestAuth(identity, provider_id("bench", _CARRIER).hex, parameters.audience("labels"))
        keys = parameters.keys[0]
        count = max(_ELEMENTS // batch, connections)
        with bar("making batches", None):
            batches = ready_batches(keys.kid, keys.oprf, count, batch)
        self._load = LabelLoad(config["port"], deployment.public / "ca.pem", auth, batches, connections)

    def measure(self, seconds: float, profile: Path | None = None) -> dict[str, Any]:
        """Sends requests for so long; returns the figures."""
        from trunkline.cli.bench.curve_share import curve_profile
        from trunkline.jager.deployment.chain import cpu_seconds

        server = self.deployment.restart("labels")
        try:
            self._load.run(_WARM_UP_S, lambda _seconds: None)
            # perf follows only threads that are there when it begins; the first requests have started them.
            sampled: AbstractContextManager[dict[str, Any]] = nullcontext({})
            if profile is not None:
                sampled = curve_profile({server.name: server.pid}, profile)
            with bar("seconds", round(seconds)) as progress, sampled as curve_share:
                before = cpu_seconds(self.deployment)
                sent = self._load.run(seconds, lambda passed: progress.set(round(passed)))
                after = cpu_seconds(self.deployment)
        finally:
            self.deployment.stop()
        checked = self._load.check_answers()
        cpu = {name: used - before[name] for name, used in after.items()} | {"client": sent.client_cpu_s}
        cpu_ms = {name: used * 1000 / sent.labels for name, used in cpu.items()}
        result = {
            "labels": sent.labels,
            "seconds": round(sent.seconds, 2),
            "labels_per_second": round(sent.labels / sent.seconds, 1),
            "batch": self.batch,
            "connections": self.connections,
            "checked_batches": checked,
            # On a machine that does other things too, this says more than the time that passed.
            "cpu_ms_per_label": {name: round(used, 4) for name, used in cpu_ms.items()}
            | {"total": round(sum(cpu_ms.values()), 4)},
        }
        return result | ({"curve_share": curve_share} if curve_share else {})

    def rate(self, seconds: float) -> float:
        """Labels a second of one more run."""
        return float(self.measure(seconds)["labels_per_second"])
