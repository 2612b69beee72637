"""Verdicts over several parameters of one deployment: who opens, and what a judge needs."""

import pytest
from accountability_world import Room, World, findings_of, verdict_of

from trunkline.crypto.group_signature import OpenerKey
from trunkline.errors import ConfigurationError, EvidenceError, SignatureError
from trunkline.jager.authority.accountability.opening import Opener
from trunkline.jager.messages.parameter_set import ParameterSet
from trunkline.jager.validation.join_register import check_join_entry, read_join_entry
from trunkline.jager.validation.judge import judge
from trunkline.service.keys import IdentityKey


@pytest.fixture(scope="module")
def world():
    return World()


@pytest.fixture(scope="module")
def later(world):
    """The accountability authority has another key for verdicts and another opener key than before."""
    opener, verdict = OpenerKey.generate(), IdentityKey.generate()
    later = world.succeeded(
        accountability_key=verdict.public_key,
        group={
            "w": world.issuer.public_key,
            "w_possession": world.issuer.possession_proof(),
            "y": opener.public_key,
            "y_possession": opener.possession_proof(),
        },
    )
    later.opener = opener
    later.keys = world.keys | {"verdict": verdict}
    return later


@pytest.fixture(scope="module")
def records(world, later):
    return [world.record("- A B"), world.record("A B D"), later.record("B D -")]


def room_of(later, directory, *openers):
    room = Room(later, directory)
    object.__setattr__(room.accountability, "opener", Opener(*openers))
    return room


@pytest.fixture(scope="module")
def document(world, later, records, tmp_path_factory):
    room = room_of(later, tmp_path_factory.mktemp("later"), later.opener, world.opener)
    return room.report(later.bundle(records, own="B D -"), enforcement=True)


def test_records_under_both_parameters_are_opened_to_members_that_joined_under_the_first(later, document):
    assert findings_of(document) == {("claim", name, name) for name in "ABD"}
    assert len(judge(document, later.known, later.registry).signers) == 3


def test_opener_key_of_earlier_parameters_is_asked_for_and_not_replaced(later, records, tmp_path):
    room = room_of(later, tmp_path, later.opener)
    with pytest.raises(ConfigurationError, match="earlier_opener_keys"):
        room.report(later.bundle(records, own="B D -"), enforcement=True)


def test_verdict_is_not_judged_without_the_earlier_parameters(later, document):
    with pytest.raises(SignatureError, match="if there were earlier ones"):
        judge(document, ParameterSet(later.parameters), later.registry)


def test_judge_without_the_parameters_of_records_says_what_is_missing(world, later, records, tmp_path):
    # Nothing is opened, so no joining stands in the verdict.
    document = room_of(later, tmp_path, later.opener).report(later.bundle(records, own="B D -"))
    assert not verdict_of(document).openings
    with pytest.raises(EvidenceError, match="2 of its records name public parameters"):
        judge(document, ParameterSet(later.parameters), later.registry)


def test_verdict_from_before_is_judged_with_its_parameters_as_earlier_ones(world, later, tmp_path):
    document = Room(world, tmp_path).report(world.bundle([world.record("- A D"), world.record("A D -")]))
    assert judge(document, later.known, later.registry).to_json() == (
        judge(document, world.known, world.registry).to_json()
    )


def test_verdict_by_a_key_of_other_parameters_than_it_names_is_refused(world, later, document):
    payload = verdict_of(document)
    with pytest.raises(EvidenceError, match="another key"):
        judge(payload.sign(world.keys["verdict"]).encode(), later.known, later.registry)


def test_records_that_name_later_parameters_are_not_judged_and_said_to_be_so(world, later, tmp_path):
    records = [world.record("- A D"), world.record("A D -"), later.record("- E -")]
    document = Room(world, tmp_path).report(world.bundle(records, own="A D -"))
    judgement = judge(document, later.known, later.registry)
    assert any(claim.startswith("1 records name") for claim in judgement.claimed)


def test_trace_from_before_is_disavowed_under_its_own_parameters(world, later, tmp_path):
    room = room_of(later, tmp_path, later.opener, world.opener)
    bundle = world.bundle([world.record("- A D"), world.record("A D -")], own="A D -")
    with pytest.raises(SignatureError, match="disavowal"):
        room.disavow(bundle, "A")
    room.world = world
    document = room.disavow(bundle, "A")
    assert verdict_of(document).params_hash == later.parameters.hash
    assert "disavowal-void" in {kind for kind, _, _ in findings_of(document)}
    assert judge(document, later.known, later.registry)


def test_joining_under_parameters_that_are_not_known_is_refused(world, later):
    entry = read_join_entry(world.members["A"].entry)
    check_join_entry(entry, later.known)
    with pytest.raises(SignatureError, match="if there were earlier ones"):
        check_join_entry(entry, ParameterSet(later.parameters))
