"""Contribution: batches of one size, receipts that prove something, and nothing lost on the way."""

import secrets
from dataclasses import replace

import pytest
from carrier_miniature import SELF, STORE_ID, WEEK, Miniature

from trunkline.errors import EvidenceError, SignatureError, StorageError, UnavailableError
from trunkline.jager.carrier.config import ContributionSection
from trunkline.jager.carrier.contribution import AGAIN_AFTER_S, LONGEST_WAIT_S, ContributionSender
from trunkline.jager.carrier.outbox import Count, Outbox
from trunkline.jager.carrier.packed import split
from trunkline.jager.carrier.record_maker import LabelledFiling, RecordMaker
from trunkline.jager.messages.contribution import Rejection, RejectReason
from trunkline.jager.messages.hop import Hop
from trunkline.jager.messages.record import Record

BATCH = 4


class Room:
    """A sender with everything around it."""

    def __init__(self, miniature: Miniature, folder, **section):
        self.miniature = miniature
        self.folder = folder
        self.outbox = Outbox(folder / "outbox.sqlite")
        self.maker = RecordMaker(miniature.parameters, miniature.signer, miniature.clock)
        self.section = ContributionSection(
            **({"batch": BATCH, "delay_max_s": 100, "interval_ms": 1000} | section)
        )
        self.sender = self.make_sender()

    def make_sender(self) -> ContributionSender:
        return ContributionSender(
            self.outbox,
            self.maker,
            parameters=self.miniature.parameters,
            store_id=STORE_ID,
            section=self.section,
            send=self.miniature.store,
            clock=self.miniature.clock,
        )

    def add(self, count: int, due: float = 0.0) -> list[bytes]:
        kid = self.miniature.parameters.key_for_epoch(self.miniature.epoch).kid
        hop = Hop(None, SELF, None).encode()
        filings = [LabelledFiling(kid, secrets.token_bytes(64), b"details", hop) for _ in range(count)]
        records = self.maker.make(filings)
        self.outbox.add("source", b"state", records, [due] * count, {})
        return records

    def deliver_all(self) -> int:
        sent = 0
        while self.sender.deliver_one():
            sent += 1
        return sent

    def stored_bodies(self) -> list[bytes]:
        return [record.body for record in self.miniature.store.records.values()]


@pytest.fixture
def room(miniature, tmp_path):
    room = Room(miniature, tmp_path)
    yield room
    room.outbox.close()


def _bodies(records):
    return [Record(record).body for record in records]


def test_every_batch_has_the_same_size_and_dummies_fill_the_last(room):
    records = room.add(BATCH + 1)
    assert room.deliver_all() == 2
    assert room.miniature.store.batches == [BATCH, BATCH]
    assert set(_bodies(records)) <= set(room.stored_bodies())
    counts = room.outbox.counts()
    assert (counts[Count.ACKNOWLEDGED], counts[Count.DUMMIES]) == (BATCH + 1, BATCH - 1)
    assert room.outbox.waiting == 0


def test_remainders_leave_once_an_interval_only(room):
    room.add(1)
    assert room.deliver_all() == 1
    room.add(1)
    assert room.deliver_all() == 0
    room.miniature.now += 1
    assert room.deliver_all() == 1


def test_nothing_waiting_sends_nothing(room):
    assert room.deliver_all() == 0
    assert room.miniature.store.batches == []


def test_record_stays_until_its_own_delay_is_over(room):
    now = room.miniature.now
    delays = room.sender.delays(200)
    assert all(now <= due <= now + 100 for due in delays)
    assert len(set(delays)) > 150
    room.add(BATCH, due=now + 50)
    assert room.deliver_all() == 0
    room.miniature.now += 50
    assert room.deliver_all() == 1


@pytest.mark.parametrize("restarted", [True, False])
def test_clock_that_was_set_back_does_not_hold_records_for_years(room, restarted):
    year = 365 * 86_400
    room.miniature.now += year
    room.add(1, due=room.miniature.now + 50)
    assert not room.sender.deliver_one()
    room.miniature.now -= year
    if restarted:
        room.sender = room.make_sender()
    assert not room.sender.deliver_one()
    room.miniature.now += LONGEST_WAIT_S
    assert room.sender.deliver_one()


def test_flush_sends_at_once(room):
    room.add(1, due=room.miniature.now + 50)
    room.sender.flush()
    assert room.deliver_all() == 1


def test_store_that_is_down_is_asked_again_later_with_the_same_batch(room):
    room.add(1)
    room.miniature.store.failure = UnavailableError("down")
    with pytest.raises(UnavailableError, match="down"):
        room.sender.deliver_one()
    assert not room.sender.deliver_one()
    batch = room.outbox.next_batch(1e12, [])
    assert batch is not None
    assert batch.attempts == 1
    room.miniature.store.failure = None
    room.miniature.now += LONGEST_WAIT_S
    assert room.deliver_all() == 1
    assert set(room.stored_bodies()) == set(_bodies(split(batch.records)))


def test_batch_is_sealed_before_it_is_sent_and_sent_again_as_it_was(room, tmp_path):
    room.add(1)
    room.miniature.store.failure = RuntimeError("the process dies here")
    room.miniature.store.change_receipt = _die
    with pytest.raises(RuntimeError):
        room.sender.deliver_one()
    stored = dict(room.miniature.store.records)
    restarted = Room(room.miniature, tmp_path)
    room.miniature.store.change_receipt = lambda receipt: receipt.sign(room.miniature.keys.store)
    assert restarted.deliver_all() == 1
    assert room.miniature.store.records == stored
    assert restarted.outbox.counts()[Count.ACKNOWLEDGED] == 1


