"""A carrier whose identity key in the registry is another one than it joined with."""

import hashlib

import pytest
from accountability_world import NOW, Room, World, verdict_of
from test_accountability import findings_of, logged

from trunkline.errors import EvidenceError
from trunkline.jager.messages.membership import JoinEntry, JoinRequest
from trunkline.jager.messages.registry import Registry
from trunkline.jager.validation.judge import judge
from trunkline.service.keys import IdentityKey


@pytest.fixture
def world():
    return World()


@pytest.fixture
def bundle(world):
    return world.bundle([world.malformed("C"), world.record("- A D"), world.record("A D -")], own="A D -")


def give_new_key(world, name):
    """The registry gets another key for a carrier; returns the registry before."""
    before, key = world.registry, IdentityKey.generate()
    providers = tuple(
        each.model_copy(update={"key": key.public_key}) if each.name == name else each
        for each in before.providers
    )
    world.registry = Registry(version=1, serial=before.serial + 1, issued_at=NOW, providers=providers)
    world.members[name].identity = key
    return before


def join_again(world, name):
    """With the same member secret, under the new identity key."""
    member, nonce = world.members[name], hashlib.sha256(b"again").digest()
    key, params_hash = member.identity.public_key, world.parameters.hash
    proof = member.secret.join_proof(params_hash, nonce, member.id.value, key)
    request = JoinRequest(nonce, member.id, key, member.secret.public_point, proof)
    world.log.append(JoinEntry(NOW, request.sign(member.identity, params_hash)).encode())


def test_verdict_that_the_registry_would_fail_is_not_signed_until_the_carrier_joins_again(
    world, bundle, tmp_path
):
    room = Room(world, tmp_path, reports_per_month=1)
    give_new_key(world, "C")
    with pytest.raises(EvidenceError, match="joined again with the new one"):
        room.report(bundle)
    # What the refusal lets the tracer guess is an opening, too.
    assert [reason for _, reason in logged(room)] == ["malformed"]
    join_again(world, "C")
    document = room.report(bundle)
    assert findings_of(document) == {("malformed", "C", None)}
    judge(document, world.known, world.registry)


def test_void_disavowal_does_not_stand_because_of_a_changed_key(world, tmp_path):
    give_new_key(world, "A")
    bundle = world.bundle([world.record("- A D"), world.record("A D -")], own="A D -")
    with pytest.raises(EvidenceError, match="joined again with the new one"):
        Room(world, tmp_path).disavow(bundle, "A")


def test_joining_in_the_name_of_a_carrier_under_a_key_of_the_accomplice_gives_no_verdict(world, tmp_path):
    # Nor may it be said to be nobody's joining: of a carrier whose key has changed that would be wrong.
    world.members["U"].id, owner = world.members["E"].id, world.members["U"].id
    join_again(world, "U")
    world.members["U"].id = owner
    bundle = world.bundle([world.malformed("U"), world.record("- D -")])
    with pytest.raises(EvidenceError, match="another identity key than the registry"):
        Room(world, tmp_path).report(bundle)


def test_changed_key_of_somebody_who_signed_nothing_that_is_opened_does_not_matter(world, bundle, tmp_path):
    give_new_key(world, "A")
    document = Room(world, tmp_path).report(bundle)
    assert [each.carrier for each in verdict_of(document).signers] == [world.members["C"].id.value]
    judge(document, world.known, world.registry)


def test_verdict_from_before_is_judged_with_the_registry_of_its_time(world, bundle, tmp_path):
    document = Room(world, tmp_path).report(bundle)
    before = give_new_key(world, "C")
    judge(document, world.known, before)
    with pytest.raises(EvidenceError, match="registry of the verdict's time"):
        judge(document, world.known, world.registry)
