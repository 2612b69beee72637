"""The group signature: joining, signing, verifying, opening, judging, and a refusal for every check."""

import os
from collections.abc import Callable

import pytest
from conftest import BAD_G1, OFF_SUBGROUP_G1, ORDER, PERIOD, SMALL_ORDER_G1, World
from hypothesis import given, settings
from hypothesis import strategies as st
from py_arkworks_bls12381 import G1Point

from trunkline.crypto.group_signature import (
    GroupPublicKey,
    IssuerKey,
    MemberSecret,
    OpenerKey,
    Signer,
    Verifier,
    check_credential,
    judge_opening,
    verify_join,
)
from trunkline.crypto.record import SIGNATURE_SIZE
from trunkline.errors import (
    CryptoError,
    DecodingError,
    PointError,
    ProofError,
    ScalarError,
    SignatureError,
    TooLargeError,
    TrunklineError,
)

MESSAGE = b"message"
NONCE = bytes(16)
IDENTITY_KEY = bytes(range(32))
SCALARS = range(7 * 48, SIGNATURE_SIZE, 32)


def plus(point: bytes, torsion: bytes) -> bytes:
    """Adds points of the whole curve, with the library of the second implementation."""
    total = G1Point.from_compressed_bytes_unchecked(point) + G1Point.from_compressed_bytes_unchecked(torsion)
    return bytes(total.to_compressed_bytes())


def judge(world: World, message: bytes, signature: bytes, opening: bytes, **changed: bytes) -> bytes:
    named = {"case": world.case, "carrier_id": world.carrier} | changed
    return judge_opening(
        world.group,
        world.params_hash,
        period=PERIOD,
        message=message,
        signature=signature,
        opening=opening,
        **named,
    )


def test_signature_verifies_opens_to_its_member_and_is_judged(world: World) -> None:
    signature = world.sign(MESSAGE)
    world.verifier.verify(PERIOD, MESSAGE, signature)
    opening = world.open(MESSAGE, signature)
    assert judge(world, MESSAGE, signature, opening) == world.member.public_point
    assert world.opener.open_batch(signature * 3) == world.member.public_point * 3


def test_signatures_of_one_message_share_nothing(world: World) -> None:
    first, second = world.sign(MESSAGE), world.sign(MESSAGE)
    assert all(
        first[start : start + 16] != second[start : start + 16] for start in range(0, SIGNATURE_SIZE, 16)
    )


def test_signature_in_another_context_is_refused(world: World) -> None:
    signature = world.sign(MESSAGE)
    others: list[Callable[[], None]] = [
        lambda: world.verifier.verify(PERIOD, MESSAGE + b"\x00", signature),
        lambda: world.verifier.verify(PERIOD + 1, MESSAGE, signature),
        lambda: Verifier(world.group, bytes(32)).verify(PERIOD, MESSAGE, signature),
        lambda: Verifier(
            GroupPublicKey(IssuerKey.generate().public_key, world.opener.public_key), world.params_hash
        ).verify(PERIOD, MESSAGE, signature),
        lambda: Verifier(
            GroupPublicKey(world.issuer.public_key, OpenerKey.generate().public_key), world.params_hash
        ).verify(PERIOD, MESSAGE, signature),
    ]
    for verify in others:
        with pytest.raises(SignatureError, match="does not verify"):
            verify()


@settings(max_examples=30, deadline=None)
@given(position=st.integers(0, SIGNATURE_SIZE - 1), bit=st.integers(0, 7))
def test_signature_with_any_flipped_bit_is_refused_by_single_and_batch_alike(
    world: World, position: int, bit: int
) -> None:
    signature = world.sign(MESSAGE)
    flipped = bytearray(signature)
    flipped[position] ^= 1 << bit
    with pytest.raises(CryptoError):
        world.verifier.verify(PERIOD, MESSAGE, bytes(flipped))
    bad = world.verifier.verify_batch(PERIOD, [MESSAGE] * 3, signature + bytes(flipped) + signature)
    assert bad == [1]