def _die(_receipt):
    raise RuntimeError("killed between storing and answering")


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda receipt, keys: receipt.sign(keys.other), SignatureError, "receipt"),
        (lambda receipt, keys: receipt, SignatureError, "receipt"),
        (
            lambda receipt, keys: replace(receipt, keys=receipt.keys[1:]).sign(keys.store),
            EvidenceError,
            "exactly",
        ),
        (lambda receipt, keys: replace(receipt, keys=()).sign(keys.store), EvidenceError, "exactly"),
        (
            lambda receipt, keys: replace(receipt, params_hash=bytes(32)).sign(keys.store),
            EvidenceError,
            "other parameters",
        ),
        (
            lambda receipt, keys: replace(receipt, store_id=bytes(16)).sign(keys.store),
            EvidenceError,
            "another record store",
        ),
        (
            lambda receipt, keys: replace(
                receipt, keys=tuple(replace(key, id=bytes(16)) for key in receipt.keys)
            ).sign(keys.store),
            EvidenceError,
            "exactly",
        ),
        (
            lambda receipt, keys: replace(receipt, rejected=(Rejection(BATCH, RejectReason.PERIOD),)).sign(
                keys.store
            ),
            EvidenceError,
            "not in the batch",
        ),
    ],
    ids=["another's key", "unsigned", "one left out", "all left out", "params", "store", "ids", "index"],
)
def test_receipt_that_proves_nothing_leaves_the_batch_in_the_outbox(room, change, error, words):
    room.add(BATCH)
    room.miniature.store.change_receipt = lambda receipt: change(receipt, room.miniature.keys)
    with pytest.raises(error, match=words):
        room.sender.deliver_one()
    assert room.outbox.waiting == BATCH
    assert room.outbox.receipts_kept() == 0


def test_past_the_period_the_same_body_is_signed_again_and_never_encrypted_again(room):
    records = room.add(BATCH - 1)
    room.miniature.now += WEEK + 700
    assert room.deliver_all() == 1
    stored = room.miniature.store.records.values()
    assert {record.period for record in stored} == {room.miniature.period}
    assert set(_bodies(records)) <= set(room.stored_bodies())


def test_grace_of_the_period_before_is_used(room):
    records = room.add(BATCH)
    room.miniature.now = (room.miniature.period + 1) * WEEK + 1
    assert room.deliver_all() == 1
    assert {record.data for record in room.miniature.store.records.values()} == set(records)


def test_record_refused_for_its_period_is_signed_again_and_waits_a_little(room):
    records = room.add(BATCH - 1)
    room.miniature.store.refuse = RejectReason.PERIOD
    assert room.deliver_all() == 1
    room.miniature.store.refuse = None
    assert room.deliver_all() == 0
    room.miniature.now += AGAIN_AFTER_S
    assert room.deliver_all() == 1
    assert set(_bodies(records)) <= set(room.stored_bodies())
    counts = room.outbox.counts()
    assert (counts[Count.SIGNED_AGAIN], counts[Count.ACKNOWLEDGED]) == (BATCH - 1, BATCH - 1)


@pytest.mark.parametrize("reason", [RejectReason.MALFORMED, RejectReason.POINT, RejectReason.SIGNATURE])
def test_record_refused_for_another_reason_is_quarantined_and_dummies_are_dropped(room, reason):
    room.add(BATCH - 1)
    room.miniature.store.refuse = reason
    assert room.deliver_all() == 1
    counts = room.outbox.counts()
    assert (counts[Count.QUARANTINED], counts[Count.ACKNOWLEDGED]) == (BATCH - 1, 0)
    assert room.outbox.waiting == 0


def test_one_bad_record_does_not_touch_its_neighbours(room):
    records = room.add(BATCH)
    flipped = records[1][:-1] + bytes([records[1][-1] ^ 1])
    batch = room.outbox.seal(
        [item.number for item in room.outbox.due(room.miniature.now, 10)],
        b"".join([records[0], flipped, *records[2:]]),
        bytes(BATCH),
        room.miniature.now,
    )
    assert batch.attempts == 0
    assert room.deliver_all() == 1
    counts = room.outbox.counts()
    assert (counts[Count.QUARANTINED], counts[Count.ACKNOWLEDGED]) == (1, BATCH - 1)


def test_full_disk_after_the_answer_loses_nothing(room, monkeypatch):
    room.add(BATCH)
    with monkeypatch.context() as patch:
        patch.setattr(Outbox, "settle", _full)
        with pytest.raises(StorageError, match="disk full"):
            room.sender.deliver_one()
    room.miniature.now += LONGEST_WAIT_S
    assert room.deliver_all() == 1
    assert len(room.miniature.store.records) == BATCH
    assert room.outbox.waiting == 0


def _full(*_arguments):
    raise StorageError("disk full")


def test_dummies_are_records_like_all_others(room):
    # Otherwise the store could drop them from its clustering at once.
    dummy = Record(room.maker.dummies(1)[0])
    assert room.maker.acceptable(dummy.data)
    assert len(dummy.data) == 714
