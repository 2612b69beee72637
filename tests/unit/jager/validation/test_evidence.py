"""The checks over a trace's evidence, each with a trace that fails it."""

import tracemalloc

import pytest
from trace_world import CASE_TEXT, NOW, World, some_carrier

from trunkline.crypto.group_signature import Signer
from trunkline.errors import DecodingError, EvidenceError, InputError, SignatureError, TooLargeError
from trunkline.jager.messages.accountability import BUNDLE_LIMIT, TraceBundle
from trunkline.jager.messages.authorization import Grant
from trunkline.jager.messages.record import Record
from trunkline.jager.validation.evidence import check_window, examine, situation_of
from trunkline.jager.validation.records import Outcome
from trunkline.jager.validation.validate import validate_trace


@pytest.fixture(scope="module")
def world():
    return World()


@pytest.fixture(scope="module")
def honest(world):
    return [world.record("- A B"), world.record("A B D", 1), world.record("B D -")]


@pytest.fixture(scope="module")
def bundle(world, honest):
    return world.bundle(honest, own="B D -")


def test_honest_trace_validates_to_its_path(world, bundle):
    evidence = examine(bundle, world.known)
    report = validate_trace(situation_of(evidence, members=None))
    assert [*report.call.carriers] == [some_carrier(name) for name in "ABD"]
    assert report.call.whole
    assert evidence.store_faults == ()


def test_bundle_survives_its_encoding(bundle, tmp_path):
    path = tmp_path / "trace.json"
    path.write_bytes(bundle.encode())
    assert TraceBundle.load(path) == bundle
    assert TraceBundle.load(path).digest == bundle.digest


def test_bundle_with_an_unknown_field_is_refused(bundle):
    with pytest.raises(DecodingError, match="surplus"):
        TraceBundle.decode(bundle.encode().replace(b'"version": 1', b'"version": 1, "surplus": 2', 1))


def test_bundle_of_another_version_is_refused(bundle):
    with pytest.raises(DecodingError, match="version"):
        TraceBundle.decode(bundle.encode().replace(b'"version": 1', b'"version": 2', 1))


def test_oversized_bundle_is_refused_before_it_is_read():
    with pytest.raises(TooLargeError, match="at most"):
        TraceBundle.decode(b" " * (BUNDLE_LIMIT + 1))


def test_truncated_bundle_is_refused(bundle):
    with pytest.raises(DecodingError, match="no JSON"):
        TraceBundle.decode(bundle.encode()[:-10])


def test_trace_under_other_parameters_is_refused(world, bundle):
    other = bundle.model_copy(update={"params_hash": bytes(32)})
    with pytest.raises(EvidenceError, match="other public parameters"):
        examine(other, world.known)


def test_trace_for_another_case_is_refused(world, bundle):
    case = bundle.case.model_copy(update={"text": CASE_TEXT + "!"})
    with pytest.raises(EvidenceError, match="case"):
        examine(bundle.model_copy(update={"case": case}), world.known)


def test_trace_with_a_label_left_out_is_refused(world, bundle):
    with pytest.raises(EvidenceError, match="window"):
        examine(bundle.model_copy(update={"labels": bundle.labels[:-1]}), world.known)


def test_trace_of_another_time_is_refused(world, bundle):
    call = bundle.call.model_copy(update={"time_ms": (NOW + 1) * 1000})
    with pytest.raises(EvidenceError, match="window"):
        examine(bundle.model_copy(update={"call": call}), world.known)


def test_label_under_another_key_id_is_refused(world, bundle):
    first = bundle.labels[0].model_copy(update={"kid": bytes(16)})
    with pytest.raises(EvidenceError, match="another key"):
        examine(bundle.model_copy(update={"labels": (first, *bundle.labels[1:])}), world.known)


def test_other_label_than_the_grants_is_refused(world, bundle):
    first = bundle.labels[0].model_copy(update={"label": bytes(64)})
    with pytest.raises(EvidenceError, match="other labels"):
        examine(bundle.model_copy(update={"labels": (first, *bundle.labels[1:])}), world.known)


def test_grant_signed_by_somebody_else_is_refused(world, bundle):
    forged = Grant.decode(bundle.grant).sign(world.keys["store"]).encode()
    with pytest.raises(SignatureError, match="grant"):
        examine(bundle.model_copy(update={"grant": forged}), world.known)


def test_result_without_a_record_is_refused(world, honest, bundle):
    # The store's answer must be handed in whole: what is left out could be what exonerates.
    page = bundle.decoded_pages()[0]
    shorter = type(page)(
        **{name: getattr(page, name) for name in page.__slots__ if name != "records"},
        records=page.records[:-1],
    )
    for changed, error in ((shorter, SignatureError), (shorter.sign(world.keys["store"]), EvidenceError)):
        with pytest.raises(error, match=r"retrieval|incomplete"):
            examine(bundle.model_copy(update={"pages": (changed.encode(),)}), world.known)


