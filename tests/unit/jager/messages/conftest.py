"""Public parameters with real keys, made once."""

from types import SimpleNamespace

import pytest

from trunkline.crypto.group_signature import IssuerKey, OpenerKey
from trunkline.crypto.label_signature import AuthorizationKey
from trunkline.crypto.oprf import LabelKey
from trunkline.jager.messages.parameters import PublicParameters, make_parameters
from trunkline.service.keys import IdentityKey

NOW = 1_760_000_000


@pytest.fixture(scope="session")
def keys() -> SimpleNamespace:
    """Return the secret halves."""
    return SimpleNamespace(
        root=IdentityKey(b"\x01" * 32),
        registry=IdentityKey(b"\x02" * 32),
        authorization=IdentityKey(b"\x03" * 32),
        store=IdentityKey(b"\x04" * 32),
        labels=(LabelKey.generate(), LabelKey.generate()),
        signatures=(AuthorizationKey.generate(), AuthorizationKey.generate()),
        issuer=IssuerKey.generate(),
        opener=OpenerKey.generate(),
    )


@pytest.fixture(scope="session")
def fields(keys) -> dict[str, object]:
    """Return the fields of acceptable parameters, with two pairs of label keys and a gap between them."""
    intervals = ((100, 200), (300, 400))
    return {
        "version": 1,
        "deployment": "test-1",
        "not_before": NOW - 1000,
        "not_after": NOW + 1000,
        "label_profile": 1,
        "resolution_ms": 1000,
        "t_max_ms": 10_000,
        "ring_max_ms": 60_000,
        "answer_time_sources": False,
        "submit_by_s": 86_400,
        "period_s": 604_800,
        "period_grace_s": 3600,
        "keys": tuple(
            {
                "oprf": label.public_key.hex(),
                "vk_t": signature.public_key.hex(),
                "vk_t_possession": signature.possession_proof().hex(),
                "epoch_from": begin,
                "epoch_to": end,
            }
            for label, signature, (begin, end) in zip(keys.labels, keys.signatures, intervals, strict=True)
        ),
        "group": {
            "w": keys.issuer.public_key.hex(),
            "w_possession": keys.issuer.possession_proof().hex(),
            "y": keys.opener.public_key.hex(),
            "y_possession": keys.opener.possession_proof().hex(),
        },
        "authorization_key": keys.authorization.public_key.hex(),
        "membership_key": IdentityKey(b"\x05" * 32).public_key.hex(),
        "accountability_key": IdentityKey(b"\x06" * 32).public_key.hex(),
        "registry_key": keys.registry.public_key.hex(),
        "record_stores": ({"id": "57" * 16, "key": keys.store.public_key.hex()},),
    }


@pytest.fixture(scope="session")
def parameters(fields) -> PublicParameters:
    """Return acceptable parameters."""
    return make_parameters(**fields)
