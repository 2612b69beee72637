"""Evidence with records under several parameters of one deployment."""

import pytest
from trace_world import NOW, World

from trunkline.errors import EvidenceError
from trunkline.jager.messages.parameter_set import ParameterSet
from trunkline.jager.validation.evidence import examine, situation_of
from trunkline.jager.validation.validate import validate_trace

HOUR = NOW // 3600


class Expiring(World):
    """Parameters that are valid to the end of this hour."""

    def _parameters(self):
        return super()._parameters().model_copy(update={"not_after": (HOUR + 1) * 3600})


@pytest.fixture(scope="module")
def world():
    return World()


@pytest.fixture(scope="module")
def later(world):
    return world.succeeded()


@pytest.fixture(scope="module")
def records(world, later):
    """One call: two carriers filed under the first parameters, one under the next."""
    return [world.record("- A B"), world.record("A B D"), later.record("B D -")]


def test_records_under_earlier_parameters_are_part_of_the_call(later, records):
    evidence = examine(later.bundle(records, own="B D -"), later.known)
    assert (evidence.store_faults, evidence.unverified) == ((), 0)
    assert len(evidence.records) == 3
    report = validate_trace(situation_of(evidence, members=None))
    assert report.call is not None
    assert len(report.call.record_ids) == 3


def test_records_under_parameters_that_are_not_known_are_nobodys_fault(later, records):
    evidence = examine(later.bundle(records), ParameterSet(later.parameters))
    assert (evidence.store_faults, evidence.unverified, len(evidence.records)) == ((), 2, 1)


def test_trace_from_before_is_judged_alike_whatever_parameters_came_later(world, later, records):
    bundle = world.bundle(records)
    then, now = examine(bundle, world.known), examine(bundle, later.known)
    assert (now.store_faults, now.unverified) == ((), 1)
    assert now.records == then.records
    assert now.parameters.hash == world.parameters.hash


def test_trace_under_later_parameters_is_not_examined_with_earlier_ones_alone(world, later, records):
    with pytest.raises(EvidenceError, match="other public parameters"):
        examine(later.bundle(records), world.known)


def test_record_signed_for_other_parameters_than_it_names_is_the_stores_fault(world, later):
    record = world.record("- A B")
    renamed = type(record)(record.data[:2] + later.parameters.ref + record.data[10:])
    evidence = examine(later.bundle([renamed, later.record("- B A")]), later.known)
    assert (len(evidence.store_faults), len(evidence.records)) == (1, 1)


def test_record_kept_when_its_parameters_had_expired_is_the_stores_fault():
    world = Expiring()
    later = world.succeeded(not_after=NOW + 86_400)
    record = world.record("- A B")
    assert not examine(later.bundle([record], hour=HOUR), later.known).store_faults
    assert len(examine(later.bundle([record], hour=HOUR + 1), later.known).store_faults) == 1


def test_record_kept_before_its_parameters_were_valid_is_the_stores_fault(world):
    later = world.succeeded(not_before=HOUR * 3600)
    record = later.record("- A B")
    assert not examine(later.bundle([record], hour=HOUR), later.known).store_faults
    assert len(examine(later.bundle([record], hour=HOUR - 1), later.known).store_faults) == 1