def swap_witnesses(bundle, place):
    """The bundle with the witnesses of two neighbouring labels in each other's place."""
    labels = list(bundle.labels)
    first, second = labels[place : place + 2]
    labels[place] = first.model_copy(update={"signature": second.signature})
    labels[place + 1] = second.model_copy(update={"signature": first.signature})
    return bundle.model_copy(update={"labels": tuple(labels)})


def test_witness_for_another_label_is_refused(world, bundle):
    # A witness of another epoch decrypts nothing, and would make every record look malformed.
    with pytest.raises(SignatureError, match="label signature"):
        examine(swap_witnesses(bundle, 0), world.known)


def test_tracer_checks_the_witnesses_of_the_labels_that_have_records(world):
    bundle = world.bundle([world.record("- A B", 1)])
    with pytest.raises(SignatureError, match="label signature"):
        examine(swap_witnesses(bundle, len(bundle.labels) - 2), world.known, every_label=False)
    assert len(examine(swap_witnesses(bundle, 0), world.known, every_label=False).records) == 1


def test_record_with_a_broken_group_signature_is_the_stores_fault(world, honest):
    broken = Record(honest[0].data[:-1] + bytes([honest[0].data[-1] ^ 1]))
    evidence = examine(world.bundle([*honest, broken]), world.known)
    assert evidence.store_faults == (world.id_of(broken),)
    assert len(evidence.records) == 3


def test_record_of_a_period_not_in_force_is_the_stores_fault(world, honest):
    evidence = examine(world.bundle(honest, hour=NOW // 3600 + 24 * 30), world.known)
    assert len(evidence.store_faults) == 3


def test_period_of_the_hour_of_acceptance_and_of_the_grace_at_its_begin_is_in_force(world, honest):
    boundary = world.period * world.parameters.period_s
    grace_end = boundary + world.parameters.period_s + world.parameters.period_grace_s
    accepted = {
        hour: not examine(world.bundle(honest, hour=hour), world.known).store_faults
        for hour in (boundary // 3600 - 1, boundary // 3600, grace_end // 3600 - 1, grace_end // 3600)
    }
    assert list(accepted.values()) == [False, True, True, False]


class ShortPeriods(World):
    """Credential periods of ten minutes, with a grace of one."""

    def _parameters(self):
        return super()._parameters().model_copy(update={"period_s": 600, "period_grace_s": 60})


def test_every_period_of_an_hour_is_in_force_where_periods_are_shorter():
    world = ShortPeriods()
    body, secret, hour = world.body("- A -"), world.members["A"].secret, NOW // 3600
    faults = []
    for period in range(6 * hour - 2, 6 * hour + 7):
        credential = world.issuer.issue(period, secret.public_point)
        signer = Signer(world.parameters.group, world.parameters.hash, secret, credential)
        record = Record(signer.seal_batch(body))
        faults.append(bool(examine(world.bundle([record]), world.known).store_faults))
    assert faults == [True, *[False] * 7, True]


def test_tolerance_made_up_by_the_tracer_is_refused_before_its_window_is_listed(world, bundle):
    call = bundle.call.model_copy(update={"tolerance_ms": (1 << 32) - 1})
    fine = world.parameters.model_copy(update={"resolution_ms": 10})
    tracemalloc.start()
    try:
        with pytest.raises(EvidenceError, match="window"):
            check_window(bundle.model_copy(update={"call": call}), fine)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_record_that_does_not_decrypt_is_told_apart(world, honest):
    bad = world.malformed("X")
    evidence = examine(world.bundle([*honest, bad], own="B D -"), world.known)
    for malformed, outcome in ((False, Outcome.UNDECRYPTABLE), (True, Outcome.MALFORMED)):
        found = situation_of(evidence, members=None, malformed=malformed).unreadable
        assert [each.outcome for each in found] == [outcome]
    report = validate_trace(situation_of(evidence, members=None))
    assert report.unreadable == (world.id_of(bad),)
    assert report.call.whole


def test_copies_signed_by_others_are_one_record(world, honest):
    copy = world.seal(honest[0].body, "X")
    evidence = examine(world.bundle([*honest, copy], own="B D -"), world.known)
    situation = situation_of(evidence, members=None)
    assert len(situation.records) == 3
    assert max(len(record.record_ids) for record in situation.records) == 2


def test_tolerance_widens_the_window_the_bundle_must_cover(world, bundle):
    call = bundle.call.model_copy(update={"tolerance_ms": 2000})
    with pytest.raises(EvidenceError, match="window"):
        examine(bundle.model_copy(update={"call": call}), world.known)


def test_garbage_instead_of_a_page_is_refused(world, bundle):
    with pytest.raises(InputError):
        examine(bundle.model_copy(update={"pages": (b"garbage",)}), world.known)


def test_bundle_shows_neither_numbers_nor_labels_when_printed(bundle):
    text = repr(bundle)
    assert "+1555" not in text
    assert "label=" not in text
    assert "pages=" not in text
