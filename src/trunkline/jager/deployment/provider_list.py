"""The registry's side of the list of providers: make it, add to it, change a status, sign it again.

What is signed is docs/protocol.md, section 7; `trunkline.jager.messages.registry` only loads it.
"""

import time
from collections.abc import Iterable
from pathlib import Path

from trunkline.errors import NotFoundError
from trunkline.jager.messages.registry import Provider, Registry, Status
from trunkline.service.files import write_atomically
from trunkline.service.keys import IdentityKey
from trunkline.telephony.providers import ProviderId


def provider(identifier: ProviderId, name: str, key: bytes | None = None, contact: str = "") -> Provider:
    """An entry: active with a key, only listed without one."""
    status: Status = "listed" if key is None else "active"
    return Provider(id=identifier.value, name=name, key=key, status=status, contact=contact)


def write_registry(path: Path, providers: Iterable[Provider], serial: int, key: IdentityKey) -> None:
    """Signs a list and puts it in place of the one that is there.

    Raises:
        DecodingError: Two providers have the same id or the same key, or a field is not acceptable.
    """
    ordered = tuple(sorted(providers, key=lambda one: one.id))
    registry = Registry(version=1, serial=serial, issued_at=int(time.time()), providers=ordered)
    write_atomically(path, registry.sign(key).encode(), mode=0o644)


def add_provider(path: Path, key: IdentityKey, added: Provider) -> None:
    """Adds a provider, or replaces the one with that id, and signs the list with the next serial."""
    registry = Registry.load(path, key.public_key)
    kept = [one for one in registry.providers if one.id != added.id]
    write_registry(path, [*kept, added], registry.serial + 1, key)


def set_suspended(path: Path, key: IdentityKey, identifier: ProviderId, *, suspended: bool) -> None:
    """Suspends a provider or takes it back, and signs the list with the next serial.

    Raises:
        NotFoundError: No active or suspended provider has that id.
    """
    registry = Registry.load(path, key.public_key)
    found = registry.by_id(identifier)
    if found is None or found.key is None:
        raise NotFoundError(f"no member has the id {identifier}; see `trunkline registry list`")
    changed = found.model_copy(update={"status": "suspended" if suspended else "active"})
    kept = [one for one in registry.providers if one.id != found.id]
    write_registry(path, [*kept, changed], registry.serial + 1, key)
