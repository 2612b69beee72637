"""The judge: every part of a verdict is checked, whoever signed it."""

import json
from base64 import b64decode, b64encode

import pytest
from accountability_world import Room, World, some_carrier, verdict_of

from trunkline.errors import CryptoError, EvidenceError, InputError, SignatureError, TrunklineError
from trunkline.jager.messages.accountability import decode_verdict_document
from trunkline.jager.messages.signed_document import SignedDocument
from trunkline.jager.validation.judge import judge


@pytest.fixture(scope="module")
def world():
    return World()


@pytest.fixture(scope="module")
def document(world, tmp_path_factory):
    room = Room(world, tmp_path_factory.mktemp("room"))
    records = [
        world.record("- A B"),
        world.record("A B C"),
        world.record("X C D", signer="C"),
        world.record("C D -"),
        world.malformed("X"),
    ]
    return room.report(world.bundle(records, own="C D -"))


@pytest.fixture(scope="module")
def disavowed(world, tmp_path_factory):
    room = Room(world, tmp_path_factory.mktemp("other"))
    records = [world.record("X A B", signer="A"), world.record("A B D"), world.record("B D -")]
    return room.disavow(world.bundle(records, own="B D -"), "X")


def rewritten(world, document, change):
    """The verdict with a change in its payload, signed again: an authority that cheats."""
    payload = json.loads(decode_verdict_document(document).payload)
    change(payload)
    return SignedDocument.sign(json.dumps(payload).encode(), world.keys["verdict"], "verdict").encode()


def judged(world, document):
    return judge(document, world.known, world.registry)


def test_verdict_passes_and_tells_proof_from_claim(world, document):
    judgement = judged(world, document)
    assert judgement.proven
    assert any("word of its signer" in claim for claim in judgement.claimed)
    found = judgement.to_json()
    assert found["valid"] is True
    assert len(found["openings"]) == 3
    json.dumps(found)


def test_judgement_shows_no_party_of_the_call(world, document):
    text = json.dumps(judged(world, document).to_json())
    assert "+1555" not in text


