"""One of each party, and its operations, ready to be timed: fresh input for every call, nothing cached."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from trunkline._core import BenchPairings
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

BATCH = 32
"""Of operations that have no other batch in use."""
LARGE_BATCH = 1_000
"""Records that a store verifies together, and labels that are evaluated together under load."""
WINDOW = 21
"""Labels of one trace with epochs of a second."""
MEMBERS = 10_000

_PERIOD = 2_951
_BODY = slice(RECORD_SIZE - SIGNATURE_SIZE - BODY_SIZE, RECORD_SIZE - SIGNATURE_SIZE)
_SIGNATURE = slice(RECORD_SIZE - SIGNATURE_SIZE, RECORD_SIZE)

Call = Callable[[], object]


@dataclass(frozen=True)
class Operation:
    """Something to measure.

    Attributes:
        count: Elements that one call handles.
        prepare: Makes fresh input, untimed, and returns the call that is timed.
        is_batch: Whether the call uses several threads.
    """

    count: int
    prepare: Callable[[], Call]
    is_batch: bool = True


class Parties:
    """One of each party, with fresh keys. Each operation prepares `count` elements and returns the call."""

    def __init__(self) -> None:
        self._params_hash, self._kid, self._case, self._carrier = (
            os.urandom(size) for size in (32, 16, 32, 16)
        )
        self._label_key, self._authorization = LabelKey.generate(), AuthorizationKey.generate()
        self._issuer, self._opener, member = (
            IssuerKey.generate(),
            OpenerKey.generate(),
            MemberSecret.generate(),
        )
        self._client = LabelClient(self._label_key.public_key)
        self._group = GroupPublicKey(self._issuer.public_key, self._opener.public_key)
        self._member_point = member.public_point
        credential = self._issuer.issue(_PERIOD, self._member_point)
        self._signer = Signer(self._group, self._params_hash, member, credential)
        self._encryptor = Encryptor(self._authorization.public_key, self._kid)
        self._contributor = Contributor(self._encryptor, self._signer)
        self._verifier = Verifier(self._group, self._params_hash)
        # The registry maps points to carriers; only this member's point has to be a real one.
        self._registry = {os.urandom(48): os.urandom(16) for _ in range(MEMBERS - 1)}
        self._registry[self._member_point] = self._carrier
        self.packed_records = self._contributor.contribute_batch(*_plaintexts(LARGE_BATCH))

    def operations(self) -> dict[str, Operation]:
        """Everything that is measured, by name, in batches as users run them."""
        return {
            "pairing": Operation(BATCH, lambda: BenchPairings(BATCH).run, is_batch=False),
            "label_evaluate": _batch(LARGE_BATCH, self.label_evaluate),
            "label_blind": _batch(LARGE_BATCH, self.label_blind),
            "label_finalize": _batch(LARGE_BATCH, self.label_finalize),
            "witness_encrypt": _batch(BATCH, self.encrypt),
            "group_sign": _batch(BATCH, self.sign),
            "contribute": _batch(BATCH, self.contribute),
            "group_verify": Operation(1, self.verify, is_batch=False),
            "group_verify_batch": _batch(LARGE_BATCH, self.verify_batch),
            "open": Operation(WINDOW, partial(self.open, WINDOW), is_batch=False),
            "authorize": _batch(WINDOW, self.authorize),
            "decrypt": _batch(BATCH, self.decrypt),
        }

    def label_evaluate(self, count: int) -> Call:
        """The label authority's part, with its proof."""
        blinded = self._client.blind_batch(_plaintexts(count)[1]).elements
        return lambda: self._label_key.evaluate_batch(blinded)

    def label_blind(self, count: int) -> Call:
        """The carrier's part before the request."""
        inputs = _plaintexts(count)[1]
        return lambda: self._client.blind_batch(inputs)

    def label_finalize(self, count: int) -> Call:
        """The carrier's part after the answer, with the proof's verification."""
        blinding = self._client.blind_batch(_plaintexts(count)[1])
        evaluated, proof = self._label_key.evaluate_batch(blinding.elements)
        return lambda: blinding.finalize(evaluated, proof)

    def encrypt(self, count: int) -> Call:
        """Witness encryption of hops."""
        plaintexts = _plaintexts(count)
        return lambda: self._encryptor.encrypt_batch(*plaintexts)

    def sign(self, count: int) -> Call:
        """Group signatures over encrypted hops."""
        bodies = os.urandom(BODY_SIZE * count)
        return lambda: self._signer.seal_batch(bodies)

    def contribute(self, count: int) -> Call:
        """Encryption and signature together: from labels to records."""
        plaintexts = _plaintexts(count)
        return lambda: self._contributor.contribute_batch(*plaintexts)

    def verify(self) -> Call:
        """One record's group signature."""
        record = self._record()
        message = self._message(record)
        return lambda: self._verifier.verify(_PERIOD, message, record[_SIGNATURE])

    def verify_batch(self, count: int) -> Call:
        """Group signatures of up to `LARGE_BATCH` records, together."""
        records = self.packed_records[: count * RECORD_SIZE]
        return lambda: self._verifier.verify_records(records, _PERIOD)

    def open(self, count: int) -> Call:
        """Opening signatures with proof, and looking their signers up."""
        records = [self._record() for _ in range(count)]
        messages = [self._message(record) for record in records]

        def open_prove_and_look_up() -> None:
            for record, message in zip(records, messages, strict=True):
                opening = self._opener.prove(
                    record[_SIGNATURE],
                    params_hash=self._params_hash,
                    gpk_id=self._group.id,
                    case=self._case,
                    carrier_id=self._carrier,
                    message=message,
                )
                self._registry[opening[:48]]

        return open_prove_and_look_up

    def authorize(self, count: int) -> Call:
        """The authorization authority's signatures over labels."""
        labels = os.urandom(64 * count)
        return lambda: self._authorization.sign_batch(self._kid, labels)

    def decrypt(self, count: int) -> Call:
        """Decryption of records with the authority's signatures over their labels."""
        labels, details, hops = _plaintexts(count)
        bodies = self._encryptor.encrypt_batch(labels, details, hops)
        witnesses = self._authorization.sign_batch(self._kid, labels)
        key = self._authorization.public_key
        return lambda: decrypt_batch(key, self._kid, witnesses, labels, details, bodies)

    def issue(self) -> Call:
        """The membership authority's credential for one member and period."""
        return lambda: self._issuer.issue(_PERIOD, self._member_point)

    def _record(self) -> bytes:
        position = int.from_bytes(os.urandom(4), "big") % LARGE_BATCH
        return self.packed_records[position * RECORD_SIZE : (position + 1) * RECORD_SIZE]

    def _message(self, record: bytes) -> bytes:
        return record_message(self._params_hash, _PERIOD, self._group.id, record[_BODY])


@contextmanager
def restored_threads() -> Iterator[None]:
    """Gives the pool back the number of threads it had before, whatever was set meanwhile."""
    before = threads()
    try:
        yield
    finally:
        set_threads(before)


def _batch(count: int, prepare: Callable[[int], Call]) -> Operation:
    return Operation(count, partial(prepare, count))


def _plaintexts(count: int) -> tuple[bytes, list[bytes], bytes]:
    """Labels, call details and hops."""
    return os.urandom(64 * count), [os.urandom(64) for _ in range(count)], os.urandom(HOP_SIZE * count)
