"""Vectors of section 5: join, credential, group signature, opening."""

from collections.abc import Iterator
from typing import Any

from py_arkworks_bls12381 import G1Point

from . import group_signature, keys
from .bls12_381 import (
    FIELD,
    IDENTITY,
    ORDER,
    decode_strict_g1,
    encode,
    multiply,
    scalar_bytes,
    total,
)
from .group_signature import Group
from .notation import u32
from .vector_file import VectorFile, flipped, replaced
from .world import IDENTITY_G1, World

POINTS = ("A'", "Ā", "E1", "E2", "R1", "R2", "R3")
SCALARS = ("zt", "zε", "zs", "zk")
NOBODY = bytes(16)


def files() -> Iterator[VectorFile]:
    """The files of this module."""
    yield _join()
    yield _credential()
    yield _group_signature()
    yield _opening()


def _join() -> VectorFile:
    world = World("join")
    file = VectorFile("join", "Section 5: proofs that a carrier knows s.", group_signature.check_join)
    nonce, s = world.random.bytes(32), world.member.s
    context = {
        "params_hash": world.params_hash,
        "nonce": nonce,
        "carrier": world.carrier,
        "identity": world.identity,
    }

    def prove(secret: int) -> bytes:
        return group_signature.prove_join(
            world.params_hash, nonce, world.carrier, world.identity, secret, world.scalar()
        )

    proof = prove(s)
    good = {**context, "s_point": world.member.s_point, "proof": proof}
    file.good("join", notes={"s": scalar_bytes(s)}, **good)
    for name, value in context.items():
        file.bad(f"proof copied to another {name}", "proof", **{**good, name: flipped(value, 0)})
    file.bad("S of another carrier", "proof", **{**good, "s_point": world.join().s_point})
    file.bad("c with a flipped bit", "proof", **{**good, "proof": flipped(proof, 256)})
    file.bad("z with a flipped bit", "proof", **{**good, "proof": flipped(proof, 0)})
    unreduced = (int.from_bytes(proof[16:], "big") + ORDER).to_bytes(32, "big")
    file.bad("z with r added", "scalar", **{**good, "proof": proof[:16] + unreduced})
    file.bad("proof too short", "malformed", **{**good, "proof": proof[:-1]})
    # With s = 0 the proof itself would verify: only the strict check of S stops it.
    file.bad("s = 0", "point", **{**good, "s_point": IDENTITY_G1, "proof": prove(0)})
    marked = encode(total(decode_strict_g1(world.member.s_point), world.torsion()))
    file.bad("S with torsion", "point", **{**good, "s_point": marked})
    file.bad("S off the curve", "point", **{**good, "s_point": world.off_curve()})
    return file


def _credential() -> VectorFile:
    world = World("credential")
    file = VectorFile(
        "credential", "Section 5: what a carrier checks of its credential.", group_signature.check_credential
    )
    credential = world.member.credential
    good = {"w": world.w, "s_point": world.member.s_point, "credential": credential}
    file.good("credential", notes={"s": scalar_bytes(world.member.s)}, **good)
    file.bad("other period", "signature", **{**good, "credential": flipped(credential, 8 * 80)})
    file.bad("other e", "signature", **{**good, "credential": flipped(credential, 0)})
    file.bad("A negated", "signature", **{**good, "credential": flipped(credential, 8 * 79 + 5)})
    file.bad("credential of another carrier", "signature", **{**good, "credential": world.join().credential})
    file.bad("other issuer", "signature", **{**good, "w": world.vk_t})
    e = (int.from_bytes(credential[52:], "big") + ORDER).to_bytes(32, "big")
    file.bad("e with r added", "scalar", **{**good, "credential": replaced(credential, 52, e)})
    marked = encode(total(decode_strict_g1(credential[4:52]), world.torsion()))
    # The pairing does not see the mark, and every signature would carry it: only the strict check finds it.
    file.bad("A marked with torsion", "point", **{**good, "credential": replaced(credential, 4, marked)})
    file.bad("A identity", "point", **{**good, "credential": replaced(credential, 4, IDENTITY_G1)})
    file.bad("too short", "malformed", **{**good, "credential": credential[:-1]})
    file.bad("trailing byte", "malformed", **{**good, "credential": credential + b"\0"})
    return file


