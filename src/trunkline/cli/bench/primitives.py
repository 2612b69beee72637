"""`trunkline bench primitives`: microseconds of each cryptographic operation, beside a plain pairing.

Every measurement takes distinct inputs and fresh randomness, and nothing is cached between operations. The
rounds of all operations take turns, and each operation reports its fastest round, so that other work on the
machine disturbs all of them alike. On one core it is processor time that counts, on two the time that passes.
Labels and verification are measured in batches of 1,000, authorization and opening of windows of 21 labels or
records, all other batches of 32.
"""

import time
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.table import Table

from trunkline.cli.output import bar, console, print_json
from trunkline.crypto.record import RECORD_SIZE
from trunkline.crypto.runtime import set_threads
from trunkline.jager.evaluation.parties import LARGE_BATCH, WINDOW, Operation, Parties, restored_threads

ROUNDS = 8
TARGETS = {
    "contribute": 1.9,
    "group_verify_batch": 0.35,
    "authorize": 0.3,
    "decrypt": 1.4,
    "open": 0.6,
}
"""Most time that an operation may take, in pairings."""


def measure() -> dict[str, Any]:
    """Measures everything on one core, then batch calls on two.

    Returns:
        The figures that `--json` prints: microseconds per element, multiples of a plain pairing, and how many
        times the throughput of one thread two threads reach.
    """
    parties = Parties()
    operations = parties.operations()
    batches = {name: operation for name, operation in operations.items() if operation.is_batch}
    one: dict[str, float] = {}
    ratio: dict[int, dict[str, float]] = {1: {}, 2: {}}
    with restored_threads(), bar("rounds", 2 * ROUNDS) as progress:
        set_threads(1)
        for _ in range(ROUNDS):
            _round(operations, one, time.process_time)
            progress.advance()
        for _ in range(ROUNDS):
            for count, fastest in ratio.items():
                set_threads(count)
                _round(batches, fastest, time.perf_counter)
            progress.advance()
    one["label_client"] = one.pop("label_blind") + one.pop("label_finalize")
    result: dict[str, Any] = {f"{name}_us": round(microseconds, 1) for name, microseconds in one.items()}
    result["record_bytes"] = RECORD_SIZE
    result["multiples"] = {name: round(value / one["pairing"], 3) for name, value in one.items()}
    result["two_core_ratio"] = {name: round(ratio[1][name] / ratio[2][name], 2) for name in batches}
    return result


def _round(operations: dict[str, Operation], fastest: dict[str, float], clock: Callable[[], float]) -> None:
    for name, operation in operations.items():
        call = operation.prepare()
        began = clock()
        call()
        microseconds = (clock() - began) * 1e6 / operation.count
        fastest[name] = min(microseconds, fastest.get(name, microseconds))


def _show(result: dict[str, Any]) -> None:
    table = Table("operation", "µs", "pairings", "target", "two cores")
    for name, multiple in result["multiples"].items():
        target = f"<= {TARGETS[name]}" if name in TARGETS else ""
        ratio = result["two_core_ratio"].get(name)
        row = (str(result[f"{name}_us"]), f"{multiple:.3f}", target, f"{ratio:.2f} x" if ratio else "")
        table.add_row(name.replace("_", " "), *row)
    console.print(table)
    console.print(
        f"Labels and batch verification: {LARGE_BATCH:,} elements a call; authorize, open: {WINDOW}."
    )
    console.print(f"A record has {result['record_bytes']} bytes.")


def primitives(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value.")] = False,
) -> None:
    """Times each cryptographic operation on one core, as microseconds and as multiples of a plain pairing."""
    result = measure()
    _show(result)
    if as_json:
        print_json(result)