@pytest.mark.parametrize("start", SCALARS)
def test_signature_with_a_scalar_plus_the_order_is_refused(world: World, start: int) -> None:
    # The equations hold for z + r as they hold for z; only the range check tells them apart.
    signature = world.sign(MESSAGE)
    value = int.from_bytes(signature[start : start + 32], "big") + ORDER
    signature = signature[:start] + value.to_bytes(32, "big") + signature[start + 32 :]
    with pytest.raises(ScalarError, match="not less than the group order"):
        world.verifier.verify(PERIOD, MESSAGE, signature)
    assert world.verifier.verify_batch(PERIOD, [MESSAGE], signature) == [0]


@pytest.mark.parametrize("name", ["identity", "off curve", "not reduced", "not compressed"])
@pytest.mark.parametrize("point", range(7))
def test_signature_with_a_malformed_point_is_refused(world: World, name: str, point: int) -> None:
    signature = world.sign(MESSAGE)
    signature = signature[: 48 * point] + BAD_G1[name] + signature[48 * point + 48 :]
    with pytest.raises(PointError):
        world.verifier.verify(PERIOD, MESSAGE, signature)
    assert world.verifier.verify_batch(PERIOD, [MESSAGE], signature) == [0]


def test_one_bad_signature_among_a_thousand_is_named(world: World) -> None:
    messages = [b"%d" % index for index in range(1_000)]
    signatures = world.signer.sign_batch(messages)
    assert world.verifier.verify_batch(PERIOD, messages, signatures) == []
    messages[617] = b"another"
    assert world.verifier.verify_batch(PERIOD, messages, signatures) == [617]


def test_first_point_of_small_order_is_refused(world: World) -> None:
    signature = SMALL_ORDER_G1 + world.sign(MESSAGE)[48:]
    with pytest.raises(SignatureError, match="small order"):
        world.verifier.verify(PERIOD, MESSAGE, signature)
    assert world.verifier.verify_batch(PERIOD, [MESSAGE], signature) == [0]


def test_verifier_refuses_input_of_another_form(world: World) -> None:
    signature = world.sign(MESSAGE)
    with pytest.raises(DecodingError, match="464 bytes"):
        world.verifier.verify(PERIOD, MESSAGE, signature + b"\x00")
    with pytest.raises(DecodingError, match="464 bytes each"):
        world.verifier.verify_batch(PERIOD, [MESSAGE], signature[:-1])
    with pytest.raises(DecodingError, match="different lengths"):
        world.verifier.verify_batch(PERIOD, [MESSAGE, MESSAGE], signature)
    with pytest.raises(TooLargeError, match="65,536 bytes"):
        world.signer.sign_batch([bytes(65_537)])
    for period in (-1, 2**32):
        with pytest.raises(DecodingError, match="period"):
            world.verifier.verify(period, MESSAGE, signature)
    with pytest.raises(DecodingError, match="32 bytes"):
        Verifier(world.group, b"")


def test_join_proof_is_bound_to_everything_it_covers(world: World) -> None:
    member = world.member
    proof = member.join_proof(world.params_hash, NONCE, world.carrier, IDENTITY_KEY)
    verify_join(world.params_hash, NONCE, world.carrier, IDENTITY_KEY, member.public_point, proof)
    copied = [
        (bytes(32), NONCE, world.carrier, IDENTITY_KEY, member.public_point),
        (world.params_hash, os.urandom(16), world.carrier, IDENTITY_KEY, member.public_point),
        (world.params_hash, NONCE, bytes(16), IDENTITY_KEY, member.public_point),
        (world.params_hash, NONCE, world.carrier, IDENTITY_KEY[::-1], member.public_point),
        (world.params_hash, NONCE, world.carrier, IDENTITY_KEY, MemberSecret.generate().public_point),
    ]
    for context in copied:
        with pytest.raises(ProofError, match="join proof"):
            verify_join(*context, proof)


