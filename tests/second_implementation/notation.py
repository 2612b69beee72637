"""Section 1: byte strings, hashes, challenges, and the reasons for which input is refused."""

import hashlib
import hmac


class RefusedError(Exception):
    """Input that the page says must be refused. The code is that of the error class the core has to raise."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code


def refuse_unless(condition: bool, code: str, reason: str) -> None:
    if not condition:
        raise RefusedError(code, reason)


def u8(value: int) -> bytes:
    return value.to_bytes(1, "big")


def u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def u64(value: int) -> bytes:
    return value.to_bytes(8, "big")


def u128(value: int) -> bytes:
    return value.to_bytes(16, "big")


def lp(data: bytes) -> bytes:
    return u32(len(data)) + data


def tag(name: str) -> bytes:
    return b"trunkline/jager/v1/" + name.encode("ascii")


def tagged_hash(name: str, *parts: bytes) -> bytes:
    """The page's H."""
    return hashlib.sha256(lp(tag(name)) + b"".join(lp(part) for part in parts)).digest()


def challenge(name: str, *parts: bytes) -> int:
    return int.from_bytes(tagged_hash(name, *parts)[:16], "big")


def hkdf(key_material: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 with SHA-256 and an empty salt."""
    pseudorandom_key = hmac.digest(bytes(32), key_material, "sha256")
    output, block = b"", b""
    while len(output) < length:
        block = hmac.digest(pseudorandom_key, block + info + u8(len(output) // 32 + 1), "sha256")
        output += block
    return output[:length]


def xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


class Reader:
    """Takes fixed fields off a byte string; what is missing or left over is malformed."""

    def __init__(self, data: bytes, size: int, what: str) -> None:
        refuse_unless(len(data) == size, "malformed", f"{what} has {size} bytes")
        self._data = data

    def take(self, size: int) -> bytes:
        taken, self._data = self._data[:size], self._data[size:]
        return taken


class Randomness:
    """Deterministic random values from a seed: the vectors are the same each time they are generated."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._count = 0

    def bytes(self, length: int) -> bytes:
        assert length <= 64
        self._count += 1
        return hashlib.sha512(lp(self._seed) + u64(self._count)).digest()[:length]

    def below(self, order: int) -> int:
        """A number from 1 to order - 1."""
        return int.from_bytes(self.bytes(64), "big") % (order - 1) + 1
