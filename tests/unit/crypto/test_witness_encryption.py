"""Witness encryption: only the witness for the very label, key id and call details decrypts."""

import os

import pytest
from conftest import BAD_G1, BAD_G2, World
from hypothesis import given, settings
from hypothesis import strategies as st

from trunkline.crypto.label_signature import AuthorizationKey
from trunkline.crypto.record import BODY_SIZE, HOP_SIZE
from trunkline.crypto.witness_encryption import Encryptor, decrypt_batch
from trunkline.errors import DecodingError, DecryptionError, PointError, TooLargeError, TrunklineError

LABEL = bytes(range(64))
DETAILS = b"call details"
HOP = bytes(range(60))


def decrypt(world: World, body: bytes, *, witness: bytes | None = None, details: bytes = DETAILS) -> object:
    witness = witness or world.authorization.sign_batch(world.kid, LABEL)
    [result] = decrypt_batch(world.authorization.public_key, world.kid, witness, LABEL, [details], body)
    return result


def test_batch_decrypts_to_its_hops(world: World) -> None:
    count = 40
    labels, hops = os.urandom(64 * count), os.urandom(HOP_SIZE * count)
    details = [os.urandom(index) for index in range(count)]
    bodies = world.encryptor.encrypt_batch(labels, details, hops)
    assert len(bodies) == BODY_SIZE * count
    witnesses = world.authorization.sign_batch(world.kid, labels)
    results = decrypt_batch(world.authorization.public_key, world.kid, witnesses, labels, details, bodies)
    assert b"".join(result for result in results if isinstance(result, bytes)) == hops


def test_bodies_of_one_hop_share_only_their_index(world: World) -> None:
    bodies = world.encryptor.encrypt_batch(LABEL * 2, [DETAILS] * 2, HOP * 2)
    first, second = bodies[:BODY_SIZE], bodies[BODY_SIZE:]
    assert first[:32] == second[:32]
    assert all(
        first[start : start + 16] != second[start : start + 16] for start in range(32, BODY_SIZE - 16, 16)
    )


def test_body_with_other_details_or_witness_does_not_decrypt(world: World) -> None:
    body = world.encryptor.encrypt_batch(LABEL, [DETAILS], HOP)
    assert decrypt(world, body) == HOP
    stranger = AuthorizationKey.generate()
    for wrong in (
        decrypt(world, body, details=DETAILS + b"\x00"),
        decrypt(world, body, witness=world.authorization.sign_batch(world.kid, LABEL[::-1])),
        decrypt(world, body, witness=world.authorization.sign_batch(bytes(16), LABEL)),
        decrypt(world, body, witness=stranger.sign_batch(world.kid, LABEL)),
    ):
        assert isinstance(wrong, DecryptionError)
        assert "does not decrypt" in str(wrong)


def test_body_filed_under_another_label_or_key_id_is_refused_before_decryption(world: World) -> None:
    body = world.encryptor.encrypt_batch(LABEL, [DETAILS], HOP)
    witness = world.authorization.sign_batch(world.kid, LABEL)
    key = world.authorization.public_key
    for kid, label in ((bytes(16), LABEL), (world.kid, LABEL[::-1])):
        [result] = decrypt_batch(key, kid, witness, label, [DETAILS], body)
        assert isinstance(result, DecodingError)
        assert "another label or key id" in str(result)


@settings(max_examples=25, deadline=None)
@given(position=st.integers(0, BODY_SIZE - 1), bit=st.integers(0, 7))
def test_body_with_any_flipped_bit_is_refused(world: World, position: int, bit: int) -> None:
    body = bytearray(world.encryptor.encrypt_batch(LABEL, [DETAILS], HOP))
    body[position] ^= 1 << bit
    assert isinstance(decrypt(world, bytes(body)), TrunklineError)


@pytest.mark.parametrize("name", BAD_G2)
def test_ephemeral_point_that_is_bad_is_refused(world: World, name: str) -> None:
    body = world.encryptor.encrypt_batch(LABEL, [DETAILS], HOP)
    assert isinstance(decrypt(world, body[:32] + BAD_G2[name] + body[128:]), PointError)


@pytest.mark.parametrize("name", BAD_G1)
def test_witness_that_is_bad_is_refused(world: World, name: str) -> None:
    body = world.encryptor.encrypt_batch(LABEL, [DETAILS], HOP)
    assert isinstance(decrypt(world, body, witness=BAD_G1[name]), PointError)


def test_bad_body_does_not_lose_its_neighbours(world: World) -> None:
    body = world.encryptor.encrypt_batch(LABEL, [DETAILS], HOP)
    witness = world.authorization.sign_batch(world.kid, LABEL)
    results = decrypt_batch(
        world.authorization.public_key,
        world.kid,
        witness * 3,
        LABEL * 3,
        [DETAILS] * 3,
        body + body[:32] + bytes(BODY_SIZE - 32) + body,
    )
    assert (results[0], results[2]) == (HOP, HOP)
    assert isinstance(results[1], PointError)


def test_input_of_another_form_is_refused(world: World) -> None:
    encrypt = world.encryptor.encrypt_batch
    with pytest.raises(DecodingError, match="60 bytes each"):
        encrypt(LABEL, [DETAILS], HOP[:-1])
    with pytest.raises(DecodingError, match="different lengths"):
        encrypt(LABEL, [DETAILS, DETAILS], HOP)
    with pytest.raises(TooLargeError, match="1,024") as caught:
        encrypt(LABEL * 2, [DETAILS, bytes(1_025)], HOP * 2)
    assert caught.value.indices == (1,)
    with pytest.raises(DecodingError, match="236 bytes each"):
        decrypt_batch(world.authorization.public_key, world.kid, bytes(48), LABEL, [DETAILS], bytes(235))
    with pytest.raises(PointError):
        Encryptor(BAD_G2["identity"], world.kid)
    with pytest.raises(DecodingError, match="16 bytes"):
        Encryptor(world.authorization.public_key, world.kid + b"\x00")