@pytest.mark.parametrize("name", BAD_G1)
def test_bad_member_point_is_neither_joined_nor_issued_on(world: World, name: str) -> None:
    proof = world.member.join_proof(world.params_hash, NONCE, world.carrier, IDENTITY_KEY)
    with pytest.raises(PointError):
        verify_join(world.params_hash, NONCE, world.carrier, IDENTITY_KEY, BAD_G1[name], proof)
    with pytest.raises(PointError):
        world.issuer.issue(PERIOD, BAD_G1[name])


def test_credential_marked_with_torsion_is_refused_by_the_carrier(world: World) -> None:
    credential = world.credential
    check_credential(world.group, world.member.public_point, credential)
    marked = credential[:4] + plus(credential[4:52], SMALL_ORDER_G1) + credential[52:]
    with pytest.raises(PointError, match="subgroup"):
        check_credential(world.group, world.member.public_point, marked)
    with pytest.raises(PointError, match="subgroup"):
        Signer(world.group, world.params_hash, world.member, marked)


def test_credential_of_another_period_member_or_issuer_is_refused(world: World) -> None:
    point, credential = world.member.public_point, world.credential
    for group, s_point, changed in (
        (world.group, point, (PERIOD + 1).to_bytes(4, "big") + credential[4:]),
        (world.group, MemberSecret.generate().public_point, credential),
        (world.group, point, IssuerKey.generate().issue(PERIOD, point)),
        (world.group, point, credential[:52] + bytes(32)),
    ):
        with pytest.raises(SignatureError, match="credential"):
            check_credential(group, s_point, changed)
    with pytest.raises(ScalarError, match="not less"):
        check_credential(world.group, point, credential[:52] + b"\xff" * 32)
    with pytest.raises(DecodingError, match="84 bytes"):
        check_credential(world.group, point, credential + b"\x00")


def test_opening_in_another_context_is_refused(world: World) -> None:
    signature = world.sign(MESSAGE)
    opening = world.open(MESSAGE, signature)
    with pytest.raises(ProofError, match="opening"):
        judge(world, MESSAGE, signature, opening, case=bytes(32))
    with pytest.raises(ProofError, match="opening"):
        judge(world, MESSAGE, signature, opening, carrier_id=bytes(16))
    with pytest.raises(ProofError, match="opening"):
        judge(world, MESSAGE, world.sign(MESSAGE), opening)
    with pytest.raises(SignatureError, match="does not verify"):
        judge(world, b"another", signature, opening)


def test_innocent_member_cannot_be_named_by_an_opening(world: World) -> None:
    signature = world.sign(MESSAGE)
    opening = world.open(MESSAGE, signature)
    innocent = MemberSecret.generate().public_point
    with pytest.raises(ProofError, match="opening"):
        judge(world, MESSAGE, signature, innocent + opening[48:])
    with pytest.raises(PointError, match="subgroup"):
        judge(world, MESSAGE, signature, plus(opening[:48], SMALL_ORDER_G1) + opening[48:])
    with pytest.raises(ScalarError, match="not less"):
        judge(world, MESSAGE, signature, opening[:64] + b"\xff" * 32)
    with pytest.raises(DecodingError, match="96 bytes"):
        judge(world, MESSAGE, signature, opening[:-1])


def test_bad_points_to_open_are_named(world: World) -> None:
    signature = world.sign(MESSAGE)
    bad = signature[:96] + BAD_G1["identity"] + signature[144:]
    with pytest.raises(PointError, match="element 1") as caught:
        world.opener.open_batch(signature + bad)
    assert caught.value.indices == (1,)
    # Points outside of the subgroup are projected, not refused: else who signs with them cannot be opened.
    marked = signature[:96] + plus(signature[96:144], OFF_SUBGROUP_G1) + signature[144:]
    assert world.opener.open_batch(marked) != b""


def test_errors_carry_no_input(world: World) -> None:
    signature = world.sign(MESSAGE)
    with pytest.raises(TrunklineError) as caught:
        world.verifier.verify(PERIOD, b"secret text", signature)
    assert "secret" not in str(caught.value)
    assert signature.hex()[:8] not in str(caught.value)
