"""Vectors of sections 2 and 3: identifiers, proofs of possession, call details, labels, label signatures."""

from collections.abc import Iterator
from typing import Any

from . import keys, labels, ristretto255, witness_encryption
from .bls12_381 import FIELD, ORDER, encode, hash_to_g1, multiply, scalar_bytes
from .call_details import (
    E164,
    PROFILE_DST,
    PROFILE_SRC_DST,
    URI,
    WITHHELD,
    Party,
    call_details,
)
from .notation import refuse_unless
from .vector_file import VectorFile, flipped, replaced
from .world import IDENTITY_G1, IDENTITY_G2, World, off_subgroup_g2


def files() -> Iterator[VectorFile]:
    """The files of this module."""
    yield _identifiers()
    yield _possession()
    yield _call_details()
    yield _label_evaluation()
    yield _label_finalization()
    yield _label_signature()


def _identifiers() -> VectorFile:
    world = World("identifiers")

    def check(kind: str, parts: list[bytes], result: bytes) -> None:
        if kind == "unlisted":
            assert result == keys.unlisted_provider_id(parts[0].decode())
            return
        compute = {"kid": keys.key_id, "gpk id": keys.group_key_id, "idx": labels.label_index}[kind]
        assert result == compute(*parts)

    file = VectorFile("identifiers", "Sections 2 and 3: kid, gpk id, idx, ids of unlisted providers.", check)
    file.good(
        "key id of pk_OPRF, vk_T", kind="kid", parts=[world.label_public_key, world.vk_t], result=world.kid
    )
    file.good("group key id of w, Y", kind="gpk id", parts=[world.w, world.y], result=world.group.id)
    idx = labels.label_index(world.kid, world.label)
    file.good("index of kid, label", kind="idx", parts=[world.kid, world.label], result=idx)
    for name in ("Example Carrier", "  example CARRIER ", "Straße Telecom"):
        result = keys.unlisted_provider_id(name)
        file.good("unlisted provider", kind="unlisted", parts=[name.encode()], result=result)
    return file


def _possession() -> VectorFile:
    world = World("possession")
    file = VectorFile(
        "possession", "Section 2: proofs of possession; section 1: strict points.", keys.check_possession
    )
    secrets = {"w": (world.gamma, world.w), "vk_T": (world.sk_t, world.vk_t), "Y": (world.xi, world.y)}
    proofs = {role: keys.prove_possession(role, x, world.scalar()) for role, (x, _) in secrets.items()}
    for role, (x, public) in secrets.items():
        file.good(
            f"{role}", role=role, public_key=public, proof=proofs[role], notes={"secret": scalar_bytes(x)}
        )
    w, y = world.w, world.y
    file.bad("proof for another role", "proof", role="vk_T", public_key=w, proof=proofs["w"])
    file.bad("proof of another key", "proof", role="w", public_key=world.vk_t, proof=proofs["w"])
    file.bad("challenge with a flipped bit", "proof", role="w", public_key=w, proof=flipped(proofs["w"], 256))
    file.bad("answer with a flipped bit", "proof", role="w", public_key=w, proof=flipped(proofs["w"], 0))
    for role, public in (("w", w), ("Y", y)):
        unreduced = replaced(proofs[role], 16, _plus_order(proofs[role][16:]))
        file.bad("answer with r added", "scalar", role=role, public_key=public, proof=unreduced)
        file.bad("proof too short", "malformed", role=role, public_key=public, proof=proofs[role][:-1])
        file.bad("trailing byte", "malformed", role=role, public_key=public, proof=proofs[role] + b"\0")
    proof = proofs["Y"]
    bad_g1 = {
        "identity": IDENTITY_G1,
        "identity with the sign flag": flipped(IDENTITY_G1, 381),
        "not marked as compressed": flipped(y, 383),
        "marked as identity": flipped(y, 382),
        "x = p, not reduced": (FIELD | 1 << 383).to_bytes(48, "big"),
        "off the curve": world.off_curve(),
        "off the subgroup": encode(world.torsion() + multiply(keys.BASE_G, world.xi)),
        "of small order": encode(world.torsion()),
    }
    for comment, data in bad_g1.items():
        file.bad(f"Y {comment}", "point", role="Y", public_key=data, proof=proof)
    file.bad("Y too short", "malformed", role="Y", public_key=y[:-1], proof=proof)
    file.bad("Y negated", "proof", role="Y", public_key=flipped(y, 381), proof=proof)
    proof = proofs["w"]
    bad_g2 = {
        "identity": IDENTITY_G2,
        "not marked as compressed": flipped(w, 767),
        "x1 not reduced": replaced(w, 0, (FIELD | 1 << 383).to_bytes(48, "big")),
        "x0 not reduced": replaced(w, 48, FIELD.to_bytes(48, "big")),
        "x0 with flag bits": flipped(w, 383),
        "off the subgroup": off_subgroup_g2(world),
    }
    for comment, data in bad_g2.items():
        file.bad(f"w {comment}", "point", role="w", public_key=data, proof=proof)
    return file


