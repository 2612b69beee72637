"""What the core makes the second implementation accepts, and the other way round, with fresh random values.

The vectors fix the bytes; here nothing is fixed, so that no value that both sides happen to share hides a
difference. Each test runs one primitive in both directions.
"""

import os
from collections.abc import Iterator

import pytest

from trunkline.crypto.contribution import Contributor
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
from trunkline.crypto.label_signature import (
    AuthorizationKey,
    key_id,
    verify_label_signatures,
    verify_possession,
)
from trunkline.crypto.oprf import LabelClient, LabelKey, label_index
from trunkline.crypto.record import record_ids, record_message
from trunkline.crypto.witness_encryption import Encryptor, decrypt_batch

from . import group_signature, keys, labels, record, witness_encryption
from .bls12_381 import scalar_bytes
from .notation import Randomness, RefusedError
from .vector_file import flipped
from .world import World


class Core:
    """The same deployment as the second implementation's world, with the core's objects."""

    def __init__(self, world: World) -> None:
        self.label_key = LabelKey.from_bytes(labels.scalar_bytes(world.label_key))
        self.authorization = AuthorizationKey.from_bytes(scalar_bytes(world.sk_t))
        self.issuer = IssuerKey.from_bytes(scalar_bytes(world.gamma))
        self.opener = OpenerKey.from_bytes(scalar_bytes(world.xi))
        self.member = MemberSecret.from_bytes(scalar_bytes(world.member.s))
        self.group = GroupPublicKey(world.w, world.y)
        self.signer = Signer(self.group, world.params_hash, self.member, world.member.credential)
        self.verifier = Verifier(self.group, world.params_hash)
        self.encryptor = Encryptor(world.vk_t, world.kid)


@pytest.fixture(scope="module")
def world() -> World:
    return World(os.urandom(16).hex())


@pytest.fixture(scope="module")
def core(world: World) -> Core:
    return Core(world)


def split(packed: bytes, size: int) -> list[bytes]:
    return [packed[start : start + size] for start in range(0, len(packed), size)]


def test_public_keys_and_identifiers_are_the_same(world: World, core: Core) -> None:
    assert core.label_key.public_key == world.label_public_key
    assert core.authorization.public_key == world.vk_t
    assert core.issuer.public_key == world.w
    assert core.opener.public_key == world.y
    assert core.member.public_point == world.member.s_point
    assert key_id(world.label_public_key, world.vk_t) == world.kid
    assert core.group.id == world.group.id
    assert label_index(world.kid, world.label) == labels.label_index(world.kid, world.label)


def test_labels_of_either_client_and_either_authority_are_the_same(world: World, core: Core) -> None:
    inputs = [os.urandom(40) for _ in range(5)]
    blinding = LabelClient(world.label_public_key).blind_batch(inputs)
    blinds = [labels.decode_secret(blinding.reveal_blind(index)) for index in range(len(inputs))]
    blinded = split(blinding.elements, 32)
    assert blinded == [labels.blind_input(data, b) for data, b in zip(inputs, blinds, strict=True)]
    ours, our_proof = core.label_key.evaluate_batch(blinding.elements)
    theirs, their_proof = labels.evaluate(world.label_key, blinded, labels.random_scalar(world.random))
    assert split(ours, 32) == theirs
    made = [blinding.finalize(ours, proof) for proof in (our_proof, their_proof)]
    for proof in (our_proof, their_proof):
        made.append(b"".join(labels.finalize(world.label_public_key, inputs, blinds, theirs, proof)))
    assert len(set(made)) == 1


def test_proofs_of_possession_verify_both_ways(world: World, core: Core) -> None:
    for role, key, secret in (
        ("w", core.issuer, world.gamma),
        ("vk_T", core.authorization, world.sk_t),
        ("Y", core.opener, world.xi),
    ):
        keys.check_possession(role, key.public_key, key.possession_proof())
        verify_possession(role, key.public_key, keys.prove_possession(role, secret, world.scalar()))


def test_joins_verify_both_ways(world: World, core: Core) -> None:
    context = (world.params_hash, os.urandom(32), world.carrier, world.identity)
    s_point = world.member.s_point
    group_signature.check_join(*context, s_point, core.member.join_proof(*context))
    proof = group_signature.prove_join(*context, world.member.s, world.scalar())
    verify_join(*context, s_point, proof)


def test_credentials_verify_both_ways(world: World, core: Core) -> None:
    s_point = world.member.s_point
    group_signature.check_credential(world.w, s_point, core.issuer.issue(world.period, s_point))
    check_credential(core.group, s_point, world.member.credential)


