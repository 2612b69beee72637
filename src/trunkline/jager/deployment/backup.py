"""Backup of key folders: one encrypted file, opened again with the passphrase.

    file = "trunkline-backup-v1" and a line feed
           | salt (16) | nonce (12) | AES-256-GCM ciphertext of a tar archive

The key comes from the passphrase by scrypt (RFC 7914) with N = 2^16, r = 8, p = 1: about 64 MiB and a
tenth of a second a try. The header is authenticated. Key, configuration
and public files are taken; data is not.
"""

import io
import os
import secrets
import tarfile
from pathlib import Path, PurePosixPath

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from trunkline.errors import ConfigurationError, DecodingError, DecryptionError, TooLargeError
from trunkline.service.files import write_atomically

_MAGIC = b"trunkline-backup-v1\n"
_SALT = 16
_NONCE = 12
_SUFFIXES = {".key", ".toml", ".json", ".pem", ".txt"}
_MAX_BYTES = 64 << 20
_MIN_PASSPHRASE = 12


def back_up(folder: Path, out: Path, passphrase: str) -> list[str]:
    """Writes the keys and configuration files below a folder to one encrypted file.

    Returns:
        The names that are in it, relative to the folder.

    Raises:
        ConfigurationError: There is nothing to back up, or the passphrase is too short.
    """
    if len(passphrase) < _MIN_PASSPHRASE:
        raise ConfigurationError(f"the passphrase needs at least {_MIN_PASSPHRASE} characters")
    names = sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and path.suffix in _SUFFIXES
    )
    if not any(name.endswith(".key") for name in names):
        raise ConfigurationError(f"there are no keys below {folder}")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in names:
            data = (folder / name).read_bytes()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o600
            archive.addfile(entry, io.BytesIO(data))
    salt, nonce = secrets.token_bytes(_SALT), secrets.token_bytes(_NONCE)
    sealed = AESGCM(_derive(passphrase, salt)).encrypt(nonce, buffer.getvalue(), _MAGIC)
    write_atomically(out, _MAGIC + salt + nonce + sealed)
    return names


def restore(backup: Path, folder: Path, passphrase: str) -> list[str]:
    """Writes the files of a backup into a folder that has none of them.

    Raises:
        DecodingError: The file is no backup.
        DecryptionError: The passphrase is wrong, or the file was changed.
        ConfigurationError: A file stands there already.
    """
    if backup.stat().st_size > _MAX_BYTES:
        raise TooLargeError(f"{backup} is larger than a backup can be")
    data = backup.read_bytes()
    header = len(_MAGIC) + _SALT + _NONCE
    if not data.startswith(_MAGIC) or len(data) < header:
        raise DecodingError(f"{backup} is no backup of keys")
    salt, nonce = data[len(_MAGIC) : len(_MAGIC) + _SALT], data[len(_MAGIC) + _SALT : header]
    try:
        plain = AESGCM(_derive(passphrase, salt)).decrypt(nonce, data[header:], _MAGIC)
    except InvalidTag as error:
        raise DecryptionError("the passphrase is wrong, or the backup was changed") from error
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        entries = [entry for entry in archive.getmembers() if entry.isfile()]
        for entry in entries:
            path = PurePosixPath(entry.name)
            if path.is_absolute() or ".." in path.parts:
                raise DecodingError(f"{backup} holds a path that leaves its folder")
            if (folder / path).exists():
                raise ConfigurationError(f"{folder / path} exists; restore into an empty folder")
        for entry in entries:
            content = archive.extractfile(entry)
            target = folder / entry.name
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_atomically(target, b"" if content is None else content.read())
    os.sync()
    return [entry.name for entry in entries]


def _derive(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=1 << 16, r=8, p=1).derive(passphrase.encode())
