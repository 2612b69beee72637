"""What an agent shows to those who watch it: its checks, and what is read at each scrape."""

import os
import threading

import pytest
from carrier_http import HttpDeployment
from prometheus_client.parser import text_string_to_metric_families

from trunkline.errors import QuotaError, UnavailableError
from trunkline.jager.carrier.carrier import open_carrier
from trunkline.jager.carrier.label_schedule import LabelInput
from trunkline.jager.carrier.metrics import CarrierMetrics
from trunkline.jager.carrier.watch import watch
from trunkline.service.metrics import Metrics


class Clock:
    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def clock(miniature):
    return Clock(miniature.now)


@pytest.fixture
def carrier(miniature, tmp_path, clock):
    deployment = HttpDeployment(miniature, tmp_path)
    with open_carrier(deployment.config, clock) as carrier:
        yield carrier
    deployment.close()


@pytest.fixture
def watched(carrier, clock):
    return watch(carrier, clock)


def failing(watched):
    return {name for name, good in watched.checks.results().items() if not good}


def samples(metrics):
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }


def test_agent_with_all_that_it_needs_is_ready(watched):
    assert set(watched.checks.results()) == {
        *("parameters", "disk", "label-keys", "labels", "credential", "outbox", "sources")
    }
    watched.checks.require()


def test_agent_without_a_credential_for_the_period_is_not_ready(watched, carrier, clock):
    clock.now += carrier.parameters.period_s
    assert "credential" in failing(watched)
    assert ("trunkline_carrier_credential_end_timestamp_seconds",) not in samples(carrier.metrics)


def test_credential_end_is_that_of_the_period(carrier, watched, clock):
    end = samples(carrier.metrics)["trunkline_carrier_credential_end_timestamp_seconds",]
    assert clock.now < end <= clock.now + carrier.parameters.period_s


def test_agent_with_a_full_outbox_is_not_ready(watched, carrier, clock):
    limit = carrier.config.contribution.outbox_records
    carrier.outbox.add("one", b"", [bytes(714)] * limit, [clock.now - 7.0] * limit, {})
    assert failing(watched) == {"outbox"}
    found = samples(carrier.metrics)
    assert found["trunkline_carrier_outbox_records",] == limit
    assert found["trunkline_carrier_outbox_records_limit",] == limit
    assert found["trunkline_carrier_outbox_overdue_seconds",] == pytest.approx(7.0)


def test_agent_whose_call_records_cannot_be_read_is_not_ready(watched, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, _mode: not str(path).endswith("Master.csv"))
    assert failing(watched) == {"sources"}


def test_agent_past_the_parameters_is_not_ready(watched, carrier, clock):
    clock.now = carrier.parameters.not_after
    assert "parameters" in failing(watched)


def test_agent_without_a_label_key_for_now_is_not_ready(watched, carrier, clock):
    clock.now = carrier.parameters.keys[-1].epoch_to * carrier.parameters.resolution_ms / 1000
    assert "label-keys" in failing(watched)


def test_failing_label_schedule_is_not_ready_until_it_is_answered_again(watched, carrier, monkeypatch):
    stop, failed, answered = threading.Event(), threading.Event(), threading.Event()
    send = carrier.schedule._send

    def flaky(body):
        if not failed.is_set():
            failed.set()
            raise QuotaError("until midnight")
        answered.wait(10)
        return send(body)

    monkeypatch.setattr(carrier.schedule, "_send", flaky)
    monkeypatch.setattr(carrier.schedule, "_backoff", lambda _failures: 0.0)
    thread = threading.Thread(target=carrier.schedule.run, args=(stop,))
    thread.start()
    try:
        assert failed.wait(10)
        while not (found := failing(watched)):
            pass
        assert found == {"labels"}
        answered.set()
        while failing(watched):
            pass
    finally:
        stop.set()
        thread.join()
    counted = samples(carrier.metrics)
    assert counted["trunkline_carrier_label_requests_total", "quota"] == 1
    assert counted["trunkline_carrier_label_requests_total", "ok"] >= 1
    assert counted["trunkline_carrier_label_lateness_seconds_count",] >= 2


def test_slots_are_counted_by_what_was_in_them(carrier, watched, miniature):
    schedule = carrier.schedule
    kid = schedule.live_kid(miniature.epoch)
    schedule.submit([LabelInput(kid, b"call %d" % number) for number in range(5)])
    schedule.submit([LabelInput(kid, b"traced")], trace=True)
    assert samples(carrier.metrics)["trunkline_carrier_labels_waiting",] == 6
    schedule.send_one()
    found = samples(carrier.metrics)
    used = {use: found["trunkline_carrier_label_slots_total", use] for use in ("contribution", "trace")}
    assert used == {"contribution": 5, "trace": 1}
    padding = found["trunkline_carrier_label_slots_total", "padding"]
    assert (padding + 6) % carrier.config.labels.batch == 0
    assert found["trunkline_carrier_labels_waiting",] == 0


def test_slots_of_a_request_that_failed_are_not_counted(carrier, miniature, monkeypatch):
    def away(_body):
        raise UnavailableError("away")

    monkeypatch.setattr(carrier.schedule, "_send", away)
    with pytest.raises(UnavailableError):
        carrier.schedule.send_one()
    assert samples(carrier.metrics)["trunkline_carrier_label_slots_total", "padding"] == 0


@pytest.mark.parametrize(
    ("error", "outcome"), [(None, "ok"), (QuotaError("x"), "quota"), (BrokenPipeError(), "internal")]
)
def test_trace_is_counted_by_outcome_and_timed_by_known_steps(error, outcome):
    metrics, said = Metrics(), []
    counts = CarrierMetrics(metrics)

    def trace():
        with counts.tracing(said.append) as told:
            told("labels")
            told("retrieval")
            told("something that names +15550100")
            if error is not None:
                raise error

    if error is None:
        trace()
    else:
        with pytest.raises(type(error)):
            trace()
    found = samples(metrics)
    assert found["trunkline_carrier_traces_total", outcome] == 1
    steps = {key[1] for key in found if key[0] == "trunkline_carrier_trace_seconds_count"}
    assert steps == {"labels", "retrieval"}
    assert said == ["labels", "retrieval", "something that names +15550100"]
