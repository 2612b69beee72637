"""The registry's side of the list of providers: make it, add to it, change a status, sign it again.

What is signed is docs/protocol.md, section 7; everyone else only loads it (`trunkline.jager.messages.registry`).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from trunkline.errors import ConflictError, NotFoundError
from trunkline.jager.deployment.ceremony import canonical_json
from trunkline.jager.messages.registry import Registry
from trunkline.jager.messages.signed_document import sign_document
from trunkline.service.files import write_atomically
from trunkline.service.keys import IdentityKey
from trunkline.telephony.providers import ProviderId

Status = Literal["active", "suspended", "listed"]


@dataclass(frozen=True, slots=True)
class Provider:
    """One entry.

    Attributes:
        id: Given once, never used for another provider.
        name: For people.
        key: Ed25519 identity key in hexadecimal; without one the provider is only listed.
        suspended: Whether its requests are refused.
        contact: Whom to ask, for people.
    """

    id: ProviderId
    name: str
    key: str | None = None
    suspended: bool = False
    contact: str = ""

    @property
    def status(self) -> Status:
        """`listed` without a key, else `active` or `suspended`."""
        if self.key is None:
            return "listed"
        return "suspended" if self.suspended else "active"


def sign_registry(providers: Sequence[Provider], serial: int, key: IdentityKey, now: float | None = None) -> bytes:
    """The signed document with these providers.

    Raises:
        ConflictError: Two of them have the same id.
    """
    if len({one.id for one in providers}) != len(providers):
        raise ConflictError("two providers have the same id; give each its own")
    payload = {
        "version": 1,
        "serial": serial,
        "issued_at": int(time.time() if now is None else now),
        "providers": [
            {"id": one.id.hex, "name": one.name, "key": one.key, "status": one.status, "contact": one.contact}
            for one in sorted(providers, key=lambda one: one.id)
        ],
    }
    return sign_document("registry", canonical_json(payload), key.public_key, key.sign)


def read_providers(path: Path, key: IdentityKey) -> tuple[list[Provider], int]:
    """The providers of a signed list, and its serial."""
    registry = Registry.load(path, key.public_key)
    providers = [
        Provider(
            id=one.id, name=one.name, key=one.key, suspended=one.status == "suspended", contact=one.contact
        )
        for one in registry.providers
    ]
    return providers, registry.serial


def add_provider(path: Path, key: IdentityKey, provider: Provider) -> None:
    """Adds a provider, or replaces the one with that id, and signs the list with the next serial."""
    providers, serial = read_providers(path, key)
    kept = [one for one in providers if one.id != provider.id]
    write_atomically(path, sign_registry([*kept, provider], serial + 1, key), mode=0o644)


def set_suspended(path: Path, key: IdentityKey, provider_id: ProviderId, *, suspended: bool) -> None:
    """Suspends a provider or takes it back, and signs the list with the next serial.

    Raises:
        NotFoundError: No provider has that id.
    """
    providers, serial = read_providers(path, key)
    if all(one.id != provider_id for one in providers):
        raise NotFoundError(f"no provider has the id {provider_id}; see `trunkline registry list`")
    changed = [replace(one, suspended=suspended) if one.id == provider_id else one for one in providers]
    write_atomically(path, sign_registry(changed, serial + 1, key), mode=0o644)