def _group_signature() -> VectorFile:
    world = World("group signature")

    def check(w: bytes, y: bytes, params_hash: bytes, period: int, message: bytes, signature: bytes) -> None:
        group_signature.verify(Group(w, y, params_hash), period, message, signature)

    file = VectorFile(
        "group_signature",
        "Section 5: verification, single or in a batch. Those with torsion open to S like any other.",
        check,
    )
    signature, message = world.sign(world.message), world.message
    good: dict[str, Any] = {
        "w": world.w,
        "y": world.y,
        "params_hash": world.params_hash,
        "period": world.period,
        "message": message,
        "signature": signature,
    }
    notes = {"xi": scalar_bytes(world.xi), "s_point": world.member.s_point}
    file.good("signature", notes=notes, **good)
    file.good("empty message", notes=notes, **{**good, "message": b"", "signature": world.sign(b"")})
    for index, point in enumerate(POINTS):
        marks = tuple(world.torsion() if i == index else IDENTITY for i in range(7))
        marked = world.sign(message, marks)
        file.good(f"{point} with torsion", notes=notes, **{**good, "signature": marked})
    marked = world.sign(message, tuple(world.torsion() for _ in range(7)))
    file.good("all seven points with torsion", notes=notes, **{**good, "signature": marked})
    file.bad("torsion added afterwards", "signature", **{**good, "signature": _marked(world, signature)})
    _bad_points(world, file, good)
    for index, scalar in enumerate(SCALARS):
        start = 336 + 32 * index
        flip = flipped(signature, 8 * (463 - start - 31))
        file.bad(f"{scalar} with a flipped bit", "signature", **{**good, "signature": flip})
        unreduced = int.from_bytes(signature[start : start + 32], "big") + ORDER
        if unreduced < 1 << 256:
            data = replaced(signature, start, unreduced.to_bytes(32, "big"))
            file.bad(f"{scalar} with r added", "scalar", **{**good, "signature": data})
        data = replaced(signature, start, ORDER.to_bytes(32, "big"))
        file.bad(f"{scalar} = r", "scalar", **{**good, "signature": data})
    swapped = signature[:336] + signature[368:400] + signature[336:368] + signature[400:]
    file.bad("zt and zε swapped", "signature", **{**good, "signature": swapped})
    file.bad("other message", "signature", **{**good, "message": flipped(message, 0)})
    file.bad("other period", "signature", **{**good, "period": world.period + 1})
    file.bad("other parameters", "signature", **{**good, "params_hash": flipped(world.params_hash, 0)})
    file.bad("other issuer", "signature", **{**good, "w": world.vk_t})
    file.bad("other opener", "signature", **{**good, "y": world.member.s_point})
    file.bad("too short", "malformed", **{**good, "signature": signature[:-1]})
    file.bad("trailing byte", "malformed", **{**good, "signature": signature + b"\0"})
    forged = _self_issued(world)
    file.bad("credential by another issuer", "signature", **{**good, "signature": forged})
    return file


def _marked(world: World, signature: bytes) -> bytes:
    point = G1Point.from_compressed_bytes(signature[96:144])
    return replaced(signature, 96, encode(total(point, world.torsion())))


def _bad_points(world: World, file: VectorFile, good: dict[str, Any]) -> None:
    signature = good["signature"]
    for index, point in enumerate(POINTS):
        start = 48 * index
        encoding = signature[start : start + 48]
        other = encode(multiply(keys.BASE_G, world.scalar()))
        wrong = {
            "negated": ("signature", flipped(encoding, 381)),
            "replaced": ("signature", other),
            "of small order": ("signature", encode(world.torsion())),
            "identity": ("point", IDENTITY_G1),
            "off the curve": ("point", world.off_curve()),
            "not marked as compressed": ("point", flipped(encoding, 383)),
            "with x = p": ("point", (FIELD | 1 << 383).to_bytes(48, "big")),
        }
        for comment, (fails, data) in wrong.items():
            changed = replaced(signature, start, data)
            file.bad(f"{point} {comment}", fails, **{**good, "signature": changed})
    swapped = signature[48:96] + signature[:48] + signature[96:]
    file.bad("A' and Ā swapped", "signature", **{**good, "signature": swapped})
    swapped = signature[:96] + signature[144:192] + signature[96:144] + signature[192:]
    file.bad("E1 and E2 swapped", "signature", **{**good, "signature": swapped})


def _self_issued(world: World) -> bytes:
    """All equations but the pairing hold: the signer made the credential with a key of its own."""
    credential = group_signature.issue(world.scalar(), world.period, world.member.s_point, world.scalar())
    random = world.signing_randomness()
    return group_signature.sign(world.group, world.member.s, credential, world.message, random)


