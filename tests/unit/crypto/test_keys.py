"""Keys: what they take, what they never give away."""

import copy
import pickle
from typing import Any

import pytest
from conftest import BAD_G1, BAD_G2, ORDER, World

from trunkline.crypto.group_signature import GroupPublicKey, IssuerKey, MemberSecret, OpenerKey
from trunkline.crypto.label_signature import AuthorizationKey, key_id, verify_possession
from trunkline.errors import DecodingError, PointError, ProofError, ScalarError

KEYS = pytest.mark.parametrize("kind", [AuthorizationKey, IssuerKey, OpenerKey, MemberSecret])


@KEYS
def test_key_survives_its_bytes_and_equals_only_itself(kind: Any) -> None:
    key = kind.generate()
    assert kind.from_bytes(key.secret_bytes()) == key
    assert kind.generate() != key


@KEYS
@pytest.mark.parametrize(
    ("secret", "error", "message"),
    [
        (bytes(32), ScalarError, "zero"),
        (ORDER.to_bytes(32, "big"), ScalarError, "not less than the group order"),
        (b"\xff" * 32, ScalarError, "not less than the group order"),
        (b"\x01" * 31, DecodingError, "32 bytes"),
        (b"\x01" * 33, DecodingError, "32 bytes"),
        (b"", DecodingError, "32 bytes"),
    ],
)
def test_key_from_bad_bytes_is_refused(
    kind: Any, secret: bytes, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        kind.from_bytes(secret)


@KEYS
def test_key_prints_nothing_of_its_secret(kind: Any) -> None:
    key = kind.generate()
    for text in (repr(key), str(key), f"{key}"):
        assert "redacted" in text
        assert key.secret_bytes().hex() not in text


@KEYS
def test_key_cannot_be_pickled_copied_or_hashed(kind: Any) -> None:
    key = kind.generate()
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="pickle"):
            leak(key)
    with pytest.raises(TypeError, match="unhashable"):
        hash(key)
    assert not hasattr(key, "__dict__")


def test_signer_cannot_be_pickled_or_copied(world: World) -> None:
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="pickle"):
            leak(world.signer)


def test_possession_proof_holds_for_its_own_role_and_key_only(world: World) -> None:
    keys = {"w": world.issuer, "vk_T": world.authorization, "Y": world.opener}
    for role, key in keys.items():
        verify_possession(role, key.public_key, key.possession_proof())
    with pytest.raises(ProofError, match="does not fit the public key"):
        verify_possession("w", world.authorization.public_key, world.authorization.possession_proof())
    with pytest.raises(ProofError, match="does not fit the public key"):
        verify_possession("w", world.issuer.public_key, IssuerKey.generate().possession_proof())
    with pytest.raises(DecodingError, match="role"):
        verify_possession("v", world.issuer.public_key, world.issuer.possession_proof())
    with pytest.raises(ScalarError, match="not less"):
        verify_possession("Y", world.opener.public_key, world.opener.possession_proof()[:16] + b"\xff" * 32)
    with pytest.raises(DecodingError, match="48 bytes"):
        verify_possession("Y", world.opener.public_key, world.opener.possession_proof() + b"\x00")


@pytest.mark.parametrize("name", BAD_G1)
def test_bad_point_of_g1_is_refused_as_a_public_key(world: World, name: str) -> None:
    with pytest.raises(PointError):
        verify_possession("Y", BAD_G1[name], world.opener.possession_proof())
    with pytest.raises(PointError):
        GroupPublicKey(world.issuer.public_key, BAD_G1[name])


@pytest.mark.parametrize("name", BAD_G2)
def test_bad_point_of_g2_is_refused_as_a_public_key(world: World, name: str) -> None:
    with pytest.raises(PointError):
        verify_possession("w", BAD_G2[name], world.issuer.possession_proof())
    with pytest.raises(PointError):
        GroupPublicKey(BAD_G2[name], world.opener.public_key)


def test_group_public_key_has_its_bytes_and_an_id_of_them(world: World) -> None:
    assert world.group.to_bytes() == world.issuer.public_key + world.opener.public_key
    assert GroupPublicKey(IssuerKey.generate().public_key, world.opener.public_key).id != world.group.id
    with pytest.raises(DecodingError, match="96 bytes"):
        GroupPublicKey(world.issuer.public_key[:-1], world.opener.public_key)


def test_key_id_depends_on_both_keys_and_takes_no_other_lengths(world: World) -> None:
    label_key, vk_t = b"\x05" * 32, world.authorization.public_key
    assert len(key_id(label_key, vk_t)) == 16
    assert key_id(label_key, vk_t) != key_id(b"\x06" * 32, vk_t)
    assert key_id(label_key, vk_t) != key_id(label_key, world.issuer.public_key)
    with pytest.raises(DecodingError, match="32 bytes"):
        key_id(vk_t, label_key)
    with pytest.raises(DecodingError, match="96 bytes"):
        key_id(label_key, vk_t[:-1])