def _plus_order(scalar: bytes) -> bytes:
    return (int.from_bytes(scalar, "big") + ORDER).to_bytes(32, "big")


def _call_details() -> VectorFile:
    def check(profile: int, src: Party, dst: Party, epoch: int, call_details: bytes) -> None:
        assert call_details == encode_details(profile, src, dst, epoch)

    encode_details = call_details
    file = VectorFile("call_details", "Section 3: the OPRF's input, both profiles.", check)
    callers: dict[str, Party] = {
        "E.164 caller": (E164, "+12025550123"),
        "withheld caller": (WITHHELD, ""),
        "URI caller": (URI, "alice@example.com"),
        "URI caller beyond ASCII": (URI, "zoë@example.com"),
    }
    callees: dict[str, Party] = {
        "E.164 callee": (E164, "+442079460123"),
        "URI callee": (URI, "bob@example.net"),
    }
    for caller, src in callers.items():
        for callee, dst in callees.items():
            for profile in (PROFILE_SRC_DST, PROFILE_DST):
                for epoch in (
                    (0, 1_800_000_000, 2**64 - 1) if profile == PROFILE_SRC_DST else (1_800_000_000,)
                ):
                    file.good(
                        f"{caller}, {callee}, profile {profile}",
                        profile=profile,
                        src=src,
                        dst=dst,
                        epoch=epoch,
                        call_details=encode_details(profile, src, dst, epoch),
                    )
    return file


def _label_evaluation() -> VectorFile:
    world = World("label evaluation")

    def check(
        secret: bytes, blinded: list[bytes], nonce: bytes, evaluated: list[bytes], proof: bytes
    ) -> None:
        key, number = labels.decode_secret(secret), labels.decode_secret(nonce)
        refuse_unless(bool(blinded), "malformed", "a batch has elements")
        assert (evaluated, proof) == labels.evaluate(key, blinded, number)

    file = VectorFile(
        "label_evaluation", "Section 3: the label authority's side of the VOPRF, with a fixed nonce.", check
    )
    secret = labels.scalar_bytes(world.label_key)
    for count in (1, 2, 5):
        blinded = [
            labels.blind_input(b"input %d" % i, labels.random_scalar(world.random)) for i in range(count)
        ]
        nonce = labels.random_scalar(world.random)
        evaluated, proof = labels.evaluate(world.label_key, blinded, nonce)
        fields: dict[str, Any] = {
            "secret": secret,
            "nonce": labels.scalar_bytes(nonce),
            "evaluated": evaluated,
            "proof": proof,
        }
        file.good(f"batch of {count}", blinded=blinded, **fields)
    for comment, data in _bad_elements(blinded[0]).items():
        file.bad(f"element 3 {comment}", "point", blinded=[*blinded[:3], data, blinded[4]], **fields)
    file.bad("empty batch", "malformed", blinded=[], **fields)
    for comment, data in _bad_scalars().items():
        file.bad(f"key {comment}", "scalar", blinded=blinded, **{**fields, "secret": data})
    return file


def _bad_elements(good: bytes) -> dict[str, bytes]:
    prime = ristretto255.FIELD
    off = next(
        n.to_bytes(32, "little") for n in range(2, 99, 2) if not ristretto255.decode(n.to_bytes(32, "little"))
    )
    return {
        "identity": bytes(32),
        "negative": (prime - int.from_bytes(good, "little")).to_bytes(32, "little"),
        "not reduced": (prime + 2).to_bytes(32, "little"),
        "with the highest bit set": flipped(good, 7),
        "not in the group": off,
    }


def _bad_scalars() -> dict[str, bytes]:
    return {"zero": bytes(32), "not reduced": ristretto255.ORDER.to_bytes(32, "little")}


