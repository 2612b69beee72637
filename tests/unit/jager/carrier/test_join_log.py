"""The join log as a carrier sees it: read on as it grows, and never believed beyond its signed head."""

import pytest
from carrier_miniature import PEER, SELF

from trunkline.errors import DecodingError, EvidenceError, SignatureError
from trunkline.jager.carrier.join_log import JoinLog
from trunkline.jager.messages.log import ENTRIES_LIMIT, JOIN_LOG, LogEntries, LogHead
from trunkline.jager.messages.membership import IssuanceEntry
from trunkline.jager.messages.parameter_set import ParameterSet
from trunkline.service.client import JSON, Answer
from trunkline.service.merkle import MerkleTree
from trunkline.telephony.providers import ProviderId


class Log:
    """The membership authority's public log as a client sees it."""

    def __init__(self, miniature):
        self.miniature = miniature
        self.entries = []
        self.requests = []
        self.key = miniature.keys.membership
        self.change = lambda entries: entries

    def issue(self, carrier, period):
        self.entries.append(IssuanceEntry(1, carrier, period, b"S" * 48).encode())

    def get(self, path, params=None):
        self.requests.append((path, params))
        if path == "/v1/log/head":
            head = LogHead(size=len(self.entries), root=MerkleTree(self.entries).root(), time=1)
            return _json(head.sign(self.key, JOIN_LOG, self.miniature.parameters.hash))
        entries = self.change(self.entries[params["start"] : params["end"]])
        return _json(LogEntries(start=params["start"], entries=tuple(entries)))


def _json(model):
    return Answer(200, model.model_dump_json().encode(), JSON)


@pytest.fixture
def log(miniature):
    return Log(miniature)


@pytest.fixture
def join_log(miniature, log):
    return JoinLog(ParameterSet(miniature.parameters), log)


def test_members_are_those_with_a_credential_for_the_period(join_log, log):
    log.issue(SELF, 7)
    log.issue(PEER, 8)
    members = join_log.members([(7, SELF)])
    assert members == {7: frozenset({SELF}), 8: frozenset({PEER})}


def test_log_is_asked_again_only_for_somebody_unknown(join_log, log):
    log.issue(SELF, 7)
    join_log.members([(7, SELF)])
    asked = len(log.requests)
    join_log.members([(7, SELF)])
    assert len(log.requests) == asked
    log.issue(PEER, 7)
    assert PEER in join_log.members([(7, PEER)])[7]
    assert log.requests[-1] == ("/v1/log/entries", {"start": 1, "end": 2})


def test_carrier_that_is_in_no_log_stays_no_member(join_log, log):
    log.issue(SELF, 7)
    assert PEER not in join_log.members([(7, PEER)])[7]


def test_long_log_is_read_in_parts(join_log, log):
    for number in range(ENTRIES_LIMIT + 5):
        log.issue(ProviderId(number.to_bytes(16, "big")), 7)
    assert len(join_log.members([(7, SELF)])[7]) == ENTRIES_LIMIT + 5


def test_head_by_another_key_is_refused(join_log, log, keys):
    log.key = keys.other
    with pytest.raises(SignatureError):
        join_log.members([(7, SELF)])


def test_entry_that_the_head_does_not_name_is_refused(join_log, log):
    log.issue(SELF, 7)
    forged = IssuanceEntry(1, PEER, 7, b"S" * 48).encode()
    log.change = lambda _entries: [forged]
    with pytest.raises(EvidenceError, match="not those that its signed head names"):
        join_log.members([(7, PEER)])
    log.change = lambda entries: entries
    assert join_log.members([(7, SELF)]) == {7: frozenset({SELF})}


def test_log_that_became_shorter_is_refused(join_log, log):
    log.issue(SELF, 7)
    log.issue(PEER, 7)
    join_log.members([(7, SELF)])
    log.entries.pop()
    with pytest.raises(EvidenceError, match="shorter"):
        join_log.members([(8, SELF)])


def test_log_that_was_rewritten_is_refused_however_often_it_is_asked(join_log, log):
    log.issue(SELF, 7)
    join_log.members([(7, SELF)])
    log.entries.clear()
    log.issue(PEER, 7)
    log.issue(SELF, 8)
    for _ in range(2):
        with pytest.raises(EvidenceError, match="not those that its signed head names"):
            join_log.members([(8, SELF)])
    assert join_log.members([(7, SELF)]) == {7: frozenset({SELF})}


@pytest.mark.parametrize("change", [lambda _entries: [], lambda entries: [*entries, *entries]])
def test_answer_with_another_number_of_entries_is_refused(join_log, log, change):
    log.issue(SELF, 7)
    log.change = change
    with pytest.raises(EvidenceError, match="other entries"):
        join_log.members([(7, SELF)])


def test_entry_that_cannot_be_read_is_a_typed_error(join_log, log):
    log.entries.append(b"\x01\x01\x09" + bytes(8))
    with pytest.raises(DecodingError, match="kind"):
        join_log.members([(7, SELF)])
