"""Section 2: identifiers of keys and providers, and proofs of possession."""

from .bls12_381 import (
    G2,
    Point,
    decode_scalar,
    decode_strict_g1,
    decode_strict_g2,
    encode,
    hash_to_g1,
    multiply,
    scalar_bytes,
)
from .notation import Reader, challenge, refuse_unless, tagged_hash, u128

BASE_H, BASE_H_P, BASE_G = (hash_to_g1("bases", name) for name in (b"h", b"h_p", b"g"))


def key_id(oprf_public_key: bytes, vk_t: bytes) -> bytes:
    return tagged_hash("kid", oprf_public_key, vk_t)[:16]


def group_key_id(w: bytes, y: bytes) -> bytes:
    return tagged_hash("gpk", w, y)[:16]


def unlisted_provider_id(name: str) -> bytes:
    return tagged_hash("unlisted", name.strip().casefold().encode())[:16]


def prove_possession(role: str, secret: int, rho: int) -> bytes:
    if role == "Y":
        return _prove(role, BASE_G, secret, rho)
    return _prove(role, G2, secret, rho)


def _prove(role: str, base: Point, secret: int, rho: int) -> bytes:
    public, commitment = encode(multiply(base, secret)), encode(multiply(base, rho))
    c = challenge("possession", role.encode(), public, commitment)
    return u128(c) + scalar_bytes(rho + c * secret)


def check_possession(role: str, public_key: bytes, proof: bytes) -> None:
    if role == "Y":
        _check(role, BASE_G, decode_strict_g1(public_key), proof)
    else:
        _check(role, G2, decode_strict_g2(public_key), proof)


def _check(role: str, base: Point, public: Point, proof: bytes) -> None:
    fields = Reader(proof, 48, "a proof of possession")
    c, z = int.from_bytes(fields.take(16), "big"), decode_scalar(fields.take(32))
    commitment = multiply(base, z) - multiply(public, c)
    good = c == challenge("possession", role.encode(), encode(public), encode(commitment))
    refuse_unless(good, "proof", "the proof of possession does not verify")