def test_group_signatures_verify_open_and_are_judged_both_ways(world: World, core: Core) -> None:
    messages = [os.urandom(size) for size in (0, 1, 289)]
    by_core = split(core.signer.sign_batch(messages), 464)
    by_second = [world.sign(message) for message in messages]
    for message, signature in zip(messages * 2, by_core + by_second, strict=True):
        group_signature.verify(world.group, world.period, message, signature)
        core.verifier.verify(world.period, message, signature)
        assert core.opener.open_batch(signature) == world.member.s_point
        for opening in openings(world, core, message, signature):
            judged = group_signature.judge(
                world.group, world.period, message, signature, opening, world.case, world.carrier
            )
            assert judged == world.member.s_point
            judged = judge_opening(
                core.group,
                world.params_hash,
                period=world.period,
                message=message,
                signature=signature,
                opening=opening,
                case=world.case,
                carrier_id=world.carrier,
            )
            assert judged == world.member.s_point
    packed = b"".join(by_core + by_second)
    assert core.verifier.verify_batch(world.period, messages * 2, packed) == []


def openings(world: World, core: Core, message: bytes, signature: bytes) -> Iterator[bytes]:
    yield core.opener.prove(
        signature,
        params_hash=world.params_hash,
        gpk_id=world.group.id,
        case=world.case,
        carrier_id=world.carrier,
        message=message,
    )
    yield group_signature.open_signature(
        world.group, world.xi, signature, world.case, world.carrier, message, world.scalar()
    )


def test_signatures_marked_with_torsion_are_accepted_opened_and_judged_alike(
    world: World, core: Core
) -> None:
    for _ in range(3):
        signature = world.sign(world.message, tuple(world.torsion() for _ in range(7)))
        group_signature.verify(world.group, world.period, world.message, signature)
        core.verifier.verify(world.period, world.message, signature)
        first, second = openings(world, core, world.message, signature)
        assert first[:48] == second[:48] == world.member.s_point
        for opening in (first, second):
            group_signature.judge(
                world.group, world.period, world.message, signature, opening, world.case, world.carrier
            )


def test_label_signatures_are_the_same_and_verify_both_ways(world: World, core: Core) -> None:
    packed = os.urandom(64 * 3)
    ours = core.authorization.sign_batch(world.kid, packed)
    theirs = [witness_encryption.sign_label(world.sk_t, world.kid, label) for label in split(packed, 64)]
    assert split(ours, 48) == theirs
    verify_label_signatures(world.vk_t, world.kid, packed, b"".join(theirs))
    for label, signature in zip(split(packed, 64), theirs, strict=True):
        witness_encryption.check_label_signature(world.vk_t, world.kid, label, signature)


def test_witness_encryption_decrypts_both_ways(world: World, core: Core) -> None:
    packed, hops = os.urandom(64 * 3), os.urandom(60 * 3)
    details = [os.urandom(size) for size in (1, 60, 500)]
    ours = split(core.encryptor.encrypt_batch(packed, details, hops), 236)
    theirs = [
        witness_encryption.encrypt(
            world.vk_t, world.kid, label, data, hop, world.scalar(), world.random.bytes(32)
        )
        for label, data, hop in zip(split(packed, 64), details, split(hops, 60), strict=True)
    ]
    signatures = core.authorization.sign_batch(world.kid, packed)
    for bodies in (ours, theirs):
        opened = decrypt_batch(world.vk_t, world.kid, signatures, packed, details, b"".join(bodies))
        assert opened == split(hops, 60)
        for index, body in enumerate(bodies):
            label, signature = split(packed, 64)[index], split(signatures, 48)[index]
            hop = witness_encryption.decrypt(world.vk_t, world.kid, signature, label, details[index], body)
            assert hop == split(hops, 60)[index]


def test_records_are_made_checked_and_identified_alike(world: World, core: Core) -> None:
    contributor = Contributor(core.encryptor, core.signer)
    by_core = contributor.contribute_batch(world.label, [world.details], world.hop)
    assert record_message(world.params_hash, world.period, core.group.id, world.body) == world.message
    by_second = record.record(world.group, world.period, world.body, world.sign(world.message))
    sealed = core.signer.seal_batch(world.body)
    assert sealed[:250] == by_second[:250]
    for data in (by_core, by_second, sealed):
        record.check_record(world.group, world.period, data)
        assert record_ids(world.params_hash, core.group.id, data) == record.record_id(world.group, data)
    assert core.verifier.verify_records(by_core + by_second + sealed, world.period) == []


def test_mangled_records_are_refused_for_the_same_reason(world: World, core: Core) -> None:
    # Random places, unlike the vectors': the two must agree on every bit of a record.
    data = record.record(world.group, world.period, world.body, world.sign(world.message))
    random = Randomness(os.urandom(16))
    for _ in range(40):
        mangled = flipped(data, random.below(8 * len(data)))
        ((_, reason),) = core.verifier.verify_records(mangled, world.period)
        assert reason == second_opinion(world, mangled)


def second_opinion(world: World, data: bytes) -> str:
    try:
        record.check_record(world.group, world.period, data)
    except RefusedError as error:
        return error.code
    return "accepted"
