"""`trunkline bench primitives`: microseconds of each cryptographic operation, beside a plain pairing.

Every measurement takes distinct inputs and fresh randomness, and nothing is cached between operations. The
rounds of all operations take turns, and each operation reports its fastest round, so that other work on the
machine disturbs all of them alike. On one core it is processor time that counts, on two the time that passes.
Labels and verification are measured in batches of 1,000, authorization and opening of windows of 21 labels or
records, all other batches of 32.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.table import Table

from trunkline._core import BenchPairings
from trunkline.cli.output import bar, console, print_json
from trunkline.crypto.contribution import Contributor
from trunkline.crypto.group_signature import (
    GroupPublicKey,
    IssuerKey,
    MemberSecret,
    OpenerKey,
    Signer,
    Verifier,
)
from trunkline.crypto.label_signature import AuthorizationKey
from trunkline.crypto.oprf import LabelClient, LabelKey
from trunkline.crypto.record import BODY_SIZE, HOP_SIZE, RECORD_SIZE, SIGNATURE_SIZE, record_message
from trunkline.crypto.runtime import set_threads, threads
from trunkline.crypto.witness_encryption import Encryptor, decrypt_batch

ROUNDS = 8
BATCH = 32
LARGE_BATCH = 1_000
WINDOW = 21
MEMBERS = 10_000
PERIOD = 2_951
TARGETS = {
    "contribute": 1.9,
    "group_verify_batch": 0.35,
    "authorize": 0.3,
    "decrypt": 1.4,
    "open": 0.6,
}
"""Most time that an operation may take, in pairings."""

_BODY = slice(RECORD_SIZE - SIGNATURE_SIZE - BODY_SIZE, RECORD_SIZE - SIGNATURE_SIZE)
_SIGNATURE = slice(RECORD_SIZE - SIGNATURE_SIZE, RECORD_SIZE)


@dataclass(frozen=True)
class Operation:
    """Something to measure.

    Attributes:
        count: Elements that one call handles.
        prepare: Makes fresh input, untimed, and returns the call that is timed.
        is_batch: Whether the call uses several threads.
    """

    count: int
    prepare: Callable[[], Callable[[], object]]
    is_batch: bool = True


class Parties:
    """One of each party, with fresh keys, and what is measured of them."""

    def __init__(self) -> None:
        self.params_hash, self.kid, self.case, self.carrier = (os.urandom(size) for size in (32, 16, 32, 16))
        self.label_key, self.authorization = LabelKey.generate(), AuthorizationKey.generate()
        issuer, self.opener, member = IssuerKey.generate(), OpenerKey.generate(), MemberSecret.generate()
        self.client = LabelClient(self.label_key.public_key)
        self.group = GroupPublicKey(issuer.public_key, self.opener.public_key)
        credential = issuer.issue(PERIOD, member.public_point)
        self.signer = Signer(self.group, self.params_hash, member, credential)
        self.encryptor = Encryptor(self.authorization.public_key, self.kid)
        self.contributor = Contributor(self.encryptor, self.signer)
        self.verifier = Verifier(self.group, self.params_hash)
        # The registry maps points to carriers; only this member's point has to be a real one.
        self.registry = {os.urandom(48): os.urandom(16) for _ in range(MEMBERS - 1)}
        self.registry[member.public_point] = self.carrier
        plaintexts = self._plaintexts(LARGE_BATCH)
        self.packed_records = self.contributor.contribute_batch(*plaintexts)

    def operations(self) -> dict[str, Operation]:
        """Everything that is measured, by name."""
        return {
            "pairing": Operation(BATCH, lambda: BenchPairings(BATCH).run, is_batch=False),
            "label_evaluate": Operation(LARGE_BATCH, self._label_evaluate),
            "label_blind": Operation(LARGE_BATCH, self._label_blind),
            "label_finalize": Operation(LARGE_BATCH, self._label_finalize),
            "witness_encrypt": Operation(BATCH, self._encrypt),
            "group_sign": Operation(BATCH, self._sign),
            "contribute": Operation(BATCH, self._contribute),
            "group_verify": Operation(1, self._verify, is_batch=False),
            "group_verify_batch": Operation(LARGE_BATCH, self._verify_batch),
            "open": Operation(WINDOW, self._open, is_batch=False),
            "authorize": Operation(WINDOW, self._authorize),
            "decrypt": Operation(BATCH, self._decrypt),
        }

    def _plaintexts(self, count: int) -> tuple[bytes, list[bytes], bytes]:
        details = [os.urandom(64) for _ in range(count)]
        return os.urandom(64 * count), details, os.urandom(HOP_SIZE * count)

    def _record(self) -> bytes:
        position = int.from_bytes(os.urandom(4), "big") % LARGE_BATCH
        return self.packed_records[position * RECORD_SIZE : (position + 1) * RECORD_SIZE]

    def _message(self, record: bytes) -> bytes:
        return record_message(self.params_hash, PERIOD, self.group.id, record[_BODY])

    def _label_evaluate(self) -> Callable[[], object]:
        blinded = self.client.blind_batch(self._plaintexts(LARGE_BATCH)[1]).elements
        return lambda: self.label_key.evaluate_batch(blinded)

    def _label_blind(self) -> Callable[[], object]:
        inputs = self._plaintexts(LARGE_BATCH)[1]
        return lambda: self.client.blind_batch(inputs)

    def _label_finalize(self) -> Callable[[], object]:
        blinding = self.client.blind_batch(self._plaintexts(LARGE_BATCH)[1])
        evaluated, proof = self.label_key.evaluate_batch(blinding.elements)
        return lambda: blinding.finalize(evaluated, proof)

    def _encrypt(self) -> Callable[[], object]:
        plaintexts = self._plaintexts(BATCH)
        return lambda: self.encryptor.encrypt_batch(*plaintexts)

    def _sign(self) -> Callable[[], object]:
        bodies = os.urandom(BODY_SIZE * BATCH)
        return lambda: self.signer.seal_batch(bodies)

    def _contribute(self) -> Callable[[], object]:
        plaintexts = self._plaintexts(BATCH)
        return lambda: self.contributor.contribute_batch(*plaintexts)

    def _verify(self) -> Callable[[], object]:
        record = self._record()
        message = self._message(record)
        return lambda: self.verifier.verify(PERIOD, message, record[_SIGNATURE])

    def _verify_batch(self) -> Callable[[], object]:
        return lambda: self.verifier.verify_records(self.packed_records, PERIOD)

    def _open(self) -> Callable[[], object]:
        records = [self._record() for _ in range(WINDOW)]
        messages = [self._message(record) for record in records]

        def open_prove_and_look_up() -> None:
            for record, message in zip(records, messages, strict=True):
                opening = self.opener.prove(
                    record[_SIGNATURE],
                    params_hash=self.params_hash,
                    gpk_id=self.group.id,
                    case=self.case,
                    carrier_id=self.carrier,
                    message=message,
                )
                self.registry[opening[:48]]

        return open_prove_and_look_up

    def _authorize(self) -> Callable[[], object]:
        labels = os.urandom(64 * WINDOW)
        return lambda: self.authorization.sign_batch(self.kid, labels)

    def _decrypt(self) -> Callable[[], object]:
        labels, details, hops = self._plaintexts(BATCH)
        bodies = self.encryptor.encrypt_batch(labels, details, hops)
        witnesses = self.authorization.sign_batch(self.kid, labels)
        key = self.authorization.public_key
        return lambda: decrypt_batch(key, self.kid, witnesses, labels, details, bodies)


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
    with _restored_threads(), bar("rounds", 2 * ROUNDS) as progress:
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


@contextmanager
def _restored_threads() -> Iterator[None]:
    before = threads()
    try:
        yield
    finally:
        set_threads(before)


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
