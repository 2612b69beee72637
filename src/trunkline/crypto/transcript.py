"""Length-prefixed, domain-separated hashing: the notation of docs/protocol.md, section 1."""

import hashlib

TAG_PREFIX = b"trunkline/jager/v1/"
DIGEST_SIZE = 32


def lp(data: bytes) -> bytes:
    """Prefix bytes with their length as four bytes, big endian."""
    return len(data).to_bytes(4, "big") + data


def tag(name: str) -> bytes:
    """Return the domain tag of one use of a hash or a signature."""
    return TAG_PREFIX + name.encode("ascii")


def H(name: str, *parts: bytes) -> bytes:  # noqa: N802 - the name that the protocol page uses
    """Hash parts under a tag: SHA-256 over the length-prefixed tag and parts, 32 bytes."""
    digest = hashlib.sha256(lp(tag(name)))
    for part in parts:
        digest.update(len(part).to_bytes(4, "big"))
        digest.update(part)
    return digest.digest()
