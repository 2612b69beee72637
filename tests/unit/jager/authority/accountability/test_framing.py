"""What all authorities together, and an accomplice, cannot make a judge believe of an innocent carrier.

They hold every key but the carrier's two: its identity key and its member secret.
"""

import hashlib
from base64 import b64encode

import pytest
from accountability_world import NOW, Room, World, verdict_of
from test_judge import rewritten

from second_implementation import group_signature as other
from second_implementation.bls12_381 import ORDER, encode, multiply, scalar_bytes
from trunkline.errors import EvidenceError, PointError, ProofError, SignatureError
from trunkline.jager.authority.accountability import opening
from trunkline.jager.messages.accountability import PartyField
from trunkline.jager.messages.membership import JoinEntry, JoinRequest
from trunkline.jager.messages.record import Record
from trunkline.jager.validation import join_register
from trunkline.jager.validation.judge import judge
from trunkline.service.merkle import MerkleTree
from trunkline.telephony.numbers import Party, PartyKind

NONCE = hashlib.sha256(b"framing").digest()


@pytest.fixture
def world():
    return World()


def joining(world, *, of="E", key_of="E", signed_by="E", holder="U", params_hash=None, s_point=None):
    """A joining of one carrier, with whatever keys and secret."""
    carrier, secret = world.members[of], world.members[holder].secret
    identity_key = world.members[key_of].identity.public_key
    params_hash = params_hash or world.parameters.hash
    proof = secret.join_proof(params_hash, NONCE, carrier.id.value, identity_key)
    request = JoinRequest(NONCE, carrier.id, identity_key, s_point or secret.public_point, proof)
    return JoinEntry(NOW, request.sign(world.members[signed_by].identity, params_hash)).encode()


def framed(world, entry, directory, monkeypatch):
    """A verdict by authorities that look away: the accomplice's malformed record, opened to the entry."""
    world.log.append(entry)
    bundle = world.bundle([world.record("- A D"), world.record("A D -"), world.malformed("U")], own="A D -")
    with monkeypatch.context() as look_away:
        look_away.setattr(join_register, "check_join_entry", lambda *_arguments: None)
        look_away.setattr(opening, "joined_by", lambda *_arguments: True)
        return Room(world, directory).report(bundle)


def judged(world, document):
    return judge(document, world.known, world.registry)


def test_joining_that_the_carrier_signed_is_believed(world, tmp_path, monkeypatch):
    # The others differ from this one in a single thing each.
    document = framed(world, joining(world), tmp_path, monkeypatch)
    found = [(each.kind, each.carrier) for each in judged(world, document).findings]
    assert found == [("malformed", world.members["E"].id.value)]


def test_joining_that_the_carrier_did_not_sign_frames_nobody(world, tmp_path, monkeypatch):
    document = framed(world, joining(world, signed_by="U"), tmp_path, monkeypatch)
    with pytest.raises(SignatureError, match="not signed by its carrier"):
        judged(world, document)


def test_joining_under_a_key_that_is_not_the_carriers_frames_nobody(world, tmp_path, monkeypatch):
    document = framed(world, joining(world, key_of="U", signed_by="U"), tmp_path, monkeypatch)
    with pytest.raises(EvidenceError, match="another identity key than the registry"):
        judged(world, document)


def test_joining_signed_for_other_parameters_frames_nobody(world, tmp_path, monkeypatch):
    document = framed(world, joining(world, params_hash=bytes(32)), tmp_path, monkeypatch)
    with pytest.raises(SignatureError, match="not signed by its carrier"):
        judged(world, document)


def test_joining_with_a_point_that_the_carrier_cannot_prove_frames_nobody(world, tmp_path, monkeypatch):
    # The carrier's real proof, for its own secret, beside the accomplice's point.
    s_point = world.members["U"].secret.public_point
    entry = joining(world, holder="E", s_point=s_point)
    with pytest.raises(ProofError, match="join proof"):
        judged(world, framed(world, entry, tmp_path, monkeypatch))