def _label_finalization() -> VectorFile:
    world = World("label finalization")

    def check(
        public_key: bytes,
        inputs: list[bytes],
        blinds: list[bytes],
        evaluated: list[bytes],
        proof: bytes,
        labels: list[bytes],
    ) -> None:
        refuse_unless(len(evaluated) == len(inputs), "malformed", "an answer has as many elements")
        numbers = [decode(blind) for blind in blinds]
        assert labels == finalize(public_key, inputs, numbers, evaluated, proof)

    decode, finalize = labels.decode_secret, labels.finalize
    file = VectorFile(
        "label_finalization",
        "Section 3: the client's side of the VOPRF; a batch of one is a transcript that a judge repeats.",
        check,
    )
    public, order = world.label_public_key, ristretto255.ORDER
    for count in (1, 4):
        inputs = [world.details[:-1] + bytes([i]) for i in range(count)]
        blinds = [labels.random_scalar(world.random) for _ in range(count)]
        blinded = [labels.blind_input(data, blind) for data, blind in zip(inputs, blinds, strict=True)]
        nonce = labels.random_scalar(world.random)
        evaluated, proof = labels.evaluate(world.label_key, blinded, nonce)
        fields: dict[str, Any] = {
            "public_key": public,
            "inputs": inputs,
            "blinds": [labels.scalar_bytes(blind) for blind in blinds],
            "evaluated": evaluated,
            "proof": proof,
            "labels": labels.finalize(public, inputs, blinds, evaluated, proof),
        }
        file.good(f"batch of {count}", notes={"blinded": blinded}, **fields)
        _bad_finalizations(file, fields)
        challenge = int.from_bytes(proof[:32], "little") + order
        unreduced = {**fields, "proof": challenge.to_bytes(32, "little") + proof[32:]}
        file.bad("proof's c not reduced", "scalar", **unreduced)
        answer = int.from_bytes(proof[32:], "little") + order
        file.bad(
            "proof's s not reduced",
            "scalar",
            **{**fields, "proof": proof[:32] + answer.to_bytes(32, "little")},
        )
        other, other_proof = labels.evaluate(labels.random_scalar(world.random), blinded, nonce)
        file.bad("evaluated by another key", "proof", **{**fields, "evaluated": other, "proof": other_proof})
    return file


def _bad_finalizations(file: VectorFile, fields: dict[str, Any]) -> None:
    evaluated, proof, inputs = fields["evaluated"], fields["proof"], fields["inputs"]
    for part, byte in (("c", 0), ("c", 30), ("s", 32), ("s", 62)):
        changed = flipped(proof, 8 * (63 - byte))
        file.bad(f"proof's {part} with a flipped bit", "proof", **{**fields, "proof": changed})
    file.bad("proof too short", "malformed", **{**fields, "proof": proof[:-1]})
    file.bad("one answer missing", "malformed", **{**fields, "evaluated": evaluated[:-1]})
    other = labels.hash_to_group(b"another element").encode()
    file.bad("last answer replaced", "proof", **{**fields, "evaluated": [*evaluated[:-1], other]})
    file.bad("last input replaced", "proof", **{**fields, "inputs": [*inputs[:-1], b"another input"]})
    if len(evaluated) > 1:
        file.bad("answers in another order", "proof", **{**fields, "evaluated": evaluated[::-1]})
    for comment, data in _bad_elements(other).items():
        file.bad(f"last answer {comment}", "point", **{**fields, "evaluated": [*evaluated[:-1], data]})
        file.bad(f"public key {comment}", "point", **{**fields, "public_key": data})
    for comment, data in _bad_scalars().items():
        blinds = fields["blinds"]
        file.bad(f"last blind {comment}", "scalar", **{**fields, "blinds": [*blinds[:-1], data]})


def _label_signature() -> VectorFile:
    world = World("label signature")
    file = VectorFile(
        "label_signature",
        "Section 4: the witness, a BLS signature on kid and label.",
        witness_encryption.check_label_signature,
    )
    kid, label, secret = world.kid, world.label, scalar_bytes(world.sk_t)
    signature = witness_encryption.sign_label(world.sk_t, kid, label)
    good = {"vk_t": world.vk_t, "kid": kid, "label": label, "signature": signature}
    file.good("signature", notes={"secret": secret}, **good)
    file.bad("other label", "signature", **{**good, "label": flipped(label, 0)})
    file.bad("other key id", "signature", **{**good, "kid": flipped(kid, 127)})
    file.bad("other public key", "signature", **{**good, "vk_t": world.w})
    file.bad("negated", "signature", **{**good, "signature": flipped(signature, 381)})
    other = witness_encryption.sign_label(world.gamma, kid, label)
    file.bad("other signer", "signature", **{**good, "signature": other})
    point = multiply(hash_to_g1("label", kid + label), world.sk_t)
    file.bad("torsion added", "point", **{**good, "signature": encode(point + world.torsion())})
    file.bad("identity", "point", **{**good, "signature": IDENTITY_G1})
    file.bad("off the curve", "point", **{**good, "signature": world.off_curve()})
    file.bad("too short", "malformed", **{**good, "signature": signature[:-1]})
    return file
