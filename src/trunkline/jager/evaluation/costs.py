"""What one record, label or request costs: measured now, or read from what the benches printed.

Whole processes cost more than the cryptography in them. Benches that run real processes (`bench pipeline`,
`store`, `labels`) give the cost with everything; what only the primitives say is multiplied by
`SERVICE_FACTOR`, and its source says so.
"""

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trunkline.crypto.runtime import set_threads
from trunkline.errors import InputError
from trunkline.jager.evaluation.pairing import measure_pairing_us
from trunkline.jager.evaluation.parties import Parties, restored_threads
from trunkline.jager.evaluation.wire import measure_handshake

SERVICE_FACTOR = 1.6
"""Processor time of the processes in `bench pipeline` over that of their primitives: 1.6 for the carrier, the
record store and the label authority alike (docs/benchmarks.md)."""

NAMES = {
    "label_us": "label authority, a label",
    "carrier_us": "carrier, a record with its label",
    "store_us": "record store, a record",
    "authorize_us": "authorization authority, a label",
    "open_us": "accountability authority, an opening",
    "verify_us": "one group signature, verified singly",
    "issue_us": "membership authority, a credential",
    "handshake_client_us": "new TLS connection, client",
    "handshake_server_us": "new TLS connection, service",
}
"""Every cost, in microseconds of one processor, and what it is of."""

MEASURED_NOW = "measured now"

_ROUNDS = 4
_HANDSHAKES = 20
_MAX_FILE = 1 << 20
_LONGEST_US = 1e9

_PRIMITIVE, _PROCESS, _PLAN = range(3)
"""How much a source knows: a process includes what a primitive does not, and a plan has weighed it "
"already."""

_Values = dict[str, float]


@dataclass(frozen=True, slots=True)
class Cost:
    """One cost.

    Attributes:
        microseconds: Of one processor.
        source: Where it is from.
    """

    microseconds: float
    source: str


@dataclass(frozen=True, slots=True)
class Costs:
    """All costs, for a machine on which a plain pairing takes `pairing_us`.

    Attributes:
        pairing_us: Says how fast that machine is.
        by_name: One for each of `NAMES`.
    """

    pairing_us: float
    by_name: Mapping[str, Cost]

    def us(self, name: str) -> float:
        """Return one cost in microseconds."""
        return self.by_name[name].microseconds

    def as_json(self) -> dict[str, Any]:
        """Return what `read_costs` reads."""
        return {
            "pairing_us": round(self.pairing_us, 1),
            "costs": {
                name: {"microseconds": round(cost.microseconds, 3), "source": cost.source}
                for name, cost in self.by_name.items()
            },
        }


MEASUREMENTS = len(NAMES)


def measure_costs(step: Callable[[], None]) -> Costs:
    """Measures all costs on this machine, in some ten seconds.

    Args:
        step: Called after each of `MEASUREMENTS` measurements.
    """
    parties = Parties()
    operations = parties.operations()
    fastest: _Values = {}
    with restored_threads():
        set_threads(1)
        for name in ("label_evaluate", "label_blind", "label_finalize", "contribute", "group_verify_batch"):
            operation = operations[name]
            fastest[name] = _fastest(operation.prepare) / operation.count
            step()
        for name in ("authorize", "open", "group_verify"):
            fastest[name] = _fastest(operations[name].prepare) / operations[name].count
        issue = _fastest(parties.issue)
        step()
    handshake = measure_handshake(_HANDSHAKES)
    pairing_us = measure_pairing_us()
    values = _from_primitives({f"{name}_us": value for name, value in fastest.items()})
    values |= {
        "issue_us": issue,
        "handshake_client_us": handshake.client_us,
        "handshake_server_us": handshake.server_us,
    }
    for _ in range(MEASUREMENTS - 6):
        step()
    return Costs(
        pairing_us, {name: Cost(value, _source(name, MEASURED_NOW)) for name, value in values.items()}
    )


def read_costs(files: Sequence[Path]) -> Costs:
    """Reads what benches printed with `--json`, or a plan of before.

    Costs are brought to the machine of the first file by the pairings that the files state. What a real
    process cost is preferred to what its primitives cost; among equals the later file counts. Costs that no
    file has are left out; `completed` adds them.

    Raises:
        InputError: A file cannot be read, is of no bench that is known here, or lacks its `pairing_us`.
    """
    found: dict[str, tuple[int, Cost]] = {}
    reference: float | None = None
    for file in files:
        data = _load(file)
        pairing_us = _number(data.get("pairing_us"), file, "pairing_us")
        reference = reference or pairing_us
        for rank, name, value, source in _costs_in(data, file):
            if name not in found or rank >= found[name][0]:
                found[name] = rank, Cost(value * reference / pairing_us, source)
    if reference is None:
        raise InputError("no file with costs is named")
    return Costs(reference, {name: cost for name, (_, cost) in found.items()})


def missing(costs: Costs) -> list[str]:
    """Return the names of the costs that are not there."""
    return [name for name in NAMES if name not in costs.by_name]


def completed(costs: Costs, others: Costs) -> Costs:
    """Return costs with those that are missing from others, brought to the same machine."""
    factor = costs.pairing_us / others.pairing_us
    added = {name: Cost(others.us(name) * factor, others.by_name[name].source) for name in missing(costs)}
    return Costs(costs.pairing_us, {**costs.by_name, **added})


