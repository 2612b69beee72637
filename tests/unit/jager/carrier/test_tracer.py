"""Tracing: what is asked, what is checked before it is believed, and what is found."""

import itertools
import threading
from dataclasses import replace

import pytest
from carrier_miniature import PEER, SELF, STORE_ID, Miniature

from trunkline.errors import (
    EvidenceError,
    InputError,
    PolicyError,
    ProofError,
    SignatureError,
    TrunklineError,
    UnavailableError,
)
from trunkline.jager.carrier.acquisition import Acquisition
from trunkline.jager.carrier.label_schedule import LabelInput, LabelSchedule
from trunkline.jager.carrier.record_maker import LabelledFiling, RecordMaker
from trunkline.jager.carrier.trace_query import TraceQuery
from trunkline.jager.carrier.tracer import Tracer
from trunkline.jager.messages.authorization import (
    AuthorizationRequest,
    AuthorizationResponse,
    Grant,
    case_commitment,
    idx_digest,
)
from trunkline.jager.messages.hop import Hop
from trunkline.jager.messages.parameter_set import ParameterSet
from trunkline.jager.messages.record import Record
from trunkline.jager.messages.retrieval import (
    NEW_ANSWER,
    RetrievalPage,
    RetrievalRequest,
    Served,
    StoredRecord,
    result_digest,
)
from trunkline.jager.validation.records import OwnRecord
from trunkline.service.client import JSON, Answer
from trunkline.telephony.call_details import encode_call_details
from trunkline.telephony.numbers import Party, PartyKind
from trunkline.telephony.providers import ProviderId

ALICE = Party(PartyKind.E164, "+12025550101")
BOB = Party(PartyKind.E164, "+12025550202")
THIRD = ProviderId(b"\x33" * 16)


class Authorization:
    """The authorization authority as a client sees it."""

    def __init__(self, miniature: Miniature):
        self.miniature = miniature
        self.requests = []
        self.pending = 0
        self.change_grant = lambda grant: grant
        self.change_signatures = lambda signatures: signatures
        self.failure = None

    def post(self, _path, body, media_type):
        if self.failure is not None:
            raise self.failure
        self.requests.append(body)
        return self._answer()

    def get(self, path):
        assert path == "/v1/authorizations/ab12"
        return self._answer()

    def _answer(self):
        if self.pending:
            self.pending -= 1
            return Answer(202, b'{"id": "ab12", "state": "pending"}', JSON)
        request = AuthorizationRequest.decode(self.requests[-1])
        keys = dict(
            zip(self.miniature.parameters.keys_by_kid, self.miniature.keys.authorization, strict=True)
        )
        signatures = b"".join(keys[each.kid].sign_batch(each.kid, each.label) for each in request.labels)
        now = int(self.miniature.now)
        grant = Grant(
            request.params_hash,
            request.store_id,
            b"g" * 16,
            request.requester_id,
            self.miniature.keys.carrier.public_key,
            idx_digest(label.idx for label in request.labels),
            now,
            now + 3600,
            request.case_commitment,
        )
        signed = self.change_grant(grant.sign(self.miniature.keys.grant))
        return Answer(200, AuthorizationResponse(self.change_signatures(signatures), signed).encode(), "")


