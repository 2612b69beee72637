"""A short run of the fuzzing entry point: good inputs are accepted, and no changed one does harm."""

from random import Random

import pytest

from .decoders import Decoders
from .mutation import mutate_plainly
from .target import Target

CHANGES = 4000


@pytest.fixture(scope="module")
def decoders(tmp_path_factory):
    return Decoders.all(tmp_path_factory.mktemp("fuzz"))


def test_targets_each_accepts_a_good_input(decoders):
    for seed in decoders.seeds():
        decoders.run(seed)
    assert not decoders.findings
    refused = {target.name for target in decoders.targets} - set(decoders.accepted)
    assert refused == set()


def test_changed_inputs_give_values_and_typed_errors(decoders):
    random = Random(1)
    inputs = list(decoders.seeds())
    for _ in range(CHANGES):
        data = decoders.mutate(random.choice(inputs), random, lambda data: mutate_plainly(data, random))
        decoders.run(data)
    assert not decoders.findings


def test_error_of_another_class_is_a_finding():
    def broken(data):
        raise KeyError("+15550100")

    decoders = Decoders([Target("broken", broken, [b""])])
    for data in (b"\x00a", b"\x00b"):
        decoders.run(data)
    (fault,) = decoders.findings
    assert fault.startswith("broken: KeyError at test_decoders.py")
    assert decoders.findings[fault] == b"\x00a"