def _opening() -> VectorFile:
    world = World("opening")

    def check(
        w: bytes,
        y: bytes,
        params_hash: bytes,
        period: int,
        message: bytes,
        signature: bytes,
        opening: bytes,
        case: bytes,
        carrier: bytes,
        s_point: bytes,
    ) -> None:
        group = Group(w, y, params_hash)
        judged = group_signature.judge(group, period, message, signature, opening, case, carrier)
        assert judged == s_point

    file = VectorFile("opening", "Section 5: what a judge checks, but for the join log.", check)
    plain = world.sign(world.message)
    marks = (IDENTITY, IDENTITY, world.torsion(), world.torsion(), IDENTITY, IDENTITY, IDENTITY)
    for comment, signature in (
        ("opening", plain),
        ("E1 and E2 with torsion", world.sign(world.message, marks)),
    ):
        opening = _open(world, signature, world.xi)
        good: dict[str, Any] = {
            "w": world.w,
            "y": world.y,
            "params_hash": world.params_hash,
            "period": world.period,
            "message": world.message,
            "signature": signature,
            "opening": opening,
            "case": world.case,
            "carrier": world.carrier,
            "s_point": world.member.s_point,
        }
        file.good(comment, notes={"xi": scalar_bytes(world.xi)}, **good)
        _bad_openings(world, file, good)
    _openings_to_nobody(world, file, good)
    return file


def _openings_to_nobody(world: World, file: VectorFile, good: dict[str, Any]) -> None:
    notes = {"xi": scalar_bytes(world.xi)}
    nobody = {**good, "carrier": NOBODY, "opening": _open(world, good["signature"], world.xi, NOBODY)}
    file.good("S in no join log", notes=notes, **nobody)
    signature = world.sign_without_secret(world.message)
    opening = _open(world, signature, world.xi, NOBODY)
    without = {**nobody, "signature": signature, "opening": opening, "s_point": IDENTITY_G1}
    file.good("s = 0, in no join log", notes=notes, **without)
    named = {"carrier": world.carrier, "opening": _open(world, signature, world.xi)}
    file.bad("s = 0, opened to a carrier", "point", **{**without, **named})
    for comment, data in (
        ("with the flag of y", b"\xe0" + bytes(47)),
        ("not marked as compressed", b"\x40" + bytes(47)),
        ("with a coordinate", IDENTITY_G1[:-1] + b"\x01"),
    ):
        file.bad(f"S identity {comment}", "point", **{**without, "opening": data + opening[48:]})
    file.bad("S identity for an honest signature", "proof", **{**nobody, "opening": opening})


def _open(world: World, signature: bytes, xi: int, carrier: bytes | None = None) -> bytes:
    return group_signature.open_signature(
        world.group, xi, signature, world.case, carrier or world.carrier, world.message, world.scalar()
    )


def _bad_openings(world: World, file: VectorFile, good: dict[str, Any]) -> None:
    opening, signature = good["opening"], good["signature"]
    file.bad("another case", "proof", **{**good, "case": flipped(world.case, 0)})
    file.bad("another carrier", "proof", **{**good, "carrier": flipped(world.carrier, 0)})
    file.bad("c with a flipped bit", "proof", **{**good, "opening": flipped(opening, 256)})
    file.bad("z with a flipped bit", "proof", **{**good, "opening": flipped(opening, 0)})
    file.bad("S negated", "proof", **{**good, "opening": flipped(opening, 8 * 95 + 5)})
    innocent = world.join().s_point
    file.bad("S of an innocent", "proof", **{**good, "opening": innocent + opening[48:]})
    file.bad("opened with another key", "proof", **{**good, "opening": _open(world, signature, world.gamma)})
    other = world.sign(world.message)
    file.bad("opening of another signature", "proof", **{**good, "signature": other})
    unreduced = (int.from_bytes(opening[64:], "big") + ORDER).to_bytes(32, "big")
    file.bad("z with r added", "scalar", **{**good, "opening": opening[:64] + unreduced})
    file.bad("S identity", "point", **{**good, "opening": IDENTITY_G1 + opening[48:]})
    marked = encode(total(decode_strict_g1(opening[:48]), world.torsion()))
    file.bad("S with torsion", "point", **{**good, "opening": marked + opening[48:]})
    file.bad("too short", "malformed", **{**good, "opening": opening[:-1]})
    file.bad("another message", "signature", **{**good, "message": u32(1)})
    file.bad("another period", "signature", **{**good, "period": world.period + 1})
