"""The registry of providers, signed by its own key (docs/protocol.md, section 7)."""

import os
import threading
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

import structlog
from pydantic import Field, PrivateAttr, model_validator

from trunkline.crypto.ed25519 import SigningKey, check_public_key
from trunkline.errors import ConfigurationError, ConflictError, SignatureError, TrunklineError
from trunkline.jager.messages.signed_document import (
    Bytes16,
    Bytes32,
    SignedDocument,
    SignedModel,
    read_document_file,
    read_model,
)
from trunkline.telephony.providers import ProviderId

REGISTRY_LIMIT = 32 * 1024 * 1024
_PROVIDERS_LIMIT = 100_000
_WHAT = "the registry"

_logger = structlog.get_logger(__name__)

Status = Literal["active", "suspended", "listed"]
_Unsigned64 = Annotated[int, Field(ge=0, lt=1 << 64)]


class Provider(SignedModel):
    """One provider: a member, a suspended one, or one that is only listed by name."""

    id: Bytes16
    name: Annotated[str, Field(min_length=1, max_length=200)]
    key: Bytes32 | None
    status: Status
    contact: Annotated[str, Field(max_length=400)]

    @model_validator(mode="after")
    def _check_key(self) -> Self:
        if self.id == bytes(16):
            raise ValueError("the zero identifier means nobody")
        if (self.key is None) != (self.status == "listed"):
            raise ValueError("a provider has a key unless it is only listed")
        return self


class Registry(SignedModel):
    """The versioned list of providers."""

    version: Annotated[int, Field(ge=1, le=1)]
    serial: _Unsigned64
    issued_at: _Unsigned64
    providers: Annotated[tuple[Provider, ...], Field(max_length=_PROVIDERS_LIMIT)]

    _payload: bytes = PrivateAttr(default=b"")

    @model_validator(mode="after")
    def _check_distinct(self) -> Self:
        if len(self._providers) != len(self.providers):
            raise ValueError("a provider is listed twice")
        keys = [provider.key for provider in self.providers if provider.key is not None]
        if len(set(keys)) != len(keys):
            raise ValueError("two providers have the same key")
        return self

    @classmethod
    def load(cls, path: Path, registry_key: bytes) -> Self:
        """Load a registry from a file, as `verify` does.

        Raises:
            ConfigurationError: The file cannot be read.
        """
        return cls.verify(read_document_file(path, _WHAT, 2 * REGISTRY_LIMIT), registry_key)

    @classmethod
    def verify(cls, document: SignedDocument, registry_key: bytes) -> Self:
        """Verify a registry in full: its key, its signature, its fields, and every provider's key.

        Raises:
            SignatureError: The document is not signed by the registry key of the public parameters.
            DecodingError: A field is missing, unknown or unacceptable.
            PointError: A provider's key is not strict.
        """
        if document.key != registry_key:
            raise SignatureError("the registry is signed by another key than the public parameters name")
        document.verify("registry")
        registry = read_model(cls, document.payload, _WHAT, REGISTRY_LIMIT)
        registry._payload = document.payload
        registry._check_keys()
        return registry

    @property
    def payload(self) -> bytes:
        """The exact bytes that are signed."""
        return self._payload or self.model_dump_json(indent=1).encode()

    def sign(self, key: SigningKey) -> SignedDocument:
        """Sign this registry with the registry key.

        Raises:
            PointError: A provider's key is not strict.
        """
        self._check_keys()
        return SignedDocument.sign(self.payload, key, "registry")

    def by_id(self, provider: ProviderId) -> Provider | None:
        """Return a provider, or None if it is not in the registry."""
        return self._providers.get(provider.value)

    def key_of(self, key_id: str) -> bytes | None:
        """Return the Ed25519 key of an active provider by its identifier in hex, or None."""
        try:
            provider = self._providers.get(bytes.fromhex(key_id))
        except ValueError:
            return None
        return provider.key if provider is not None and provider.status == "active" else None

    def name_of(self, provider: ProviderId) -> str:
        """Return a provider's name; its identifier if it is not in the registry."""
        found = self.by_id(provider)
        return provider.hex if found is None else found.name

    def status(self, provider: ProviderId) -> Status | None:
        """Return a provider's status, or None if it is not in the registry."""
        found = self.by_id(provider)
        return None if found is None else found.status

    @cached_property
    def _providers(self) -> dict[bytes, Provider]:
        return {provider.id: provider for provider in self.providers}

    def _check_keys(self) -> None:
        for provider in self.providers:
            if provider.key is not None:
                check_public_key(provider.key)


class RegistryFile:
    """A registry file that is read again when it changes.

    A newer file that cannot be verified, or has a lower serial, is not taken: the registry that was read
    before stays in force and the refusal is logged, so that a bad file never stops a running service.
    """

    def __init__(self, path: Path, registry_key: bytes, *, serial_file: Path | None = None) -> None:
        """Read the file for the first time.

        Args:
            path: The registry.
            registry_key: The key that the public parameters name.
            serial_file: Where the highest serial is remembered, so that an older registry, in which a
                suspended provider may still be active, is refused after a restart, too.

        Raises:
            TrunklineError: As `Registry.load`.
            ConflictError: The registry is older than one that was in force here.
        """
        self._path = path
        self._key = registry_key
        self._serial_file = serial_file
        self._lock = threading.Lock()
        self._seen = _identity(path)
        self._registry = Registry.load(path, registry_key)
        _refuse_older(self._registry.serial, _remembered(serial_file))
        self._remember()

    def current(self) -> Registry:
        """Return the registry in force, after a look at the file."""
        with self._lock:
            seen = _identity(self._path)
            if seen is not None and seen != self._seen:
                self._seen = seen
                try:
                    self._registry = newer_registry(self._registry, Registry.load(self._path, self._key))
                    self._remember()
                except TrunklineError as error:
                    _logger.warning("registry file refused", reason=str(error), code=error.code)
            return self._registry

    def key_of(self, key_id: str) -> bytes | None:
        """Return the Ed25519 key of an active provider by its identifier in hex, or None."""
        return self.current().key_of(key_id)

    def _remember(self) -> None:
        if self._serial_file is None or _remembered(self._serial_file) == self._registry.serial:
            return
        new = self._serial_file.with_suffix(".new")
        try:
            with new.open("w") as file:
                file.write(str(self._registry.serial))
                # An empty file after a power failure would keep the service from starting.
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._serial_file)
        except OSError as error:
            # The newer registry is in force all the same; only a restart would not know of it.
            _logger.warning("registry serial not remembered", reason=error.strerror)


def newer_registry(current: Registry, offered: Registry) -> Registry:
    """Return the offered registry if it may replace the current one.

    Raises:
        ConflictError: Its serial is lower, or is the same for another content.
    """
    _refuse_older(offered.serial, current.serial)
    if offered.serial == current.serial and offered.payload != current.payload:
        raise ConflictError(
            f"there are two registries of serial {offered.serial}: give the newer one a higher"
        )
    return offered


def _identity(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _refuse_older(offered: int, in_force: int) -> None:
    if offered < in_force:
        raise ConflictError(
            f"the registry has serial {offered}, older than {in_force} which was in force: get the newest"
        )


def _remembered(serial_file: Path | None) -> int:
    if serial_file is None or not serial_file.exists():
        return 0
    try:
        return int(serial_file.read_text())
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"cannot read the registry's last serial from {serial_file}: remove it to begin anew"
        ) from error
