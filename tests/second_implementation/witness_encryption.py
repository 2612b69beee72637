"""Section 4: witness encryption to (vk_T, kid, label), and the witness."""

from .bls12_381 import (
    G2,
    decode_strict_g1,
    decode_strict_g2,
    encode,
    gt_bytes,
    hash_to_g1,
    multiply,
    pairing,
)
from .labels import label_index
from .notation import Reader, hkdf, lp, refuse_unless, tag, tagged_hash, xor


def sign_label(secret: int, kid: bytes, label: bytes) -> bytes:
    return encode(multiply(hash_to_g1("label", kid + label), secret))


def check_label_signature(vk_t: bytes, kid: bytes, label: bytes, signature: bytes) -> None:
    sigma, key = decode_strict_g1(signature), decode_strict_g2(vk_t)
    good = pairing(sigma, G2) == pairing(hash_to_g1("label", kid + label), key)
    refuse_unless(good, "signature", "the label signature does not verify")


def _wrapping_key(shared: bytes, u: bytes, vk_t: bytes, kid: bytes, idx: bytes) -> bytes:
    return hkdf(shared, lp(tag("witness-key")) + u + vk_t + kid + idx, 32)


def _check(key: bytes, hop: bytes, idx: bytes) -> bytes:
    return tagged_hash("check", key, hop, idx)[:16]


def _pad(details: bytes, key: bytes) -> bytes:
    return hkdf(lp(details) + key, lp(tag("hop-pad")), 76)


def encrypt(vk_t: bytes, kid: bytes, label: bytes, details: bytes, hop: bytes, r: int, key: bytes) -> bytes:
    """The body idx, ct1, ct2 of a record, from the random r and key."""
    idx, u = label_index(kid, label), encode(multiply(G2, r))
    shared = pairing(multiply(hash_to_g1("label", kid + label), r), decode_strict_g2(vk_t))
    ct1 = u + xor(key, _wrapping_key(gt_bytes(shared), u, vk_t, kid, idx))
    return idx + ct1 + xor(hop + _check(key, hop, idx), _pad(details, key))


def decrypt(vk_t: bytes, kid: bytes, signature: bytes, label: bytes, details: bytes, body: bytes) -> bytes:
    fields = Reader(body, 236, "a body")
    idx, u, wrapped, ct2 = (fields.take(size) for size in (32, 96, 32, 76))
    refuse_unless(idx == label_index(kid, label), "malformed", "the body is for another label")
    shared = pairing(decode_strict_g1(signature), decode_strict_g2(u))
    key = xor(wrapped, _wrapping_key(gt_bytes(shared), u, vk_t, kid, idx))
    plain = xor(ct2, _pad(details, key))
    refuse_unless(plain[60:] == _check(key, plain[:60], idx), "decryption", "the check bytes do not match")
    return plain[:60]
