"""The pipeline: every row once, whatever fails, and bad rows never take their neighbours along."""

import threading
from contextlib import contextmanager

import pytest
from carrier_miniature import PEER, SELF
from carrier_rows import expected_idx, label_of, row

from trunkline.crypto.witness_encryption import decrypt_batch
from trunkline.errors import ConfigurationError, ProofError, StorageError, UnavailableError
from trunkline.jager.carrier.hop_of import filing_of
from trunkline.jager.carrier.label_schedule import LabelSchedule
from trunkline.jager.carrier.outbox import Count, Outbox
from trunkline.jager.carrier.pipeline import QUARANTINE_FILE, Pipeline
from trunkline.jager.carrier.record_maker import RecordMaker
from trunkline.jager.messages.authorization import KeyedLabel
from trunkline.jager.messages.hop import Hop
from trunkline.jager.messages.record import Record
from trunkline.telephony.follow import read_all
from trunkline.telephony.numbers import NumberPlan
from trunkline.telephony.source import CdrSource

STOP = threading.Event()


class Room:
    def __init__(self, miniature, folder, monkeypatch=None):
        self.miniature = miniature
        self.folder = folder
        self.file = folder / "Master.csv"
        self.file.touch()
        self.source = CdrSource(
            format="asterisk-csv",
            paths=(str(self.file),),
            time_zone="UTC",
            number_plan=NumberPlan(style="e164", region="US"),
            trunks={"peer": PEER.hex},
            access={"desk": "subscribers"},
            settle_ms=0,
        )
        self.outbox = Outbox(folder / "outbox.sqlite")
        self.waiting_when_told = []
        self.schedule = LabelSchedule(
            miniature.parameters, batch=64, interval_s=0.01, send=miniature.labels, clock=miniature.clock
        )
        self.pipeline = Pipeline(
            {"one": self.source},
            provider=SELF,
            parameters=miniature.parameters,
            outbox=self.outbox,
            schedule=self.schedule,
            maker=RecordMaker(miniature.parameters, miniature.signer, miniature.clock),
            delays=lambda count: [miniature.now] * count,
            stored=self.told_stored,
            capacity=10_000,
            folder=folder,
            clock=miniature.clock,
        )

    def told_stored(self):
        self.waiting_when_told.append(self.outbox.waiting)

    def write(self, *numbers, **options):
        with self.file.open("a") as file:
            file.writelines(row(self.miniature, number, **options) for number in numbers)

    def read(self, *, finish=True):
        with self.labelling():
            self.pipeline.read(STOP, finish=finish)

    @contextmanager
    def labelling(self):
        stop = threading.Event()
        thread = threading.Thread(target=self.schedule.run, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(30)

    def records(self) -> list[Record]:
        return [Record(item.record) for item in self.outbox.due(1e12, 100_000)]

    def expected_idx(self) -> list[bytes]:
        return expected_idx(self.miniature, [self.source])


@pytest.fixture
def room(miniature, tmp_path):
    room = Room(miniature, tmp_path)
    yield room
    room.outbox.close()


def test_rows_become_records_that_their_labels_find(room):
    room.write(*range(10))
    room.read()
    assert sorted(record.idx for record in room.records()) == room.expected_idx()
    counts = room.outbox.counts()
    assert (counts[Count.ROWS], counts[Count.CALLS], counts[Count.RECORDS]) == (10, 10, 10)


def test_stored_records_are_told_of_when_they_are_in_the_outbox(room):
    room.write(1, 2, 3)
    room.read()
    assert room.waiting_when_told == [3]


def test_record_decrypts_to_the_hop_under_its_label_and_not_under_another(room):
    room.write(1, 2)
    room.read()
    key, vk_t = room.miniature.keys.authorization[1], room.miniature.parameters.keys[1].vk_t
    kid = room.miniature.parameters.keys[1].kid
    filings = []
    for batch in read_all([room.source]):
        filings += [filing_of(record, SELF, room.miniature.parameters.rules) for record in batch.records]
    labels = [label_of(room.miniature.keys.labels[1], filing.details) for filing in filings]
    by_idx = {record.idx: record for record in room.records()}
    bodies = b"".join(by_idx[KeyedLabel(kid, label).idx].body for label in labels)
    details = [filing.details for filing in filings]
    signatures = key.sign_batch(kid, b"".join(labels))
    hops = decrypt_batch(vk_t, kid, signatures, b"".join(labels), details, bodies)
    assert [Hop.decode(hop) for hop in hops] == [Hop(PEER, SELF, None)] * 2
    # A witness for another label opens nothing.
    swapped = decrypt_batch(vk_t, kid, signatures[48:] + signatures[:48], b"".join(labels), details, bodies)
    assert all(isinstance(outcome, Exception) for outcome in swapped)


def test_second_reading_finds_only_what_is_new(room, miniature, tmp_path):
    room.write(1, 2)
    room.read()
    room.read()
    room.write(3)
    restarted = Room(miniature, tmp_path)
    restarted.read()
    assert sorted(record.idx for record in restarted.records()) == restarted.expected_idx()


def test_call_for_which_no_key_is_in_use_is_quarantined_alone(room):
    room.write(1, age_s=5_000)
    room.write(2)
    room.write(3, trunk="stranger")
    # Seen from before the second key's interval, the second row lies in the future.
    room.miniature.now -= 10_000
    room.read()
    assert len(room.records()) == 1
    reasons = (room.folder / QUARANTINE_FILE).read_text()
    assert "trunk" in reasons
    assert "clock and zone" in reasons
    assert "202555" not in reasons


def test_wrong_label_proof_stores_nothing_and_reading_begins_again(room):
    room.write(*range(5))
    room.miniature.labels.lies = True
    with pytest.raises(ProofError):
        room.read()
    assert room.records() == []
    assert room.outbox.states() == {}
    room.miniature.labels.lies = False
    room.read()
    assert sorted(record.idx for record in room.records()) == room.expected_idx()


def test_full_disk_on_one_chunk_lets_no_later_one_pass(room, monkeypatch):
    # A later chunk's state would skip the rows of the chunk that was not stored.
    monkeypatch.setattr("trunkline.jager.carrier.pipeline.ROWS_A_POLL", 2)
    room.write(*range(12))
    add, calls = Outbox.add, []

    def full_once(self, *arguments):
        calls.append(1)
        if len(calls) == 2:
            raise StorageError("disk full")
        add(self, *arguments)

    monkeypatch.setattr(Outbox, "add", full_once)
    with pytest.raises(StorageError, match="disk full"):
        room.read()
    assert len(calls) == 2
    assert len(room.records()) <= 2
    room.read()
    assert sorted(record.idx for record in room.records()) == room.expected_idx()


def test_labels_that_are_down_are_waited_for(room):
    room.write(1)
    room.miniature.labels.failure = UnavailableError("down")
    stop = threading.Event()
    with room.labelling():
        thread = threading.Thread(target=room.pipeline.follow, args=(stop,))
        thread.start()
        while not room.miniature.labels.shapes:
            stop.wait(0.01)
        assert room.records() == []
        room.miniature.labels.failure = None
        while not room.records():
            stop.wait(0.01)
        stop.set()
        thread.join(30)
    assert sorted(record.idx for record in room.records()) == room.expected_idx()


def test_full_outbox_pauses_reading(room, monkeypatch):
    monkeypatch.setattr("trunkline.jager.carrier.pipeline.ROWS_A_POLL", 2)
    room.pipeline._capacity = 3
    room.write(*range(40))
    stop = threading.Event()
    with room.labelling():
        thread = threading.Thread(target=room.pipeline.read, args=(stop,), kwargs={"finish": True})
        thread.start()
        while room.outbox.waiting <= 3:
            stop.wait(0.01)
        stop.set()
        thread.join(30)
    assert room.outbox.waiting < 40


def test_source_whose_options_do_not_fit_stops_the_start(room, miniature, tmp_path):
    wrong = room.source.model_copy(update={"format": "field-map", "field_map": "no-such-map"})
    with pytest.raises(ConfigurationError):
        Pipeline(
            {"one": wrong},
            provider=SELF,
            parameters=miniature.parameters,
            outbox=room.outbox,
            schedule=room.schedule,
            maker=RecordMaker(miniature.parameters, miniature.signer, miniature.clock),
            delays=lambda count: [0.0] * count,
            stored=lambda: None,
            capacity=10_000,
            folder=tmp_path,
            clock=miniature.clock,
        )
