"""Ed25519 identity keys, and secret files of all kinds.

A secret file has one line that names its format and kind, and one line of hex. It is readable by its
owner only; a file that others could read is refused, since its secret may be known already.
"""

import os
import secrets
import stat
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from trunkline.crypto import ed25519
from trunkline.errors import ConfigurationError
from trunkline.service.files import write_atomically

_FORMAT = "trunkline-secret-v1"
_IDENTITY_KIND = "ed25519"
_MAX_FILE_SIZE = 4096


def load_secret(path: Path, size: int, *, kind: str) -> bytes:
    """Read a secret file.

    Args:
        path: The file.
        size: How many bytes the secret must have.
        kind: What the secret must be for, as it was said to `save_secret`.

    Raises:
        ConfigurationError: The file cannot be read, others may read it, or it holds another kind of secret.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_MAX_FILE_SIZE + 1)
    except OSError as error:
        raise ConfigurationError(f"cannot read the key file {path}: {error.strerror}") from error
    if stat.S_IMODE(mode) & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigurationError(
            f"{path} can be read by others; if the key is still secret, run chmod 600 on it"
        )
    try:
        header, _, rest = content.decode("ascii").partition("\n")
        found_kind = header.removeprefix(f"{_FORMAT} ")
        secret = bytes.fromhex(rest)
    except ValueError as error:
        raise ConfigurationError(f"{path} is not a key file") from error
    if found_kind == header:
        raise ConfigurationError(f"{path} is not a key file of the format {_FORMAT}")
    if found_kind != kind:
        raise ConfigurationError(f"{path} holds another kind of key; one of kind {kind} is needed here")
    if len(secret) != size:
        raise ConfigurationError(f"{path} is damaged: a {kind} secret has {size} bytes, not {len(secret)}")
    return secret


def save_secret(path: Path, secret: bytes, *, kind: str) -> None:
    """Write a secret file atomically, readable by its owner only.

    Raises:
        StorageError: The file cannot be written.
    """
    write_atomically(path, f"{_FORMAT} {kind}\n{secret.hex()}\n".encode("ascii"), mode=0o600)


class IdentityKey:
    """A party's Ed25519 key. It prints nothing secret and does not pickle."""

    __slots__ = ("_private", "_seed", "public_key")

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key: bytes = self._private.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> Self:
        """Make a new key from the operating system's randomness."""
        return cls(secrets.token_bytes(ed25519.KEY_SIZE))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a key file.

        Raises:
            ConfigurationError: As for `load_secret`.
        """
        return cls(load_secret(path, ed25519.KEY_SIZE, kind=_IDENTITY_KIND))

    def save(self, path: Path) -> None:
        """Write the key to a file that only its owner can read.

        Raises:
            StorageError: The file cannot be written.
        """
        save_secret(path, self._seed, kind=_IDENTITY_KIND)

    def sign(self, name: str, data: bytes) -> bytes:
        """Sign data under the domain tag of `name`; 64 bytes."""
        return ed25519.sign(self._seed, name, data)

    def sign_request(self, signature_base: bytes) -> bytes:
        """Sign the signature base of an HTTP request (RFC 9421), which has no tag of ours; 64 bytes.

        The base begins with a quoted component name, so it can never be read as a length-prefixed tag.
        """
        return self._private.sign(signature_base)

    def __repr__(self) -> str:
        return f"IdentityKey(public_key={self.public_key.hex()})"

    def __reduce__(self) -> str:
        raise TypeError("identity keys are not pickled; write a key file")


def verify_identity(public_key: bytes, name: str, data: bytes, signature: bytes) -> None:
    """Verify an Ed25519 signature under the domain tag of `name`, strictly.

    Raises:
        SignatureError: It does not verify, or the key is not canonical or of small order.
    """
    ed25519.verify(public_key, name, data, signature)
