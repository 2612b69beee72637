"""The label schedule: one shape of request, traces first, nothing lost, nothing believed unproven."""

import threading

import pytest

from trunkline.errors import InputError, ProofError, QuotaError, UnavailableError
from trunkline.jager.carrier.label_schedule import LabelInput, LabelSchedule

BATCH = 8


@pytest.fixture
def schedule(miniature):
    return _schedule(miniature)


def _schedule(miniature, interval_s=0.01):
    return LabelSchedule(
        miniature.parameters,
        batch=BATCH,
        interval_s=interval_s,
        send=miniature.labels,
        clock=miniature.clock,
    )


def _inputs(schedule, miniature, count, start=0):
    kid = schedule.live_kid(miniature.epoch)
    return [LabelInput(kid, b"call %d" % number) for number in range(start, start + count)]


@pytest.mark.parametrize("waiting", [0, 3, BATCH, 3 * BATCH])
@pytest.mark.parametrize("trace", [True, False])
def test_request_has_the_same_shape_whatever_is_waiting(schedule, miniature, waiting, trace):
    # Otherwise the label authority could tell a trace from a quiet or a busy minute.
    schedule.submit(_inputs(schedule, miniature, waiting), trace=trace)
    for _ in range(4):
        schedule.send_one()
    assert set(miniature.labels.shapes) == {(BATCH, BATCH)}
    assert len(set(miniature.labels.sizes)) == 1


def test_labels_come_in_the_order_of_the_inputs_and_do_not_depend_on_the_batch(schedule, miniature):
    inputs = _inputs(schedule, miniature, 2 * BATCH + 1)
    first, again = schedule.submit(inputs), schedule.submit(inputs[::-1])
    for _ in range(5):
        schedule.send_one()
    assert first.result(0) == again.result(0)[::-1]
    assert len(set(first.result(0))) == len(inputs)
    assert all(len(label) == 64 for label in first.result(0))


def test_trace_goes_before_contributions_and_adds_no_request(schedule, miniature):
    contribution = schedule.submit(_inputs(schedule, miniature, BATCH))
    trace = schedule.submit(_inputs(schedule, miniature, 5, start=100), trace=True)
    schedule.send_one()
    assert trace.done()
    assert not contribution.done()
    schedule.send_one()
    assert contribution.done()
    assert len(miniature.labels.shapes) == 2


def test_each_key_has_its_own_slots(schedule, miniature):
    old, new = (schedule.live_kid(epoch) for epoch in (miniature.epoch - 5000, miniature.epoch))
    assert old != new
    inputs = [LabelInput(kid, b"the same") for kid in (old, new, old)]
    labels = schedule.submit(inputs)
    schedule.send_one()
    found = labels.result(0)
    assert found[0] == found[2] != found[1]


def test_contributions_survive_an_outage_in_their_order_and_a_trace_is_told(schedule, miniature):
    contribution = schedule.submit(_inputs(schedule, miniature, BATCH + 1))
    trace = schedule.submit(_inputs(schedule, miniature, 1, start=100), trace=True)
    miniature.labels.failure = UnavailableError("down")
    with pytest.raises(UnavailableError, match="down"):
        schedule.send_one()
    with pytest.raises(UnavailableError, match="down"):
        trace.result(0)
    miniature.labels.failure = QuotaError("used up until tomorrow")
    with pytest.raises(QuotaError):
        schedule.send_one()
    miniature.labels.failure = None
    schedule.send_one()
    schedule.send_one()
    assert len(contribution.result(0)) == BATCH + 1


def test_wrong_proof_fails_everything_in_the_request(schedule, miniature):
    contribution = schedule.submit(_inputs(schedule, miniature, 2))
    trace = schedule.submit(_inputs(schedule, miniature, 1, start=9), trace=True)
    miniature.labels.lies = True
    with pytest.raises(ProofError):
        schedule.send_one()
    for future in (contribution, trace):
        with pytest.raises(ProofError):
            future.result(0)


def test_quiet_request_with_a_wrong_proof_matters_to_nobody(schedule, miniature):
    miniature.labels.lies = True
    schedule.send_one()


def test_call_of_a_time_without_a_key_in_use_is_refused(schedule, miniature):
    with pytest.raises(InputError, match="no label key"):
        schedule.live_kid(1 << 41)


def test_key_is_not_in_use_long_before_its_interval(keys, miniature):
    schedule = _schedule(miniature)
    epoch = miniature.epoch
    miniature.now -= 10_000
    with pytest.raises(InputError, match="clock and zone"):
        schedule.live_kid(epoch)
    schedule.send_one()
    assert miniature.labels.shapes == [(BATCH,)]


def test_no_inputs_are_done_at_once(schedule):
    assert schedule.submit([]).result(0) == []


def test_run_sends_until_stopped_and_tells_who_still_waits(miniature):
    schedule = _schedule(miniature)
    stop = threading.Event()
    first = schedule.submit(_inputs(schedule, miniature, 1))
    thread = threading.Thread(target=schedule.run, args=(stop,))
    thread.start()
    first.result(30)
    miniature.labels.failure = UnavailableError("down")
    waiting = schedule.submit(_inputs(schedule, miniature, 1))
    stop.set()
    thread.join(30)
    with pytest.raises(UnavailableError):
        waiting.result(0)
