"""Identity signatures: Ed25519 (RFC 8032) over a length-prefixed domain tag and the message.

The signature itself is computed by the `cryptography` package, which refuses an S that is not canonical
and compares R byte by byte. What it accepts and this protocol does not are public keys of small order and
keys that are not canonically encoded: both are refused here, before a key is used.
"""

from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from trunkline.crypto.transcript import lp, tag
from trunkline.errors import DecodingError, PointError, SignatureError

KEY_SIZE = 32
SIGNATURE_SIZE = 64

_FIELD_PRIME = 2**255 - 19
_Y_MASK = 2**255 - 1
# The y coordinates of the eight points whose order divides 8; the sign bit of x does not matter here.
_SMALL_ORDER_Y = frozenset(
    {
        0,
        1,
        _FIELD_PRIME - 1,
        int.from_bytes(
            bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
        ),
        int.from_bytes(
            bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"
        ),
    }
)


class SigningKey(Protocol):
    """Anything that signs under a domain tag with one Ed25519 key, wherever the key is kept."""

    @property
    def public_key(self) -> bytes:
        """The 32 bytes of the public key."""
        ...

    def sign(self, name: str, data: bytes) -> bytes:
        """Sign data under the tag of `name`; 64 bytes."""
        ...


def check_public_key(public_key: bytes) -> None:
    """Refuse public keys that are not canonically encoded, of small order, or not of 32 bytes.

    Whether the bytes are a point of the curve at all is found out when a signature is verified.

    Raises:
        DecodingError: The length is wrong.
        PointError: The key is not canonical or of small order.
    """
    if len(public_key) != KEY_SIZE:
        raise DecodingError(f"an Ed25519 public key has {KEY_SIZE} bytes, not {len(public_key)}")
    y = int.from_bytes(public_key, "little") & _Y_MASK
    if y >= _FIELD_PRIME:
        raise PointError("an Ed25519 public key is not canonically encoded")
    if y in _SMALL_ORDER_Y:
        raise PointError("an Ed25519 public key is a point of small order; nobody can own it alone")


def public_key_of(private_key: bytes) -> bytes:
    """Return the 32-byte public key of a 32-byte private key (the seed of RFC 8032)."""
    return _private(private_key).public_key().public_bytes_raw()


def sign(private_key: bytes, name: str, data: bytes) -> bytes:
    """Sign data under a domain tag.

    Args:
        private_key: The 32-byte seed of RFC 8032.
        name: The use, as docs/protocol.md names it, such as "receipt".
        data: The bytes to sign.

    Returns:
        The 64-byte signature.
    """
    return _private(private_key).sign(lp(tag(name)) + data)


def verify(public_key: bytes, name: str, data: bytes, signature: bytes) -> None:
    """Verify a signature strictly.

    Args:
        public_key: The signer's 32-byte key.
        name: The use that the signature must have been made for.
        data: The bytes that must have been signed.
        signature: The 64-byte signature.

    Raises:
        SignatureError: The signature does not verify, has another length, or the key is no strict key.
    """
    try:
        check_public_key(public_key)
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, lp(tag(name)) + data)
    except (DecodingError, PointError) as error:
        raise SignatureError(f"the {name} signature cannot be verified: {error}") from error
    except (InvalidSignature, ValueError) as error:
        raise SignatureError(f"the {name} signature does not verify under the signer's key") from error


def _private(private_key: bytes) -> Ed25519PrivateKey:
    if len(private_key) != KEY_SIZE:
        raise DecodingError(f"an Ed25519 private key has {KEY_SIZE} bytes, not {len(private_key)}")
    return Ed25519PrivateKey.from_private_bytes(private_key)
