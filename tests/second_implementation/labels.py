"""Section 3, the label: the VOPRF of RFC 9497, suite ristretto255-SHA512, mode 0x01; and idx."""

import hashlib
from collections.abc import Sequence

from . import ristretto255
from .notation import Randomness, refuse_unless, tagged_hash, u8, u16
from .ristretto255 import ORDER, Element

CONTEXT = b"OPRFV1-\x01-ristretto255-SHA512"


def _expand(message: bytes, dst: bytes) -> bytes:
    """expand_message_xmd of RFC 9380 section 5.3.1 with SHA-512, for 64 bytes."""
    dst_prime = dst + u8(len(dst))
    b0 = hashlib.sha512(bytes(128) + message + u16(64) + b"\x00" + dst_prime).digest()
    return hashlib.sha512(b0 + b"\x01" + dst_prime).digest()


def hash_to_group(message: bytes) -> Element:
    return ristretto255.from_uniform_bytes(_expand(message, b"HashToGroup-" + CONTEXT))


def hash_to_scalar(message: bytes, dst: bytes = b"HashToScalar-" + CONTEXT) -> int:
    return int.from_bytes(_expand(message, dst), "little") % ORDER


def derive_key(seed: bytes, info: bytes) -> int:
    for counter in range(256):
        secret = hash_to_scalar(seed + u16(len(info)) + info + u8(counter), b"DeriveKeyPair" + CONTEXT)
        if secret:
            return secret
    raise AssertionError("no key can be derived")


def scalar_bytes(value: int) -> bytes:
    return (value % ORDER).to_bytes(32, "little")


def decode_scalar(data: bytes) -> int:
    refuse_unless(len(data) == 32, "malformed", "a scalar has 32 bytes")
    value = int.from_bytes(data, "little")
    refuse_unless(value < ORDER, "scalar", "a scalar is less than the order")
    return value


def decode_secret(data: bytes) -> int:
    value = decode_scalar(data)
    refuse_unless(value != 0, "scalar", "keys and blinds are not zero")
    return value


def decode_element(data: bytes) -> Element:
    refuse_unless(len(data) == 32, "malformed", "an element has 32 bytes")
    element = ristretto255.decode(data)
    refuse_unless(element is not None and element != ristretto255.IDENTITY, "point", "no canonical element")
    assert element is not None
    return element


def blind_input(message: bytes, blind: int) -> bytes:
    return (blind * hash_to_group(message)).encode()


def _prefixed(*parts: bytes) -> bytes:
    return b"".join(u16(len(part)) + part for part in parts)


def _weights(public_key: bytes, blinded: Sequence[bytes], evaluated: Sequence[bytes]) -> list[int]:
    seed = hashlib.sha512(_prefixed(public_key, b"Seed-" + CONTEXT)).digest()
    return [
        hash_to_scalar(_prefixed(seed) + u16(index) + _prefixed(c, d) + b"Composite")
        for index, (c, d) in enumerate(zip(blinded, evaluated, strict=True))
    ]


def _composite(weights: Sequence[int], elements: Sequence[Element]) -> Element:
    result = ristretto255.IDENTITY
    for weight, element in zip(weights, elements, strict=True):
        result = result + weight * element
    return result


def _challenge(public_key: bytes, *elements: Element) -> int:
    return hash_to_scalar(_prefixed(public_key, *(element.encode() for element in elements)) + b"Challenge")


def evaluate(secret: int, blinded: Sequence[bytes], nonce: int) -> tuple[list[bytes], bytes]:
    points = [decode_element(data) for data in blinded]
    public_key = (secret * ristretto255.GENERATOR).encode()
    evaluated = [(secret * point).encode() for point in points]
    m = _composite(_weights(public_key, blinded, evaluated), points)
    z = secret * m
    c = _challenge(public_key, m, z, nonce * ristretto255.GENERATOR, nonce * m)
    return evaluated, scalar_bytes(c) + scalar_bytes(nonce - c * secret)


def finalize(
    public_key: bytes,
    messages: Sequence[bytes],
    blinds: Sequence[int],
    evaluated: Sequence[bytes],
    proof: bytes,
) -> list[bytes]:
    public_point = decode_element(public_key)
    blinded = [blind_input(message, blind) for message, blind in zip(messages, blinds, strict=True)]
    points = [decode_element(data) for data in evaluated]
    refuse_unless(len(proof) == 64, "malformed", "a proof has 64 bytes")
    c, s = decode_scalar(proof[:32]), decode_scalar(proof[32:])
    weights = _weights(public_key, blinded, evaluated)
    m = _composite(weights, [decode_element(data) for data in blinded])
    z = _composite(weights, points)
    t2 = s * ristretto255.GENERATOR + c * public_point
    refuse_unless(c == _challenge(public_key, m, z, t2, s * m + c * z), "proof", "the proof does not verify")
    labels = []
    for message, blind, point in zip(messages, blinds, points, strict=True):
        unblinded = (pow(blind, -1, ORDER) * point).encode()
        labels.append(hashlib.sha512(_prefixed(message, unblinded) + b"Finalize").digest())
    return labels


def random_scalar(randomness: Randomness) -> int:
    return randomness.below(ORDER)


def label_index(kid: bytes, label: bytes) -> bytes:
    return tagged_hash("idx", kid, label)
