"""Current and earlier parameters: what belongs together, and what was known when."""

import pytest

from trunkline.errors import ConfigurationError, EvidenceError, InputError, SignatureError
from trunkline.jager.messages.parameter_set import EARLIER_LIMIT, ParameterSet
from trunkline.jager.messages.parameters import SignedParameters, make_parameters, root_fingerprint
from trunkline.service.keys import IdentityKey

NOW = 1_760_000_000


@pytest.fixture
def make(fields):
    """Parameters that began so many seconds ago."""
    return lambda age=1000, **changes: make_parameters(**(fields | {"not_before": NOW - age} | changes))


def test_set_gives_parameters_by_hash_and_reference_the_newest_first(make):
    newest, middle, oldest = make(1), make(2), make(3)
    known = ParameterSet(newest, [oldest, middle])
    assert list(known) == [newest, middle, oldest]
    assert known.current is newest
    assert known.by_hash(middle.hash) is middle
    assert known.by_ref(oldest.ref) is oldest
    assert known.by_hash(bytes(32)) is None
    assert known.by_ref(bytes(8)) is None


def test_set_up_to_earlier_parameters_knows_no_later_ones(make):
    newest, middle, oldest = make(1), make(2), make(3)
    then = ParameterSet(newest, [middle, oldest]).up_to(middle.hash, "the trace")
    assert list(then) == [middle, oldest]
    with pytest.raises(EvidenceError, match="the trace was made under other public parameters"):
        then.up_to(newest.hash, "the trace")


def test_earlier_parameters_of_another_deployment_are_refused(make):
    with pytest.raises(ConfigurationError, match="different deployments"):
        ParameterSet(make(1), [make(2, deployment="elsewhere")])


def test_earlier_parameters_that_are_newer_are_refused(make):
    with pytest.raises(ConfigurationError, match="newer than the current"):
        ParameterSet(make(2), [make(1)])


def test_parameters_named_twice_are_refused(make):
    with pytest.raises(ConfigurationError, match="twice"):
        ParameterSet(make(1), [make(2), make(2)])


def test_too_many_earlier_parameters_are_refused(make):
    earlier = [make(2 + number) for number in range(EARLIER_LIMIT + 1)]
    assert len(list(ParameterSet(make(1), earlier[1:]))) == EARLIER_LIMIT + 1
    with pytest.raises(ConfigurationError, match="at most"):
        ParameterSet(make(1), earlier)


@pytest.fixture
def write(tmp_path, keys):
    def write(name, parameters, root=keys.root):
        path = tmp_path / name
        path.write_bytes(SignedParameters.sign(parameters.payload, root).encode())
        return path

    return write


def test_loaded_earlier_parameters_may_have_expired_the_current_ones_not(make, write, keys):
    expired = make(2, not_after=NOW - 1)
    current, earlier = write("1", make(1)), write("0", expired)
    fingerprint = root_fingerprint(keys.root.public_key)
    assert [one.hash for one in ParameterSet.load(current, [earlier], fingerprint, now=NOW)][
        1
    ] == expired.hash
    with pytest.raises(InputError, match="expired"):
        ParameterSet.load(earlier, [], fingerprint, now=NOW)


def test_loaded_earlier_parameters_of_another_root_are_refused(make, write, keys):
    current, earlier = write("1", make(1)), write("0", make(2), IdentityKey(b"\x0f" * 32))
    with pytest.raises(SignatureError, match="another root key"):
        ParameterSet.load(current, [earlier], root_fingerprint(keys.root.public_key), now=NOW)