def _fastest(prepare: Callable[[], Callable[[], object]]) -> float:
    fastest = math.inf
    for _ in range(_ROUNDS):
        call = prepare()
        began = time.process_time()
        call()
        fastest = min(fastest, (time.process_time() - began) * 1e6)
    return fastest


def _from_primitives(values: Mapping[str, float]) -> _Values:
    label_client = values.get("label_client_us")
    if label_client is None:
        label_client = values["label_blind_us"] + values["label_finalize_us"]
    return {
        "label_us": values["label_evaluate_us"] * SERVICE_FACTOR,
        "carrier_us": (values["contribute_us"] + label_client) * SERVICE_FACTOR,
        "store_us": values["group_verify_batch_us"] * SERVICE_FACTOR,
        "authorize_us": values["authorize_us"] * SERVICE_FACTOR,
        "open_us": values["open_us"] * SERVICE_FACTOR,
        "verify_us": values["group_verify_us"],
    }


def _source(name: str, source: str) -> str:
    whole = name in {"verify_us", "issue_us", "handshake_client_us", "handshake_server_us"}
    return source if whole else f"{source}: primitives x {SERVICE_FACTOR}"


def _costs_in(data: Mapping[str, Any], file: Path) -> Iterable[tuple[int, str, float, str]]:
    """The costs in one file, each with its rank, name, microseconds and source."""
    if "costs" in data:
        for name, cost in _object(data["costs"], file, "costs").items():
            if name not in NAMES:
                raise InputError(f"{file}: there is no cost {name!r}; write the file anew with this release")
            stated = _object(cost, file, name)
            source = str(stated.get("source", file.name))[:200]
            yield _PLAN, name, _number(stated.get("microseconds"), file, name), source
    elif "multiples" in data:
        values = {name: _number(data.get(name), file, name) for name in _PRIMITIVES}
        for name, value in _from_primitives(values).items():
            yield _PRIMITIVE, name, value, _source(name, f"{file.name}, bench primitives")
    elif "table3" in data:
        for name, value in _from_primitives(_of_paper(_object(data["table3"], file, "table3"), file)).items():
            yield _PRIMITIVE, name, value, _source(name, f"{file.name}, bench paper")
    elif "cpu_ms_per_label" in data:
        by_process = _object(data["cpu_ms_per_label"], file, "cpu_ms_per_label")
        yield _PROCESS, "label_us", _ms(by_process, "labels", file), f"{file.name}, bench labels"
    elif "cpu_ms_per_record" in data:
        by_process = _object(data["cpu_ms_per_record"], file, "cpu_ms_per_record")
        carriers = [name for name in by_process if name.startswith("carrier-")]
        bench = "bench pipeline" if carriers else "bench store"
        for name in carriers[:1]:
            yield _PROCESS, "carrier_us", _ms(by_process, name, file), f"{file.name}, {bench}"
        yield _PROCESS, "store_us", _ms(by_process, "record-store", file), f"{file.name}, {bench}"
    else:
        raise InputError(
            f"{file} is not what bench primitives, paper, pipeline, store or labels, or plan, print with "
            "--json"
        )


_PRIMITIVES = (
    "label_evaluate_us",
    "label_client_us",
    "contribute_us",
    "group_verify_batch_us",
    "group_verify_us",
    "authorize_us",
    "open_us",
)

_OF_PAPER = {
    "label_evaluate_us": ("label_generation", "batched"),
    "label_blind_us": ("label_blind", "batched"),
    "label_finalize_us": ("label_finalize", "batched"),
    "contribute_us": ("contribution", "batched"),
    "group_verify_batch_us": ("verify_group_signature", "batched"),
    "group_verify_us": ("verify_group_signature", "single"),
    "authorize_us": ("authorization", "batched"),
    "open_us": ("open", "single"),
}


def _of_paper(table: Mapping[str, Any], file: Path) -> _Values:
    values = {}
    for name, (task, kind) in _OF_PAPER.items():
        timing = _object(_object(table.get(task), file, task).get(kind), file, kind)
        values[name] = _ms(timing, "mean", file)
    return values


def _load(file: Path) -> Mapping[str, Any]:
    try:
        with file.open("rb") as opened:
            content = opened.read(_MAX_FILE + 1)
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}") from error
    if len(content) > _MAX_FILE:
        raise InputError(f"{file} has more than {_MAX_FILE:,} bytes; no bench prints so much")
    # A bench's whole output may be given; its last line is the value.
    lines = content.decode("utf-8", "replace").strip().splitlines()
    try:
        return _object(json.loads(lines[-1] if lines else ""), file, "the last line")
    except (ValueError, RecursionError) as error:
        raise InputError(f"the last line of {file} is not JSON; write it with a bench's --json") from error


def _object(value: Any, file: Path, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{file}: {what} is not a JSON object")
    return value


def _ms(values: Mapping[str, Any], name: str, file: Path) -> float:
    return _number(values.get(name), file, name) * 1_000


def _number(value: Any, file: Path, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _LONGEST_US:
        raise InputError(f"{file}: {what} is missing, or no positive number; write the file anew")
    return float(value)
