"""What one dishonest member can put into the store, and what becomes of it."""

import time

import pytest
from lab_shapes import chain_lab
from real_processes import inside, running_lab

from trunkline.jager.carrier.carrier import Carrier
from trunkline.jager.carrier.config import CarrierConfig
from trunkline.jager.carrier.hop_of import filing_of
from trunkline.jager.carrier.label_schedule import LabelInput
from trunkline.jager.carrier.record_maker import LabelledFiling, RecordMaker
from trunkline.jager.carrier.reports import send_report
from trunkline.jager.deployment.lab import OwnCall
from trunkline.jager.deployment.lab_run import LabRun
from trunkline.jager.deployment.load import CHAIN
from trunkline.jager.deployment.local import provider_id
from trunkline.jager.messages.accountability import TraceBundle, Verdict
from trunkline.jager.messages.contribution import CONTRIBUTION_TYPE, RECORDS_LIMIT, Contribution, Receipt
from trunkline.jager.messages.hop import Hop
from trunkline.service.config import load_config

pytestmark = pytest.mark.network

ATTACKER = "b2"
FLOOD = 10_000
FLOODED, IMPERSONATED = 0, 1
"""The calls of the lab that the attacks are about."""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with running_lab(chain_lab(tmp_path_factory.mktemp("floods") / "lab", 3)) as run:
        yield run


def call_of(run: LabRun, number: int) -> OwnCall:
    return sorted(run.answered(), key=lambda call: call.record.dst.value)[number]


def put(carrier: Carrier, call: OwnCall, run: LabRun, hop: Hop, count: int) -> None:
    """Contribute records that say something of a call, at the tracer's own second."""
    filing = filing_of(call.record, provider_id("lab", call.carrier), run.rules)
    kid = carrier.schedule.live_kid(filing.epoch)
    [label] = carrier.schedule.submit([LabelInput(kid, filing.details)]).result(60)
    maker = RecordMaker(carrier.parameters, carrier.credentials.signer, time.time)
    records = maker.make([LabelledFiling(kid, label, filing.details, hop.encode())] * count)
    acknowledged = 0
    for start in range(0, count, RECORDS_LIMIT):
        body = Contribution(b"".join(records[start : start + RECORDS_LIMIT])).encode()
        answer = carrier.services.contribution.post("/v1/contributions", body, CONTRIBUTION_TYPE)
        acknowledged += len(Receipt.decode(answer.content).keys)
    assert acknowledged == count


def test_ten_thousand_records_under_one_idx_are_paged_and_reported_and_spare_the_path(run):
    # Without pages and limits one member could make a call untraceable, or a tracer run out of memory.
    call = call_of(run, FLOODED)
    me, tracer = provider_id("lab", ATTACKER), provider_id("lab", call.carrier)
    with inside(run, ATTACKER) as carrier:
        put(carrier, call, run, Hop(previous=None, current=me, next=tracer), FLOOD)
    result = run.trace(call)
    bundle = TraceBundle.decode(result["bundle"].encode())
    assert len(bundle.pages) > FLOOD // 1000
    report = result["report"]
    assert report["records"] == FLOOD + len(CHAIN)
    [flood] = report["floods"]
    assert flood["records"] == FLOOD + len(CHAIN)
    carriers = {step["provider"] for step in report["call"]["path"]}
    assert {provider_id("lab", name).hex for name in CHAIN} <= carriers
    assert run.summary(call_of(run, 2), run.trace(call_of(run, 2))).path == CHAIN


def test_record_in_the_tracers_own_name_is_a_conflict_and_a_report_opens_the_impersonator(run):
    # The tracer knows what it filed itself; that another signed in its name must come out.
    call = call_of(run, IMPERSONATED)
    tracer = provider_id("lab", call.carrier)
    with inside(run, ATTACKER) as carrier:
        lie = Hop(previous=provider_id("lab", "b1"), current=tracer, next=None)
        put(carrier, call, run, lie, 1)
    result = run.trace(call, case="somebody speaks for us")
    assert result["report"]["call"]["conflicts"]
    config = load_config(run.deployment.carrier_config(call.carrier), CarrierConfig)
    bundle = TraceBundle.decode(result["bundle"].encode())
    verdict = Verdict.decode(send_report(config, bundle).payload)
    [found] = [one for one in verdict.findings if one.kind == "impersonation"]
    assert found.carrier == provider_id("lab", ATTACKER).value
    assert found.claimed == tracer.value