def test_joining_that_is_not_in_the_signed_log_frames_nobody(world, tmp_path, monkeypatch):
    document = framed(world, joining(world), tmp_path, monkeypatch)
    world.log.pop()
    head = world.head()
    changed = rewritten(
        world, document, lambda payload: payload.update(log_head=head.model_dump(mode="json"))
    )
    with pytest.raises(EvidenceError, match="not in the join log"):
        judged(world, changed)


@pytest.mark.parametrize(
    ("own_joining", "words"), [(False, "another carrier's"), (True, "leads to another member")]
)
def test_accomplices_record_under_the_carriers_name_frames_nobody(world, tmp_path, own_joining, words):
    # Everything that names the accomplice, itself a member, is made to name another; beside the accomplice's
    # joining or the innocent carrier's own.
    record, innocent = world.malformed("C"), world.members["E"]
    document = Room(world, tmp_path).report(world.bundle([record, world.record("- D -")], own="- D -"))
    grant = verdict_of(document).bundle.decoded_grant()
    opening = world.opener.prove(
        record.signature,
        params_hash=world.parameters.hash,
        gpk_id=world.parameters.gpk_id,
        case=grant.case_commitment,
        carrier_id=innocent.id.value,
        message=record.message(world.parameters.hash, world.parameters.gpk_id),
    )

    def rename(payload):
        payload["signers"][0]["carrier"] = innocent.id.hex
        if own_joining:
            payload["signers"][0] = listed(world, innocent)
        payload["openings"][0] |= {"signer": innocent.id.hex, "opening": b64encode(opening).decode()}
        payload["findings"][0]["carrier"] = innocent.id.hex

    judged(world, document)
    with pytest.raises(EvidenceError, match=words):
        judged(world, rewritten(world, document, rename))


def listed(world, member):
    """A member as a verdict lists signers: its joining, with the audit path."""
    index = world.log.index(member.entry)
    return {
        "carrier": member.id.hex,
        "entry": b64encode(member.entry).decode(),
        "index": index,
        "path": [node.hex() for node in MerkleTree(world.log).inclusion_proof(index)],
    }


def test_member_listed_among_the_signers_of_nothing_is_refused(world, tmp_path):
    document = Room(world, tmp_path).report(world.bundle([world.malformed("C"), world.record("- D -")]))
    entry = listed(world, world.members["E"])
    changed = rewritten(world, document, lambda payload: payload["signers"].append(entry))
    with pytest.raises(EvidenceError, match="not exactly those of its openings"):
        judged(world, changed)


def test_credential_of_another_carrier_makes_nobody_a_member(world, tmp_path):
    document = Room(world, tmp_path).report(world.bundle([world.record("- A D"), world.record("A D -")]))

    def swap(payload):
        first, second = payload["named"]
        for field in ("entry", "index", "path"):
            first[field] = second[field]

    with pytest.raises(EvidenceError, match="credential's join log entry is another carrier's"):
        judged(world, rewritten(world, document, swap))


@pytest.mark.parametrize("change", [lambda named: named.pop(), lambda named: named.append(named[0])])
def test_verdict_that_is_silent_about_a_named_carrier_is_refused(world, tmp_path, change):
    document = Room(world, tmp_path).report(world.bundle([world.record("- A D"), world.record("A D -")]))
    with pytest.raises(EvidenceError, match="whether it is a member"):
        judged(world, rewritten(world, document, lambda payload: change(payload["named"])))


def test_labels_of_another_call_make_no_honest_record_malformed(world, tmp_path, monkeypatch):
    bundle = world.bundle([world.record("- A D"), world.record("A D -")])
    other = Party(PartyKind.E164, "+15550198")
    call = bundle.call.model_copy(update={"dst": PartyField.of(other)})
    # The transcripts are right for the call that is stated, but its labels are not the bundle's.
    monkeypatch.setattr("trace_world.DST", other)
    document = Room(world, tmp_path).report(bundle.model_copy(update={"call": call}))
    assert {each.reason for each in verdict_of(document).openings} == {"malformed"}
    with pytest.raises(EvidenceError, match="not the label of its call's details"):
        judged(world, document)


