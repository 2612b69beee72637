"""Records: contributed, signed again, named with a reason when they are bad."""

import os

import pytest
from conftest import PERIOD, World

from trunkline.crypto.group_signature import MemberSecret, Signer
from trunkline.crypto.record import (
    BODY_SIZE,
    HOP_SIZE,
    RECORD_SIZE,
    SIGNATURE_SIZE,
    record_ids,
    record_message,
)
from trunkline.crypto.witness_encryption import decrypt_batch
from trunkline.errors import DecodingError

FIELDS = {
    "version": (0, "version"),
    "suite": (1, "version"),
    "params ref": (2, "params"),
    "period": (13, "period"),
    "idx": (14, "signature"),
    "ct1: U": (50, "signature"),
    "ct1: wrapped key": (150, "signature"),
    "ct2": (249, "signature"),
    "challenged point": (250 + 47, None),
    "zt": (250 + 367, "signature"),
    "zε": (250 + 399, "signature"),
    "zs": (250 + 431, "signature"),
    "zk": (713, "signature"),
}


def flipped(record: bytes, position: int) -> bytes:
    return record[:position] + bytes([record[position] ^ 1]) + record[position + 1 :]


def test_contributed_record_verifies_and_decrypts(world: World) -> None:
    label, hop = os.urandom(64), os.urandom(HOP_SIZE)
    record = world.contributor.contribute_batch(label, [b"details"], hop)
    assert len(record) == RECORD_SIZE <= 720
    assert world.verifier.verify_records(record, PERIOD) == []
    body = record[14 : 14 + BODY_SIZE]
    witness = world.authorization.sign_batch(world.kid, label)
    key = world.authorization.public_key
    assert decrypt_batch(key, world.kid, witness, label, [b"details"], body) == [hop]


@pytest.mark.parametrize("name", FIELDS)
def test_record_with_a_flipped_bit_is_named_with_its_reason(world: World, name: str) -> None:
    position, reason = FIELDS[name]
    good = world.records(2)
    bad = world.verifier.verify_records(good[0] + flipped(good[1], position) + good[1], PERIOD)
    assert [index for index, _ in bad] == [1]
    assert reason is None or bad[0][1] == reason


def test_malformed_points_and_scalars_of_a_record_are_told_apart(world: World) -> None:
    record = world.records(1)[0]
    point = record[:250] + bytes([0xC0]) + bytes(47) + record[298:]
    scalar = record[:-32] + b"\xff" * 32
    assert world.verifier.verify_records(point + scalar + record, PERIOD) == [(0, "point"), (1, "scalar")]


def test_one_bad_record_among_a_thousand_is_named(world: World) -> None:
    records = world.records(40) * 25
    records[617] = flipped(records[617], 200)
    assert world.verifier.verify_records(b"".join(records), PERIOD) == [(617, "signature")]


def test_body_signed_again_by_another_member_has_another_id(world: World) -> None:
    record = world.records(1)[0]
    body = record[14 : 14 + BODY_SIZE]
    other = MemberSecret.generate()
    copier = Signer(world.group, world.params_hash, other, world.issuer.issue(PERIOD, other.public_point))
    copy = copier.seal_batch(body)
    assert world.verifier.verify_records(record + copy, PERIOD) == []
    ids = record_ids(world.params_hash, world.group.id, record + copy)
    assert ids[:16] != ids[16:]
    assert world.opener.open_batch(copy[250:]) == other.public_point
    assert world.opener.open_batch(record[250:]) == world.member.public_point


def test_record_under_the_signature_of_another_record_is_refused(world: World) -> None:
    first, second = world.records(2)
    assert world.verifier.verify_records(first[:250] + second[250:], PERIOD) == [(0, "signature")]


def test_record_message_is_what_the_signature_signs(world: World) -> None:
    record = world.records(1)[0]
    message = record_message(world.params_hash, PERIOD, world.group.id, record[14:250])
    assert len(message) == 289
    world.verifier.verify(PERIOD, message, record[250:])
    assert len(record[250:]) == SIGNATURE_SIZE


def test_packed_records_of_another_length_are_refused(world: World) -> None:
    record = world.records(1)[0]
    for call in (
        lambda: world.verifier.verify_records(record[:-1], PERIOD),
        lambda: record_ids(world.params_hash, world.group.id, record + b"\x00"),
    ):
        with pytest.raises(DecodingError, match="714 bytes each"):
            call()
    with pytest.raises(DecodingError, match="236 bytes"):
        world.signer.seal_batch(bytes(BODY_SIZE - 1))
    assert world.verifier.verify_records(b"", PERIOD) == []