def binary_fields(value, path=()):
    """Every string of the payload that is hex or base64 of at least 16 bytes."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from binary_fields(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from binary_fields(inner, (*path, index))
    elif isinstance(value, str) and len(value) >= 24:
        yield path


def flip(text, position):
    """Flip a bit of one byte of hex or base64."""
    try:
        data, encode = bytearray(bytes.fromhex(text)), bytes.hex
    except ValueError:
        data, encode = bytearray(b64decode(text)), lambda raw: b64encode(raw).decode()
    data[position % len(data)] ^= 1
    return encode(bytes(data))


def flip_at(payload, path, position):
    holder = payload
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = flip(holder[path[-1]], position)


# The head of the log of openings is the authority's own bookkeeping, which no judge can know. The salt of the
# details commitment is referred to by a disavowal's statement alone, and tested there. Which record is its
# own is the tracer's word.
FREE = {("openings_log",), ("bundle", "call", "salt"), ("bundle", "own", "hop")}


@pytest.mark.parametrize("position", [0, 1, -1, 17])
def test_one_flipped_byte_in_any_binary_field_fails(world, document, position):
    payload = json.loads(decode_verdict_document(document).payload)
    paths = [path for path in binary_fields(payload) if path not in FREE]
    assert len(paths) > 30
    passed = [path for path in paths if passes_flipped(world, document, path, position)]
    assert passed == []


def passes_flipped(world, document, path, position):
    try:
        judged(world, rewritten(world, document, lambda found: flip_at(found, path, position)))
    except TrunklineError:
        return False
    return True


def test_one_flipped_byte_in_a_disavowal_fails(world, disavowed):
    judged(world, disavowed)
    for path in (
        ("bundle", "call", "salt"),
        ("statement", "signature"),
        ("statement", "carrier"),
        ("statement", "details_commitment"),
        ("statement", "case_commitment"),
    ):
        changed = rewritten(world, disavowed, lambda found, path=path: flip_at(found, path, 0))
        with pytest.raises(TrunklineError):
            judged(world, changed)


@pytest.mark.parametrize("part", ["payload", "signature"])
def test_one_flipped_byte_of_the_envelope_fails(world, document, part):
    envelope = json.loads(document)
    envelope[part] = flip(envelope[part], 40)
    with pytest.raises(SignatureError, match="verdict"):
        judged(world, json.dumps(envelope).encode())


def test_verdict_signed_by_another_key_is_refused(world, document):
    payload = decode_verdict_document(document).payload
    forged = SignedDocument.sign(payload, world.keys["store"], "verdict").encode()
    with pytest.raises(EvidenceError, match="another key"):
        judged(world, forged)


def test_document_signed_as_something_else_is_no_verdict(world, document):
    payload = decode_verdict_document(document).payload
    forged = SignedDocument.sign(payload, world.keys["verdict"], "registry").encode()
    with pytest.raises(SignatureError, match="verdict"):
        judged(world, forged)


def test_verdict_under_other_parameters_is_refused(world, document):
    with pytest.raises(TrunklineError):
        judge(document, World(names="ABCDEX").known, world.registry)


def reopened(world, document, *, case=None, message=None, carrier=None):
    """The first opening proven for something else, and put in its place."""

    def change(payload):
        verdict = verdict_of(document)
        evidence_records = [
            stored.record for page in verdict.bundle.decoded_pages() for stored in page.records
        ]
        first = verdict.openings[0]
        record = next(r for r in evidence_records if world.id_of(r) == first.record_id)
        parameters = world.parameters
        opening = world.opener.prove(
            record.signature,
            params_hash=parameters.hash,
            gpk_id=parameters.gpk_id,
            case=case or verdict.bundle.decoded_grant().case_commitment,
            carrier_id=carrier or first.signer,
            message=message or record.message(parameters.hash, parameters.gpk_id),
        )
        payload["openings"][0]["opening"] = b64encode(opening).decode()

    return rewritten(world, document, change)


def test_opening_proven_again_for_the_same_thing_passes(world, document):
    judged(world, reopened(world, document))


@pytest.mark.parametrize(
    "other",
    [{"case": b"\x01" * 32}, {"message": bytes(289)}, {"carrier": b"E".ljust(16, b".")}],
    ids=["case", "message", "carrier"],
)
def test_opening_for_another_case_message_or_carrier_fails(world, document, other):
    with pytest.raises(CryptoError):
        judged(world, reopened(world, document, **other))


def test_opening_left_out_fails(world, document):
    def change(payload):
        payload["openings"].pop()

    with pytest.raises(EvidenceError):
        judged(world, rewritten(world, document, change))


def test_opening_for_another_reason_fails(world, document):
    def change(payload):
        payload["openings"][0]["reason"] = "flood"

    with pytest.raises(EvidenceError, match="other reasons"):
        judged(world, rewritten(world, document, change))


def test_record_that_the_rules_keep_closed_must_not_be_opened(world, document):
    def change(payload):
        verdict = verdict_of(document)
        opened = {each.record_id for each in verdict.openings}
        parameters = world.parameters
        records = [stored.record for page in verdict.bundle.decoded_pages() for stored in page.records]
        # The record of A, which contradicts nothing.
        a_point = world.members["A"].secret.public_point
        closed = next(
            r
            for r in records
            if world.id_of(r) not in opened and world.opener.open_batch(r.signature) == a_point
        )
        opening = world.opener.prove(
            closed.signature,
            params_hash=parameters.hash,
            gpk_id=parameters.gpk_id,
            case=verdict.bundle.decoded_grant().case_commitment,
            carrier_id=some_carrier("A").value,
            message=closed.message(parameters.hash, parameters.gpk_id),
        )
        payload["openings"].append(
            {
                "record_id": world.id_of(closed).hex(),
                "reason": "contradicting",
                "opening": b64encode(opening).decode(),
                "signer": some_carrier("A").value.hex(),
            }
        )
        index = world.log.index(world.members["A"].entry)
        from trunkline.service.merkle import MerkleTree

        path = MerkleTree(world.log).inclusion_proof(index)
        payload["signers"].append(
            {
                "carrier": some_carrier("A").value.hex(),
                "entry": b64encode(world.members["A"].entry).decode(),
                "index": index,
                "path": [each.hex() for each in path],
            }
        )

    with pytest.raises(EvidenceError, match="opens other records"):
        judged(world, rewritten(world, document, change))


def test_opening_blamed_on_nobody_fails(world, document):
    def change(payload):
        payload["openings"][0]["signer"] = None

    with pytest.raises(TrunklineError):
        judged(world, rewritten(world, document, change))


def test_finding_left_out_fails(world, document):
    def change(payload):
        payload["findings"].pop()

    with pytest.raises(EvidenceError, match="findings"):
        judged(world, rewritten(world, document, change))


def test_finding_of_another_kind_fails(world, document):
    def change(payload):
        payload["findings"][0]["kind"] = "impersonation"

    with pytest.raises(EvidenceError, match="findings"):
        judged(world, rewritten(world, document, change))


def test_transcript_left_out_fails(world, document):
    def change(payload):
        payload["transcripts"].pop()

    with pytest.raises(EvidenceError, match="one transcript"):
        judged(world, rewritten(world, document, change))


def test_join_log_of_another_authority_fails(world, document):
    def change(payload):
        payload["log_head"]["root"] = bytes(32).hex()

    with pytest.raises(SignatureError, match="join-log"):
        judged(world, rewritten(world, document, change))


def test_member_whose_key_is_not_the_registrys_fails(world, document):
    providers = [
        provider.model_copy(update={"key": world.keys["store"].public_key})
        if provider.name == "C"
        else provider
        for provider in world.registry.providers
    ]
    registry = world.registry.model_copy(update={"providers": tuple(providers)})
    registry.__dict__.pop("_providers", None)
    with pytest.raises(EvidenceError, match="another identity key"):
        judge(document, world.known, registry)


def test_disavowal_that_answers_a_stranger_fails(world, disavowed):
    for name, stranger in (("D", False), ("X", False), ("E", True)):
        requester = some_carrier(name).value.hex()
        changed = rewritten(world, disavowed, lambda found, value=requester: found.update(requester=value))
        if not stranger:
            judged(world, changed)
            continue
        with pytest.raises(EvidenceError, match="somebody else"):
            judged(world, changed)


def test_report_that_answers_a_stranger_fails(world, document):
    requester = some_carrier("X").value.hex()
    with pytest.raises(EvidenceError, match="somebody else"):
        judged(world, rewritten(world, document, lambda found: found.update(requester=requester)))


def test_garbage_is_no_verdict(world):
    with pytest.raises(InputError, match="verdict"):
        judged(world, b"garbage")
