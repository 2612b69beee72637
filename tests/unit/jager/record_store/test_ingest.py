import threading
from dataclasses import replace

import pytest
from store_lab import NOW, PERIOD, STORE_ID, WEEK, body

from trunkline.crypto.group_signature import Verifier
from trunkline.errors import ConfigurationError, StorageError, UnavailableError
from trunkline.jager.messages.contribution import Contribution, RejectReason
from trunkline.jager.messages.parameter_set import ParameterSet
from trunkline.jager.record_store.acceptance import Acceptance
from trunkline.jager.record_store.ingest import MAX_WAITING_RECORDS, Ingest

FORGED = b"\xee"


class FakeVerifier:
    """Refuses records that end in a certain byte, and remembers what it was asked."""

    def __init__(self, gate=None):
        self.calls = []
        self.gate = gate
        self.asked = threading.Event()

    def verify_records(self, records, period):
        self.calls.append((len(records) // 714, period))
        self.asked.set()
        if self.gate is not None:
            assert self.gate.wait(30)
        last = records[713::714]
        return [(at, "signature") for at in range(len(last)) if last[at : at + 1] == FORGED]


@pytest.fixture
def make_ingest(lab, engine, clock):
    """Makes an ingest over a verifier; the fake one unless told otherwise."""
    started = []

    def make(verifier, *, parameters=None, engine=engine, start=False):
        ingest = Ingest(
            engine,
            Acceptance(parameters or ParameterSet(lab.parameters), STORE_ID, lab.store_key.public_key),
            lambda _: verifier,
            store_id=STORE_ID,
            key=lab.store_key,
            clock=clock,
        )
        if start:
            ingest.start()
            started.append(ingest)
        return ingest

    yield make
    for ingest in started:
        ingest.close()


def plain(lab, count, *, idx=None, period=PERIOD, parameters=None, last=b"\x00"):
    """Records without a real signature."""
    head = b"\x01\x01" + (parameters or lab.parameters).ref + period.to_bytes(4, "big")
    return [head + body(idx) + bytes(463) + last for _ in range(count)]


def accept(ingest, *groups):
    return ingest.accept([Contribution(b"".join(records)) for records in groups])


def test_several_contributions_are_verified_at_once_and_each_gets_its_own_receipt(lab, make_ingest, engine):
    verifier = FakeVerifier()
    groups = [plain(lab, 3), plain(lab, 2), plain(lab, 1)]
    receipts = accept(make_ingest(verifier), *groups)
    assert verifier.calls == [(6, PERIOD)]
    for receipt, records in zip(receipts, groups, strict=True):
        receipt.verify(lab.store_key.public_key)
        assert receipt.store_id == STORE_ID
        assert receipt.hour == int(NOW) // 3600
        stored = engine.get([key.encode() for key in receipt.keys])
        assert sorted(one.record for one in stored) == sorted(records)


def test_one_bad_among_a_thousand_is_named_and_the_others_are_stored(lab, make_ingest, engine):
    records = lab.records(1000)
    records[617] = records[617][:-1] + bytes([records[617][-1] ^ 1])
    (receipt,) = accept(make_ingest(Verifier(lab.keys.group, lab.parameters.hash)), records)
    assert [(one.record_index, one.reason) for one in receipt.rejected] == [(617, RejectReason.SIGNATURE)]
    assert len(receipt.keys) == 999
    assert None not in engine.get([key.encode() for key in receipt.keys])


def test_each_kind_of_bad_record_is_named_by_its_reason_without_harm_to_its_neighbours(lab, make_ingest):
    good = lab.records(10)
    scalar_start = 714 - 32

    def change(record, at, new):
        return record[:at] + new + record[at + len(new) :]

    bad = [
        (change(good[0], 0, b"\x02"), RejectReason.VERSION),
        (change(good[1], 1, b"\x02"), RejectReason.VERSION),
        (change(good[2], 2, b"\x00" * 8), RejectReason.PARAMS),
        (change(good[3], 10, (PERIOD + 1).to_bytes(4, "big")), RejectReason.PERIOD),
        (change(good[4], 10, (PERIOD - 1).to_bytes(4, "big")), RejectReason.PERIOD),
        (change(good[5], scalar_start, b"\xff" * 32), RejectReason.MALFORMED),
        (change(good[6], 250, b"\xc0" + bytes(47)), RejectReason.POINT),
        (change(good[7], 250, b"\x00" * 48), RejectReason.POINT),
        (change(good[8], 20, bytes([good[8][20] ^ 1])), RejectReason.SIGNATURE),
    ]
    records = [record for record, _ in bad] + [good[9]]
    (receipt,) = accept(make_ingest(Verifier(lab.keys.group, lab.parameters.hash)), records)
    assert [(one.record_index, one.reason) for one in receipt.rejected] == [
        (index, reason) for index, (_, reason) in enumerate(bad)
    ]
    assert [key.idx for key in receipt.keys] == [good[9][14:46]]


def test_flipped_bit_in_any_field_of_a_record_is_refused(lab, make_ingest, engine):
    fields = [0, 1, 2, 10, 14, 46, 142, 174, *range(250, 586, 48), *range(586, 714, 32)]
    (record,) = lab.records(1)
    # The last bit of each field, so that points stay points now and then and scalars stay below the order.
    ends = [*(start - 1 for start in fields[1:]), 713]
    flipped = [record[:end] + bytes([record[end] ^ 1]) + record[end + 1 :] for end in ends]
    (receipt,) = accept(make_ingest(Verifier(lab.keys.group, lab.parameters.hash)), [*flipped, record])
    assert [one.record_index for one in receipt.rejected] == list(range(len(fields)))
    assert len(receipt.keys) == 1
    assert engine.get(engine.keys([record[14:46]], 0, 10))[0].record == record


def test_record_signed_by_another_group_or_for_other_parameters_is_refused(lab, make_ingest):
    other = lab.make_parameters(t_max_ms=5000)
    # Signed under other parameters, but claiming these.
    (record,) = lab.records(1, parameters=other)
    claimed = record[:2] + lab.parameters.ref + record[10:]
    (receipt,) = accept(make_ingest(Verifier(lab.keys.group, lab.parameters.hash)), [record, claimed])
    assert [one.reason for one in receipt.rejected] == [RejectReason.PARAMS, RejectReason.SIGNATURE]


def test_record_submitted_again_is_acknowledged_under_its_first_key(lab, make_ingest, clock, engine):
    ingest = make_ingest(FakeVerifier())
    records = plain(lab, 3)
    (first,) = accept(ingest, records)
    clock.now += 2 * 86_400
    (again, twice) = accept(ingest, records, [records[0], records[0]])
    assert again.keys == first.keys
    assert again.hour == first.hour + 48
    # Each record handed in is acknowledged, so that a sender can count.
    assert len(twice.keys) == 2
    assert len(set(twice.keys)) == 1
    assert (
        len(engine.keys([record[14:46] for record in sorted(records, key=lambda one: one[14:46])], 0, 100))
        == 3
    )


def test_same_record_in_two_contributions_of_one_batch_is_stored_once(lab, make_ingest, engine):
    (record,) = plain(lab, 1)
    first, second = accept(make_ingest(FakeVerifier()), [record], [record])
    assert first.keys == second.keys
    assert len(engine.keys([record[14:46]], 0, 10)) == 1


def test_copy_signed_by_another_member_is_another_record_and_replaces_nothing(lab, make_ingest, engine):
    bodies = [body()]
    (mine,), (copy,) = lab.seal(bodies, member=0), lab.seal(bodies, member=1)
    ingest = make_ingest(Verifier(lab.keys.group, lab.parameters.hash))
    accept(ingest, [mine])
    accept(ingest, [copy])
    found = engine.get(engine.keys([mine[14:46]], 0, 10))
    assert sorted(one.record for one in found) == sorted([mine, copy])


def test_period_before_is_accepted_within_its_grace_only(lab, make_ingest, clock):
    ingest = make_ingest(FakeVerifier())
    clock.now = PERIOD * WEEK + 86_399.0
    (receipt,) = accept(ingest, plain(lab, 1, period=PERIOD - 1) + plain(lab, 1, period=PERIOD - 2))
    assert [(one.record_index, one.reason) for one in receipt.rejected] == [(1, RejectReason.PERIOD)]
    clock.now = PERIOD * WEEK + 86_400.0
    (receipt,) = accept(ingest, plain(lab, 1, period=PERIOD - 1))
    assert [one.reason for one in receipt.rejected] == [RejectReason.PERIOD]


def test_record_of_the_period_before_is_recognised_across_the_boundary(lab, make_ingest, clock):
    ingest = make_ingest(FakeVerifier())
    clock.now = PERIOD * WEEK - 6 * 86_400.0
    records = plain(lab, 1, period=PERIOD - 1)
    (first,) = accept(ingest, records)
    clock.now = PERIOD * WEEK + 80_000.0
    (again,) = accept(ingest, records)
    assert again.keys == first.keys


def test_parameters_are_accepted_while_they_are_valid(lab, make_ingest, clock):
    earlier = lab.make_parameters(t_max_ms=5000, not_after=int(NOW) + 10)
    verifier = FakeVerifier()
    ingest = make_ingest(verifier, parameters=ParameterSet(lab.parameters, [earlier]))
    records = plain(lab, 1) + plain(lab, 2, parameters=earlier)
    (receipt,) = accept(ingest, records)
    assert receipt.rejected == ()
    assert receipt.params_hash == lab.parameters.hash
    assert sorted(verifier.calls) == [(1, PERIOD), (2, PERIOD)]
    # A carrier that has not loaded the newest parameters yet checks its receipt under its own.
    (receipt,) = accept(ingest, plain(lab, 1, parameters=earlier))
    assert receipt.params_hash == earlier.hash
    clock.now += 10
    (receipt,) = accept(ingest, plain(lab, 1, parameters=earlier))
    assert [one.reason for one in receipt.rejected] == [RejectReason.PARAMS]
    assert receipt.params_hash == lab.parameters.hash
    clock.now = NOW - 31 * 86_400
    (receipt,) = accept(ingest, plain(lab, 1, period=lab.parameters.period_of(clock.now)))
    assert [one.reason for one in receipt.rejected] == [RejectReason.PARAMS]


def test_store_that_the_parameters_do_not_know_is_a_configuration_error(lab):
    with pytest.raises(ConfigurationError, match="do not name this record store"):
        Acceptance(ParameterSet(lab.parameters), bytes(16), lab.store_key.public_key)
    with pytest.raises(ConfigurationError, match="another key"):
        Acceptance(ParameterSet(lab.parameters), STORE_ID, lab.root.public_key)


def test_contributions_that_arrive_during_a_batch_are_verified_together(lab, make_ingest):
    gate = threading.Event()
    verifier = FakeVerifier(gate)
    ingest = make_ingest(verifier, start=True)
    first = ingest.submit(Contribution(plain(lab, 1)[0]))
    assert verifier.asked.wait(30)
    rest = [ingest.submit(Contribution(b"".join(plain(lab, 400)))) for _ in range(12)]
    gate.set()
    assert len(first.result(30).keys) == 1
    assert [len(future.result(30).keys) for future in rest] == [400] * 12
    # As many whole contributions as it takes to reach 4,096 records, then the rest.
    assert [count for count, _ in verifier.calls] == [1, 4400, 400]


def test_too_much_waiting_is_refused_and_what_waits_is_still_served(lab, make_ingest):
    gate = threading.Event()
    verifier = FakeVerifier(gate)
    ingest = make_ingest(verifier, start=True)
    futures = [ingest.submit(Contribution(plain(lab, 1)[0]))]
    assert verifier.asked.wait(30)
    big = Contribution(plain(lab, 1)[0] * 4096)
    futures += [ingest.submit(big) for _ in range(MAX_WAITING_RECORDS // 4096)]
    with pytest.raises(UnavailableError, match="too many records are waiting"):
        ingest.submit(Contribution(plain(lab, 1)[0]))
    gate.set()
    ingest.close()
    assert all(future.result(0) for future in futures)
    with pytest.raises(UnavailableError, match="waiting"):
        ingest.submit(big)


class BrokenEngine:
    """An engine whose disk is full, or which fails in a way nobody thought of."""

    def __init__(self, error):
        self.error = error

    def days_of(self, candidates, today):
        return [None] * len(candidates)

    def put_batch(self, records):
        raise self.error


@pytest.mark.parametrize("error", [StorageError("full"), ZeroDivisionError()])
def test_contribution_that_cannot_be_stored_gets_no_receipt_and_the_next_one_is_tried(
    lab, make_ingest, error
):
    ingest = make_ingest(FakeVerifier(), engine=BrokenEngine(error), start=True)
    for _ in range(2):
        with pytest.raises(StorageError, match=r"full|nothing was acknowledged"):
            ingest.submit(Contribution(plain(lab, 1)[0])).result(30)


class Panic(BaseException):
    """What the core raises when it panics is no `Exception` either."""


def test_panic_of_the_core_is_answered_and_the_store_goes_on(lab, make_ingest):
    verifier = FakeVerifier()
    verify, panics = verifier.verify_records, [True]

    def panicking(records, period):
        if panics:
            panics.pop()
            raise Panic
        return verify(records, period)

    verifier.verify_records = panicking
    ingest = make_ingest(verifier, start=True)
    with pytest.raises(StorageError, match="nothing was acknowledged"):
        ingest.submit(Contribution(plain(lab, 1)[0])).result(30)
    assert len(ingest.submit(Contribution(plain(lab, 1)[0])).result(30).keys) == 1


def test_contribution_of_bad_records_only_writes_nothing(lab, make_ingest):
    broken = BrokenEngine(StorageError("written to"))
    (receipt,) = accept(make_ingest(FakeVerifier(), engine=broken), plain(lab, 2, last=FORGED))
    assert receipt.keys == ()
    assert len(receipt.rejected) == 2
    assert replace(receipt, signature=bytes(64)) != receipt


class SlowEngine:
    """An engine whose writes wait for a gate; remembers what was looked up and what was written."""

    def __init__(self, engine):
        self.engine = engine
        self.writing = threading.Event()
        self.gate = threading.Event()

    def days_of(self, candidates, today):
        return self.engine.days_of(candidates, today)

    def put_batch(self, records):
        self.writing.set()
        assert self.gate.wait(30)
        self.engine.put_batch(records)


def test_next_batches_are_verified_while_one_is_written_but_only_so_far_ahead(lab, make_ingest, engine):
    slow, verifier = SlowEngine(engine), FakeVerifier()
    ingest = make_ingest(verifier, engine=slow, start=True)
    batch = Contribution(plain(lab, 1)[0] * 4096)
    futures = [ingest.submit(batch)]
    assert slow.writing.wait(30)
    for _ in range(2):  # one is put before the writer's door, one is kept until there is room for it
        verifier.asked.clear()
        futures.append(ingest.submit(batch))
        assert verifier.asked.wait(30)
    futures.append(ingest.submit(batch))
    assert (len(verifier.calls), ingest.waiting_records) == (3, 4096)
    slow.gate.set()
    assert all(len(future.result(30).keys) == 4096 for future in futures)
    assert len(verifier.calls) == 4


def test_record_that_is_verified_again_before_it_is_written_is_stored_once(lab, make_ingest, engine):
    slow, verifier = SlowEngine(engine), FakeVerifier()
    ingest = make_ingest(verifier, engine=slow, start=True)
    (record,) = plain(lab, 1)
    first = ingest.submit(Contribution(record))
    assert slow.writing.wait(30)
    verifier.asked.clear()
    second = ingest.submit(Contribution(record))
    assert verifier.asked.wait(30)
    slow.gate.set()
    assert first.result(30).keys == second.result(30).keys
    assert len(engine.keys([record[14:46]], 0, 10)) == 1


def test_slow_disk_puts_contributors_off_and_loses_nothing_that_it_took(lab, make_ingest, engine):
    slow = SlowEngine(engine)
    ingest = make_ingest(FakeVerifier(), engine=slow, start=True)
    futures = []

    def submit_on():
        while True:
            futures.append(ingest.submit(Contribution(plain(lab, 1)[0] * 4096)))

    with pytest.raises(UnavailableError, match="too many records are waiting"):
        submit_on()
    slow.gate.set()
    assert all(len(future.result(30).keys) == 4096 for future in futures)
    assert len(ingest.submit(Contribution(plain(lab, 1)[0])).result(30).keys) == 1
