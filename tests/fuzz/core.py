"""Targets: the cryptographic core, whose calls take packed bytes of other parties."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from trunkline.crypto.contribution import Contributor
from trunkline.crypto.ed25519 import check_public_key, public_key_of
from trunkline.crypto.ed25519 import sign as sign_ed25519
from trunkline.crypto.ed25519 import verify as verify_ed25519
from trunkline.crypto.group_signature import (
    GroupPublicKey,
    IssuerKey,
    MemberSecret,
    OpenerKey,
    Signer,
    Verifier,
    check_credential,
    judge_opening,
    verify_join,
)
from trunkline.crypto.label_signature import (
    AuthorizationKey,
    key_id,
    verify_label_signatures,
    verify_possession,
)
from trunkline.crypto.oprf import LabelClient, LabelKey, label_index, verify_transcript
from trunkline.crypto.record import BODY_SIZE, record_ids, record_message
from trunkline.crypto.witness_encryption import Encryptor, decrypt_batch

from .packing import pack, unpack
from .target import Target

VECTORS = Path(__file__).parents[1] / "vectors"
SECRET = bytes(31) + b"\x07"
PERIOD = 7
RECORD_HEADER = 14


def targets(_directory: Path) -> Iterator[Target]:
    """All targets of this module."""
    yield from _labels()
    yield from _records()
    yield from _members()
    yield from _keys()


def vectors(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((VECTORS / f"{name}.json").read_text())["vectors"]
    return found


def seeds(name: str, *fields: str) -> list[bytes]:
    """The vectors of a file, good and bad, each packed."""
    return [pack(*(_bytes(vector[field]) for field in fields)) for vector in vectors(name)]


def _bytes(value: Any) -> bytes:
    if isinstance(value, int):
        return value.to_bytes(8, "big")
    if isinstance(value, list):
        return b"".join(_bytes(one) for one in value)
    return bytes.fromhex(value or "")


def _target(name: str, run: Callable[..., object], inputs: list[bytes], count: int) -> Target:
    """A function of `count` byte strings."""

    def of_parts(data: bytes) -> object:
        parts = unpack(data)[:count]
        return run(*parts, *(b"" for _ in range(count - len(parts))))

    return Target(f"core, {name}", of_parts, inputs, packed=True)


def _u32(data: bytes) -> int:
    return int.from_bytes(data[-4:], "big")


def _labels() -> Iterator[Target]:
    key = LabelKey.from_bytes(SECRET[::-1])
    blinding = LabelClient(key.public_key).blind_batch([b"a"])
    evaluated, proof = key.evaluate_batch(blinding.elements)
    transcript = pack(key.public_key, b"a", blinding.reveal_blind(0), evaluated, proof)
    yield _target("label evaluation", key.evaluate_batch, seeds("label_evaluation", "blinded"), 1)
    yield _target("label finalization", blinding.finalize, [pack(evaluated, proof)], 3)
    yield _target("label transcript", verify_transcript, [transcript], 5)
    yield _target("label index", label_index, [pack(bytes(16), bytes(128))], 2)


def _records() -> Iterator[Target]:
    authorization, member = AuthorizationKey.generate(), MemberSecret.generate()
    issuer, opener = IssuerKey.generate(), OpenerKey.generate()
    group = GroupPublicKey(issuer.public_key, opener.public_key)
    kid, hashed = bytes(16), bytes(32)
    encryptor = Encryptor(authorization.public_key, kid)
    signer = Signer(group, hashed, member, issuer.issue(PERIOD, member.public_point))
    contributor = Contributor(encryptor, signer)
    label, details, hop = bytes(64), b"details", bytes(60)
    record = contributor.contribute_batch(label, [details], hop)
    body, signature = record[RECORD_HEADER : RECORD_HEADER + BODY_SIZE], record[RECORD_HEADER + BODY_SIZE :]
    witness = authorization.sign_batch(kid, label)
    verifier = Verifier(group, hashed)
    message = record_message(hashed, PERIOD, group.id, body)

    def decrypt(
        vk_t: bytes, kid: bytes, signatures: bytes, labels: bytes, details: bytes, bodies: bytes
    ) -> None:
        for one in decrypt_batch(vk_t, kid, signatures, labels, [details], bodies):
            if not isinstance(one, bytes):
                assert str(one)

    def prove(signature: bytes, message: bytes) -> None:
        opener.prove(
            signature, params_hash=hashed, gpk_id=group.id, case=hashed, carrier_id=kid, message=message
        )

    yield _target(
        "encryption", lambda *a: encryptor.encrypt_batch(a[0], [a[1]], a[2]), [pack(label, details, hop)], 3
    )
    yield _target(
        "contribution",
        lambda *a: contributor.contribute_batch(a[0], [a[1]], a[2]),
        [pack(label, details, hop)],
        3,
    )
    yield _target(
        "decryption", decrypt, [pack(authorization.public_key, kid, witness, label, details, body)], 6
    )
    yield _target(
        "witnesses",
        verify_label_signatures,
        [
            pack(authorization.public_key, kid, label, witness),
            *seeds("label_signature", "vk_t", "kid", "label", "signature"),
        ],
        4,
    )
    yield _target("witness making", authorization.sign_batch, [pack(kid, label)], 2)
    yield _target(
        "records", lambda data: verifier.verify_records(data, PERIOD), [pack(record), pack(record * 2)], 1
    )
    yield _target("record ids", record_ids, [pack(hashed, group.id, record)], 3)
    yield _target(
        "group signatures",
        lambda *a: verifier.verify_batch(PERIOD, [a[0], a[1]], a[2]),
        [pack(message, b"", signature * 2)],
        3,
    )
    yield _target("sealing", signer.seal_batch, [pack(body)], 1)
    yield _target("opening", opener.open_batch, [pack(signature)], 1)
    yield _target("opening proof", prove, [pack(signature, message)], 2)
    fields = ("w", "y", "params_hash", "period", "message", "signature", "opening", "case", "carrier")
    yield _target("opening judged", _judge_opening, seeds("opening", *fields), len(fields))


def _judge_opening(w: bytes, y: bytes, params_hash: bytes, period: bytes, *rest: bytes) -> None:
    message, signature, opening, case, carrier = rest
    judge_opening(
        GroupPublicKey(w, y),
        params_hash,
        period=_u32(period),
        message=message,
        signature=signature,
        opening=opening,
        case=case,
        carrier_id=carrier,
    )


def _members() -> Iterator[Target]:
    issuer = IssuerKey.generate()
    group = GroupPublicKey(issuer.public_key, OpenerKey.generate().public_key)
    member = MemberSecret.generate()
    hashed, nonce, carrier, identity = bytes(32), bytes(32), bytes(range(16)), bytes(32)
    proof = member.join_proof(hashed, nonce, carrier, identity)
    credential = issuer.issue(PERIOD, member.public_point)

    def signer(credential: bytes) -> None:
        Signer(group, hashed, member, credential)

    yield _target(
        "joining",
        verify_join,
        [
            pack(hashed, nonce, carrier, identity, member.public_point, proof),
            *seeds("join", "params_hash", "nonce", "carrier", "identity", "s_point", "proof"),
        ],
        6,
    )
    yield _target(
        "issuing", lambda *a: issuer.issue(_u32(a[0]), a[1]), [pack(b"\x07", member.public_point)], 2
    )
    yield _target(
        "credential", lambda *a: check_credential(group, *a), [pack(member.public_point, credential)], 2
    )
    yield _target("credential of a signer", signer, [pack(credential)], 1)


def _keys() -> Iterator[Target]:
    secret = AuthorizationKey.generate()
    key = hashlib.sha256(b"key").digest()
    signed = sign_ed25519(key, "receipt", b"data")
    good = pack(b"vk_T", secret.public_key, secret.possession_proof())

    def possession(role: bytes, public_key: bytes, proof: bytes) -> None:
        verify_possession(role.decode("latin-1"), public_key, proof)

    yield _target("proof of possession", possession, [good], 3)
    yield _target("group key", GroupPublicKey, seeds("opening", "w", "y"), 2)
    yield _target("key id", key_id, [pack(bytes(32), secret.public_key)], 2)
    yield _target("encryption key", Encryptor, [pack(secret.public_key, bytes(16))], 2)
    yield _target("label key", LabelClient, seeds("label_finalization", "public_key"), 1)
    for kind in (LabelKey, AuthorizationKey, IssuerKey, OpenerKey, MemberSecret):
        yield _target(f"secret, {kind.__name__}", kind.from_bytes, [pack(SECRET)], 1)
    yield _target("Ed25519 key", check_public_key, [pack(public_key_of(key))], 1)
    yield _target(
        "Ed25519 signature",
        lambda *a: verify_ed25519(a[0], "receipt", a[1], a[2]),
        [pack(public_key_of(key), b"data", signed)],
        3,
    )
