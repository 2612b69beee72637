"""Section 5: join, credential, sign, verify, open, judge."""

from dataclasses import dataclass

from py_arkworks_bls12381 import G1Point

from .bls12_381 import (
    G1,
    G2,
    IDENTITY,
    ORDER,
    clear,
    decode_scalar,
    decode_signature_point,
    decode_strict_g1,
    decode_strict_g2,
    encode,
    multiply,
    pairing,
    project,
    scalar_bytes,
    total,
)
from .keys import BASE_G, BASE_H, BASE_H_P, group_key_id
from .notation import Reader, challenge, refuse_unless, tagged_hash, u32, u128


@dataclass(frozen=True)
class Group:
    """The public keys of a group and the parameters it lives under."""

    w: bytes
    y: bytes
    params_hash: bytes

    @property
    def id(self) -> bytes:
        return group_key_id(self.w, self.y)


def period_base(period: int) -> G1Point:
    """The page's C."""
    return total(G1, multiply(BASE_H_P, period))


# --- join ---------------------------------------------------------------------------------------------


def prove_join(params_hash: bytes, nonce: bytes, carrier: bytes, identity: bytes, s: int, rho: int) -> bytes:
    public, commitment = encode(multiply(BASE_H, s)), encode(multiply(BASE_H, rho))
    c = challenge("join", params_hash, nonce, carrier, identity, public, commitment)
    return u128(c) + scalar_bytes(rho + c * s)


def check_join(
    params_hash: bytes, nonce: bytes, carrier: bytes, identity: bytes, s_point: bytes, proof: bytes
) -> None:
    public = decode_strict_g1(s_point)
    fields = Reader(proof, 48, "a join proof")
    c, z = int.from_bytes(fields.take(16), "big"), decode_scalar(fields.take(32))
    commitment = encode(multiply(BASE_H, z) - multiply(public, c))
    good = c == challenge("join", params_hash, nonce, carrier, identity, s_point, commitment)
    refuse_unless(good, "proof", "the join proof does not verify")


def issue(gamma: int, period: int, s_point: bytes, e: int) -> bytes:
    a = multiply(total(period_base(period), decode_strict_g1(s_point)), pow(gamma + e, -1, ORDER))
    return u32(period) + encode(a) + scalar_bytes(e)


def check_credential(w: bytes, s_point: bytes, credential: bytes) -> None:
    fields = Reader(credential, 84, "a credential")
    period = int.from_bytes(fields.take(4), "big")
    a, e = decode_strict_g1(fields.take(48)), decode_scalar(fields.take(32))
    left = pairing(a, decode_strict_g2(w) + multiply(G2, e))
    good = left == pairing(total(period_base(period), decode_strict_g1(s_point)), G2)
    refuse_unless(good, "signature", "the credential is not by this issuer for this period and S")


# --- sign and verify ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class SigningRandomness:
    """The random values of one signature, and what a dishonest signer adds to the seven points."""

    r: int
    k: int
    rho_t: int
    rho_e: int
    rho_s: int
    rho_k: int
    marks: tuple[G1Point, ...] = (IDENTITY,) * 7


def _sign_challenge(group: Group, period: int, points: list[bytes], message: bytes) -> int:
    return challenge("group-sign", group.params_hash, group.id, u32(period), *points, message)


def sign(group: Group, s: int, credential: bytes, message: bytes, random: SigningRandomness) -> bytes:
    fields = Reader(credential, 84, "a credential")
    period = int.from_bytes(fields.take(4), "big")
    a, e = decode_strict_g1(fields.take(48)), decode_scalar(fields.take(32))
    s_point, y = multiply(BASE_H, s), decode_strict_g1(group.y)
    a1 = multiply(a, random.r)
    a_bar = multiply(total(period_base(period), s_point), random.r) - multiply(a1, e)
    e1, e2 = multiply(BASE_G, random.k), total(s_point, multiply(y, random.k))
    t = pow(random.r, -1, ORDER)
    r1 = total(multiply(a_bar, random.rho_t), multiply(a1, random.rho_e)) - multiply(BASE_H, random.rho_s)
    r2 = multiply(BASE_G, random.rho_k)
    r3 = total(multiply(BASE_H, random.rho_s), multiply(y, random.rho_k))
    honest = (a1, a_bar, e1, e2, r1, r2, r3)
    points = [encode(total(point, mark)) for point, mark in zip(honest, random.marks, strict=True)]
    c = _sign_challenge(group, period, points, message)
    answers = (
        random.rho_t + c * t,
        random.rho_e + c * e * t,
        random.rho_s + c * s,
        random.rho_k + c * random.k,
    )
    return b"".join(points) + b"".join(scalar_bytes(answer) for answer in answers)