class Store:
    """The record store as a tracer sees it; pages of two records."""

    def __init__(self, miniature: Miniature):
        self.miniature = miniature
        self.records: list[StoredRecord] = []
        self.requests = []
        self.change_page = lambda page: page

    def add(self, record: bytes):
        self.records.append(StoredRecord(int(self.miniature.now // 3600), Record(record)))
        self.records.sort(key=lambda stored: stored.record.idx)

    def post(self, _path, body, _media_type):
        request = RetrievalRequest.decode(body)
        self.requests.append(request)
        found = [stored for stored in self.records if stored.record.idx in request.indices]
        page = RetrievalPage(
            request.grant.params_hash,
            STORE_ID,
            b"a" * 16,
            int(self.miniature.now),
            request.grant.digest,
            result_digest(found),
            len(found),
            request.page,
            max(1, -(-len(found) // 2)),
            tuple(Served(idx, 0) for idx in request.indices),
            tuple(found[2 * request.page : 2 * request.page + 2]),
        )
        return Answer(200, self.change_page(page.sign(self.miniature.keys.store)).encode(), "")


class Members:
    def __init__(self, miniature):
        self.period = miniature.period
        self.carriers = {SELF, PEER, THIRD}
        self.failure = None

    def members(self, _claimed):
        if self.failure is not None:
            raise self.failure
        return {self.period: frozenset(self.carriers)}


class Room:
    """A tracer with a running label schedule and everything around it."""

    def __init__(self, miniature: Miniature):
        self.miniature = miniature
        self.authorization = Authorization(miniature)
        self.store = Store(miniature)
        self.members = Members(miniature)
        self.schedule = LabelSchedule(
            miniature.parameters, batch=128, interval_s=0.01, send=miniature.labels, clock=miniature.clock
        )
        self.paused = []
        acquisition = Acquisition(
            miniature.parameters,
            identity=miniature.keys.carrier,
            provider=SELF,
            store_id=STORE_ID,
            schedule=self.schedule,
            authorization=self.authorization,
            retrieval=self.store,
            clock=miniature.clock,
            pause=self.paused.append,
        )
        self.tracer = Tracer(ParameterSet(miniature.parameters), acquisition, self.members)
        self.time_ms = (miniature.epoch - 30) * 1000
        self.maker = RecordMaker(miniature.parameters, miniature.signer, miniature.clock)

    def file(self, *hops: Hop, src=ALICE, epoch_after: int = 0):
        """Store the records of one call, a second from hop to hop."""
        for number, hop in enumerate(hops):
            epoch = self.time_ms // 1000 + number + epoch_after
            details = encode_call_details(self.miniature.parameters.rules, src, BOB, epoch)
            kid = self.schedule.live_kid(epoch)
            (label,) = self.schedule.submit([LabelInput(kid, details)]).result(30)
            self.store.add(self.maker.make([LabelledFiling(kid, label, details, hop.encode())])[0])

    def query(self, **changes) -> TraceQuery:
        return replace(TraceQuery(ALICE, BOB, self.time_ms), **changes)

    def trace(self, **changes):
        return self.tracer.trace(self.query(**changes))


CALL = (Hop(None, THIRD, PEER), Hop(THIRD, PEER, SELF), Hop(PEER, SELF, None))


@pytest.fixture
def room(miniature):
    room = Room(miniature)
    stop = threading.Event()
    thread = threading.Thread(target=room.schedule.run, args=(stop,))
    thread.start()
    yield room
    stop.set()
    thread.join(30)


def _path(outcome):
    return [step.provider for step in outcome.report.call.path]


def test_trace_finds_the_whole_path_over_several_pages(room):
    room.file(*CALL)
    outcome = room.trace()
    assert _path(outcome) == [THIRD, PEER, SELF]
    assert outcome.report.call.origin.provider == THIRD
    assert outcome.members_known
    assert [request.page for request in room.store.requests] == [0, 1]
    assert [request.answer_id for request in room.store.requests] == [NEW_ANSWER, b"a" * 16]


def test_window_covers_t_max_on_both_sides_and_both_keys_at_a_boundary(room, miniature):
    room.time_ms = miniature.parameters.keys[1].epoch_from * 1000
    room.file(CALL[0], epoch_after=-10)
    room.file(CALL[2], epoch_after=10)
    room.file(CALL[1], epoch_after=11)
    outcome = room.trace()
    assert len(outcome.bundle.labels) == 21
    assert len({label.kid for label in outcome.bundle.labels}) == 2
    assert outcome.report.records == 2


def test_answer_time_and_tolerance_widen_the_window(room):
    assert len(room.trace(own_time_is_answer=True).bundle.labels) == 81
    assert len(room.trace(tolerance_ms=5000).bundle.labels) == 31


def test_nothing_found_is_a_complete_answer(room):
    outcome = room.trace()
    assert outcome.report.call is None
    assert outcome.report.records == 0


def test_call_of_another_caller_is_not_found(room):
    room.file(*CALL, src=BOB)
    assert room.trace().report.records == 0


def test_own_record_goes_into_the_bundle(room, miniature):
    room.file(*CALL)
    own = OwnRecord(CALL[2], room.time_ms // 1000 + 2)
    outcome = room.trace(own=own)
    assert outcome.bundle.own.hop == CALL[2].encode()
    assert [step.own for step in outcome.report.call.path] == [False, False, True]


def test_carrier_that_is_no_member_is_a_forgery(room):
    room.file(*CALL)
    room.members.carriers = {SELF, PEER}
    assert len(room.trace().report.forged) == 1


def test_join_log_that_is_down_does_not_stop_the_trace(room):
    room.file(*CALL)
    room.members.failure = UnavailableError("down")
    outcome = room.trace()
    assert not outcome.members_known
    assert _path(outcome) == [THIRD, PEER, SELF]


def test_commitments_hide_the_call_and_open_with_the_bundle(room):
    bundle = room.trace(case="case 7").bundle
    request = AuthorizationRequest.decode(room.authorization.requests[0])
    assert request.case_commitment == case_commitment(bundle.case.salt, "case 7")
    assert bundle.call.salt != bundle.case.salt
    for secret in (b"12025550101", b"case 7"):
        assert secret not in room.authorization.requests[0]


def test_repeated_trace_is_the_same_request_and_another_trace_is_not(room):
    # So a trace that was cut short needs no state: the authority answers the same request alike.
    room.trace()
    room.trace()
    room.trace(case="another")
    first, again, other = room.authorization.requests
    assert first == again != other


def test_trace_that_waits_for_approval_says_so_and_goes_on_when_it_comes(room):
    room.authorization.pending = 3
    with pytest.raises(PolicyError, match="ab12 waits for a person's approval"):
        room.trace()
    assert room.paused == []
    assert room.trace(approval_wait_s=60).report.records == 0
    assert room.paused == [0.5, 1.0]


def test_refusal_is_passed_on(room):
    room.authorization.failure = PolicyError("suspended")
    with pytest.raises(PolicyError, match="suspended"):
        room.trace()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"params_hash": bytes(32)}, "not for what was asked"),
        ({"store_id": bytes(16)}, "not for what was asked"),
        ({"requester_id": PEER}, "not for what was asked"),
        ({"requester_key": bytes(32)}, "not for what was asked"),
        ({"idx_digest": bytes(32)}, "not for what was asked"),
        ({"case_commitment": bytes(32)}, "not for what was asked"),
        ({"expiry": 5}, "expired"),
    ],
)
def test_grant_for_anything_else_is_refused_before_the_store_is_asked(room, changed, words):
    room.authorization.change_grant = lambda grant: replace(grant, **changed).sign(room.miniature.keys.grant)
    with pytest.raises(EvidenceError, match=words):
        room.trace()
    assert room.store.requests == []


def test_grant_by_another_key_is_refused_before_the_store_is_asked(room):
    room.authorization.change_grant = lambda grant: grant.sign(room.miniature.keys.other)
    with pytest.raises(SignatureError, match="grant"):
        room.trace()
    assert room.store.requests == []


def test_witness_for_another_label_is_refused(room):
    room.file(*CALL)
    room.authorization.change_signatures = lambda signatures: signatures[48:] + signatures[:48]
    with pytest.raises(SignatureError):
        room.trace()


def test_missing_witness_is_refused(room):
    room.authorization.change_signatures = lambda signatures: signatures[48:]
    with pytest.raises(EvidenceError, match="another number"):
        room.trace()


def test_page_signed_by_somebody_else_is_refused(room, keys):
    room.file(*CALL)
    room.store.change_page = lambda page: page.sign(keys.other)
    with pytest.raises(SignatureError):
        room.trace()


def test_result_with_a_record_left_out_is_refused(room, keys):
    room.file(*CALL)
    room.store.change_page = lambda page: replace(page, records=page.records[:1]).sign(keys.store)
    with pytest.raises(EvidenceError, match="incomplete"):
        room.trace()


def test_answer_with_too_many_pages_is_refused_at_once(room, keys):
    room.store.change_page = lambda page: replace(page, pages=5000).sign(keys.store)
    with pytest.raises(EvidenceError, match="pages"):
        room.trace()
    assert len(room.store.requests) == 1


def test_wrong_label_proof_stops_the_trace(room):
    room.miniature.labels.lies = True
    with pytest.raises(ProofError):
        room.trace()
    assert room.authorization.requests == []


def test_label_authority_that_is_down_is_told_and_the_trace_can_be_repeated(room):
    room.miniature.labels.failure = UnavailableError("down")
    with pytest.raises(UnavailableError, match="down"):
        room.trace()
    room.miniature.labels.failure = None
    assert room.trace().report.records == 0


def test_window_beyond_one_authorization_is_refused(room):
    with pytest.raises(InputError, match="lower the tolerance"):
        room.trace(tolerance_ms=3_000_000)


def test_time_without_a_label_key_is_refused(room):
    with pytest.raises(InputError, match="no label key"):
        room.trace(time_ms=(1 << 41) * 1000)


def test_odd_identifier_of_a_pending_authorization_is_refused(room):
    room.authorization.post = lambda *_: Answer(202, b'{"id": "../../x"}', JSON)
    with pytest.raises(TrunklineError, match="no usable identifier"):
        room.trace(approval_wait_s=60)


def test_traces_of_several_threads_do_not_disturb_each_other(room):
    room.file(*CALL)
    outcomes = []
    threads = [threading.Thread(target=lambda: outcomes.append(room.trace())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [_path(outcome) for outcome in outcomes] == list(itertools.repeat([THIRD, PEER, SELF], 4))