def test_opening_that_stands_twice_is_refused(world, tmp_path):
    document = Room(world, tmp_path).report(world.bundle([world.malformed("C"), world.record("- D -")]))
    twice = rewritten(world, document, lambda payload: payload["openings"].append(payload["openings"][0]))
    with pytest.raises(EvidenceError, match="or one twice"):
        judged(world, twice)


IDENTITY_POINT = b"\xc0" + bytes(47)


@pytest.mark.parametrize(
    "changes",
    [{"signed_by": "U"}, {"holder": "E", "s_point": "U"}, {"s_point": "O"}, {"params_hash": bytes(32)}],
    ids=["signature", "proof", "S = O", "parameters"],
)
def test_joining_that_is_none_is_as_if_it_were_not_logged(world, tmp_path, changes):
    # A corrupt issuer logs it: neither does it make a member, nor does it keep the others from being used.
    points = {"U": world.members["U"].secret.public_point, "O": IDENTITY_POINT}
    changes = {**changes, "s_point": points.get(changes.get("s_point"))}
    world.log.append(joining(world, **changes))
    register = Room(world, tmp_path).accountability.join_log.current()
    assert register.owner_of(changes["s_point"] or points["U"], world.registry) is None
    bundle = world.bundle(
        [world.record("- A D"), world.record("A D -"), world.malformed("U"), world.malformed("B")]
    )
    document = Room(world, tmp_path).report(bundle)
    found = {(each.kind, each.carrier) for each in judged(world, document).findings}
    assert found == {("unlogged-signer", None), ("malformed", world.members["B"].id.value)}


def test_joining_that_verifies_counts_although_one_that_does_not_stands_before_it(world, tmp_path):
    world.log[:0] = [joining(world, holder="C", signed_by="U", of="E", key_of="E")]
    document = Room(world, tmp_path).report(world.bundle([world.malformed("C"), world.record("- D -")]))
    assert [each.carrier for each in judged(world, document).findings] == [world.members["C"].id.value]


def malformed_without_secret(world):
    """A malformed record that an accomplice signed with s = 0, on a credential that the issuer's key made."""
    parameters, body = world.parameters, world.malformed("U")
    group = other.Group(parameters.group_keys.w, parameters.group_keys.y, parameters.hash)
    e, gamma = 19, int.from_bytes(world.issuer.secret_bytes(), "big")
    a = multiply(other.period_base(world.period), pow(gamma + e, -1, ORDER))
    credential = world.period.to_bytes(4, "big") + encode(a) + scalar_bytes(e)
    message = body.message(parameters.hash, parameters.gpk_id)
    random = other.SigningRandomness(3, 5, 7, 11, 13, 17)
    return Record(body.data[:-464] + other.sign(group, 0, credential, message, random))


def test_signer_without_a_secret_is_found_and_no_other_finding_is_lost(world, tmp_path):
    records = [malformed_without_secret(world), world.malformed("C"), world.record("- D -")]
    document = Room(world, tmp_path).report(world.bundle(records))
    found = {(each.kind, each.carrier) for each in judged(world, document).findings}
    assert found == {("unlogged-signer", None), ("malformed", world.members["C"].id.value)}


def test_signer_without_a_secret_is_nobody_even_if_a_joining_is_logged(world, tmp_path, monkeypatch):
    # With s = 0 the join proof of anybody would verify; that S = O is refused protects the carrier named.
    world.log.append(joining(world, s_point=IDENTITY_POINT))
    bundle = world.bundle([malformed_without_secret(world), world.record("- D -")])
    document = Room(world, tmp_path).report(bundle)
    assert [each.kind for each in judged(world, document).findings] == ["unlogged-signer"]
    with monkeypatch.context() as look_away:
        look_away.setattr(join_register, "check_join_entry", lambda *_arguments: None)
        directory = tmp_path / "corrupt"
        directory.mkdir()
        document = Room(world, directory).report(bundle)
    with pytest.raises(PointError, match="identity"):
        judged(world, document)