def verify(group: Group, period: int, message: bytes, signature: bytes) -> None:
    fields = Reader(signature, 464, "a group signature")
    encodings = [fields.take(48) for _ in range(7)]
    a1, a_bar, e1, e2, r1, r2, r3 = (clear(decode_signature_point(data)) for data in encodings)
    zt, ze, zs, zk = (decode_scalar(fields.take(32)) for _ in range(4))
    y = clear(decode_strict_g1(group.y))
    base_g, base_h, base_c = clear(BASE_G), clear(BASE_H), clear(period_base(period))
    refuse_unless(a1 != IDENTITY, "signature", "A' is the identity once cleared")
    c = _sign_challenge(group, period, encodings, message)
    holds = (
        total(multiply(a_bar, zt), multiply(a1, ze)) - multiply(base_h, zs) == total(r1, multiply(base_c, c))
        and multiply(base_g, zk) == total(r2, multiply(e1, c))
        and total(multiply(base_h, zs), multiply(y, zk)) == total(r3, multiply(e2, c))
    )
    refuse_unless(holds, "signature", "the equations do not hold")
    good = pairing(a1, decode_strict_g2(group.w)) == pairing(a_bar, G2)
    refuse_unless(good, "signature", "the credential inside is not by this issuer")


# --- open and judge -----------------------------------------------------------------------------------


def _ciphertext(signature: bytes) -> tuple[G1Point, G1Point]:
    Reader(signature, 464, "a group signature")
    return project(decode_signature_point(signature[96:144])), project(
        decode_signature_point(signature[144:192])
    )


def _open_challenge(
    group: Group, case: bytes, carrier: bytes, message: bytes, points: tuple[G1Point, ...]
) -> int:
    e1, e2, s_point, ra, rb = (encode(point) for point in points)
    digest = tagged_hash("message", message)
    return challenge(
        "open", group.params_hash, group.id, case, carrier, digest, group.y, e1, e2, s_point, ra, rb
    )


def open_signature(
    group: Group, xi: int, signature: bytes, case: bytes, carrier: bytes, message: bytes, a: int
) -> bytes:
    e1, e2 = _ciphertext(signature)
    s_point = e2 - multiply(e1, xi)
    points = (e1, e2, s_point, multiply(BASE_G, a), multiply(e1, a))
    c = _open_challenge(group, case, carrier, message, points)
    return encode(s_point) + u128(c) + scalar_bytes(a + c * xi)


def judge(
    group: Group, period: int, message: bytes, signature: bytes, opening: bytes, case: bytes, carrier: bytes
) -> bytes:
    """Checks signature and opening; returns S, whose join entry the caller still has to find."""
    verify(group, period, message, signature)
    fields = Reader(opening, 96, "an opening")
    s_data = fields.take(48)
    nobodys = carrier == bytes(16) and s_data == encode(IDENTITY)
    s_point = IDENTITY if nobodys else decode_strict_g1(s_data)
    c, z = int.from_bytes(fields.take(16), "big"), decode_scalar(fields.take(32))
    e1, e2 = _ciphertext(signature)
    ra = multiply(BASE_G, z) - multiply(decode_strict_g1(group.y), c)
    rb = multiply(e1, z) - multiply(e2 - s_point, c)
    good = c == _open_challenge(group, case, carrier, message, (e1, e2, s_point, ra, rb))
    refuse_unless(good, "proof", "the proof of opening does not verify")
    return s_data
