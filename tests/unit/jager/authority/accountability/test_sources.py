"""Asking the label authority and reading the join log: every answer is checked."""

import pytest
from accountability_world import World

from trunkline.errors import EvidenceError, ProofError, SignatureError
from trunkline.jager.authority.accountability.sources import JoinLogReader, LabelEvaluator
from trunkline.jager.messages.labels import EvaluatedPart, LabelRequest, LabelResponse
from trunkline.jager.messages.log import LogEntries
from trunkline.jager.validation.judge import check_transcripts
from trunkline.service.client import JSON, Answer


@pytest.fixture(scope="module")
def world():
    return World()


class LabelAuthority:
    def __init__(self, world, *, spoil=False):
        self.world, self.spoil, self.sizes = world, spoil, []

    def post(self, _path, body, media_type):
        request = LabelRequest.decode(body)
        part = request.parts[0]
        self.sizes.append(part.count)
        elements, proof = self.world.label_key.evaluate_batch(part.elements)
        if self.spoil:
            proof = proof[:-1] + bytes([proof[-1] ^ 1])
        answer = LabelResponse((EvaluatedPart(part.kid, elements, proof),))
        return Answer(200, answer.encode(), media_type)


class Membership:
    def __init__(self, world, *, page=2):
        self.world, self.page = world, page
        self.head = world.head()
        self.entries = list(world.log)

    def get(self, path, params=None):
        if path.endswith("head"):
            return Answer(200, self.head.model_dump_json().encode(), JSON)
        start = params["start"]
        chunk = LogEntries(start=start, entries=tuple(self.entries[start : start + self.page]))
        return Answer(200, chunk.model_dump_json().encode(), JSON)


def test_labels_are_evaluated_one_by_one_with_transcripts(world):
    bundle = world.bundle([])
    authority = LabelAuthority(world)
    transcripts = LabelEvaluator(world.known, authority)(bundle)
    check_transcripts(bundle, transcripts, world.parameters)
    # A blind in a verdict must not unblind any other input.
    assert authority.sizes == [1] * len(bundle.labels)


def test_label_of_another_call_is_found(world):
    bundle = world.bundle([])
    first = bundle.labels[0].model_copy(update={"label": bytes(64)})
    changed = bundle.model_copy(update={"labels": (first, *bundle.labels[1:])})
    with pytest.raises(EvidenceError, match="not the label"):
        LabelEvaluator(world.known, LabelAuthority(world))(changed)


def test_evaluation_without_proof_is_refused(world):
    with pytest.raises(ProofError):
        LabelEvaluator(world.known, LabelAuthority(world, spoil=True))(world.bundle([]))


def test_join_log_is_read_in_pages_and_read_on(world):
    service = Membership(world)
    reader = JoinLogReader(world.known, service)
    register = reader.current()
    assert register.size == len(world.log)
    member = world.members["A"]
    assert register.owner_of(member.secret.public_point, world.registry).carrier == member.id
    assert register.owner_of(world.members["U"].secret.public_point, world.registry) is None
    assert register.credential_of(world.period, member.id) is not None
    assert register.credential_of(world.period + 1, member.id) is None
    assert reader.current().size == len(world.log)


def test_join_log_with_an_entry_changed_is_refused(world):
    service = Membership(world)
    service.entries[0] = service.entries[2]
    with pytest.raises(EvidenceError, match="not those"):
        JoinLogReader(world.known, service).current()


def test_join_log_with_a_head_by_somebody_else_is_refused(world):
    service = Membership(world)
    service.head = service.head.sign(world.keys["store"], "join-log", world.parameters.hash)
    with pytest.raises(SignatureError, match="join-log"):
        JoinLogReader(world.known, service).current()


def test_join_log_that_became_shorter_is_refused(world):
    service = Membership(world)
    reader = JoinLogReader(world.known, service)
    reader.current()
    shorter = World.head(type("Short", (), {**vars(world), "log": world.log[:-2]}))
    service.head = shorter
    with pytest.raises(EvidenceError, match="shorter"):
        reader.current()


def test_join_log_that_withholds_entries_is_refused(world):
    service = Membership(world, page=0)
    with pytest.raises(EvidenceError, match="other entries"):
        JoinLogReader(world.known, service).current()
