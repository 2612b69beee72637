"""Label signatures: each check refuses what it is there for, and names it."""

import os

import pytest
from conftest import BAD_G1, World

from trunkline.crypto.label_signature import AuthorizationKey, verify_label_signatures
from trunkline.errors import DecodingError, PointError, SignatureError, TooLargeError


def replaced(packed: bytes, position: int, element: bytes) -> bytes:
    start = position * len(element)
    return packed[:start] + element + packed[start + len(element) :]


def test_signatures_of_a_window_verify_and_are_deterministic(world: World) -> None:
    labels = os.urandom(64 * 21)
    signatures = world.authorization.sign_batch(world.kid, labels)
    assert len(signatures) == 48 * 21
    assert world.authorization.sign_batch(world.kid, labels) == signatures
    verify_label_signatures(world.authorization.public_key, world.kid, labels, signatures)
    verify_label_signatures(world.authorization.public_key, world.kid, b"", b"")


def test_swapped_signatures_are_named(world: World) -> None:
    labels = os.urandom(64 * 21)
    signatures = world.authorization.sign_batch(world.kid, labels)
    swapped = replaced(replaced(signatures, 3, signatures[48:96]), 1, signatures[144:192])
    with pytest.raises(SignatureError, match="element 1, 3") as caught:
        verify_label_signatures(world.authorization.public_key, world.kid, labels, swapped)
    assert caught.value.indices == (1, 3)


def test_signatures_for_another_key_or_key_id_are_refused(world: World) -> None:
    labels = os.urandom(64 * 2)
    signatures = world.authorization.sign_batch(world.kid, labels)
    with pytest.raises(SignatureError, match="does not verify"):
        verify_label_signatures(world.authorization.public_key, bytes(16), labels, signatures)
    with pytest.raises(SignatureError, match="does not verify"):
        verify_label_signatures(AuthorizationKey.generate().public_key, world.kid, labels, signatures)


@pytest.mark.parametrize("name", BAD_G1)
def test_bad_point_is_named_and_not_taken_for_a_signature(world: World, name: str) -> None:
    labels = os.urandom(64 * 3)
    signatures = replaced(world.authorization.sign_batch(world.kid, labels), 1, BAD_G1[name])
    with pytest.raises(PointError, match="element 1") as caught:
        verify_label_signatures(world.authorization.public_key, world.kid, labels, signatures)
    assert caught.value.indices == (1,)


def test_lists_of_other_lengths_are_refused(world: World) -> None:
    labels = os.urandom(64 * 2)
    signatures = world.authorization.sign_batch(world.kid, labels)
    key = world.authorization.public_key
    with pytest.raises(DecodingError, match="64 bytes each"):
        world.authorization.sign_batch(world.kid, labels[:-1])
    with pytest.raises(DecodingError, match="16 bytes"):
        world.authorization.sign_batch(b"", labels)
    with pytest.raises(DecodingError, match="different lengths"):
        verify_label_signatures(key, world.kid, labels, signatures[:48])
    with pytest.raises(DecodingError, match="48 bytes each"):
        verify_label_signatures(key, world.kid, labels, signatures + b"\x00")
    with pytest.raises(TooLargeError, match="65,535"):
        world.authorization.sign_batch(world.kid, bytes(64 * 65_536))
