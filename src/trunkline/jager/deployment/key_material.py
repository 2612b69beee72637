"""Makes the keys of one role, and states their public halves for the deployment root to sign.

Each role makes its own keys on its own machine; only the public halves (with proofs of possession) travel.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from trunkline.crypto.group_signature import IssuerKey, OpenerKey
from trunkline.crypto.label_signature import AuthorizationKey
from trunkline.crypto.oprf import LabelKey
from trunkline.errors import ConfigurationError
from trunkline.service.keys import IdentityKey, save_secret

PublicHalves = dict[str, Any]
"""JSON: what one role's keys look like from outside; `role` says whose they are."""

LABEL_KEY_FILE = "label.key"
ISSUER_KEY_FILE = "issuer.key"
JOIN_LOG_KEY_FILE = "join-log.key"
LABEL_SIGNATURE_KEY_FILE = "label-signature.key"
GRANT_KEY_FILE = "grant.key"
OPENER_KEY_FILE = "opener.key"
VERDICT_KEY_FILE = "verdict.key"
IDENTITY_KEY_FILE = "identity.key"
STORE_KEY_FILE = "store.key"
ROOT_KEY_FILE = "root.key"
REGISTRY_KEY_FILE = "registry.key"


def make_keys(role: str, directory: Path) -> PublicHalves:
    """Makes the keys of a role in a folder that has none yet.

    Args:
        role: `labels`, `membership`, `authorization`, `accountability`, `record-store`, `registry` or `root`.
        directory: Where the secret files go, each readable by its owner alone.

    Returns:
        The public halves.

    Raises:
        ConfigurationError: No such role, or a key file stands there already.
    """
    if role not in _MAKERS:
        raise ConfigurationError(f"there is no role {role!r}; roles are {', '.join(sorted(_MAKERS))}")
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(directory.glob("*.key")):
        raise ConfigurationError(f"{directory} holds keys already; give a new folder, or move them away")
    return {"role": role, **_MAKERS[role](directory)}


def make_label_keys(directory: Path) -> PublicHalves:
    """The label authority's OPRF key k, and nothing else."""
    key = LabelKey.generate()
    save_secret(directory / LABEL_KEY_FILE, key.secret_bytes(), kind="label")
    return {"oprf": key.public_key.hex()}


def make_label_signature_keys(directory: Path) -> PublicHalves:
    """The authorization authority's sk_T, and its Ed25519 key for grants."""
    key = AuthorizationKey.generate()
    save_secret(directory / LABEL_SIGNATURE_KEY_FILE, key.secret_bytes(), kind="label-signature")
    return {
        "vk_t": key.public_key.hex(),
        "vk_t_possession": key.possession_proof().hex(),
        "authorization_key": _identity(directory / GRANT_KEY_FILE),
    }


def _make_membership(directory: Path) -> PublicHalves:
    key = IssuerKey.generate()
    save_secret(directory / ISSUER_KEY_FILE, key.secret_bytes(), kind="issuer")
    return {
        "w": key.public_key.hex(),
        "w_possession": key.possession_proof().hex(),
        "membership_key": _identity(directory / JOIN_LOG_KEY_FILE),
    }


def _make_accountability(directory: Path) -> PublicHalves:
    key = OpenerKey.generate()
    save_secret(directory / OPENER_KEY_FILE, key.secret_bytes(), kind="opener")
    return {
        "y": key.public_key.hex(),
        "y_possession": key.possession_proof().hex(),
        "accountability_key": _identity(directory / VERDICT_KEY_FILE),
        "identity": _identity(directory / IDENTITY_KEY_FILE),
    }


def _identity(path: Path) -> str:
    key = IdentityKey.generate()
    key.save(path)
    return key.public_key.hex()


_MAKERS: Mapping[str, Callable[[Path], PublicHalves]] = {
    "labels": make_label_keys,
    "authorization": make_label_signature_keys,
    "membership": _make_membership,
    "accountability": _make_accountability,
    "record-store": lambda directory: {"key": _identity(directory / STORE_KEY_FILE)},
    "registry": lambda directory: {"registry_key": _identity(directory / REGISTRY_KEY_FILE)},
    "root": lambda directory: {"root_key": _identity(directory / ROOT_KEY_FILE)},
    "carrier": lambda directory: {"identity": _identity(directory / IDENTITY_KEY_FILE)},
}
