"""What the root signs when parameters succeed others."""

import pytest

from trunkline.errors import ConfigurationError
from trunkline.jager.deployment.ceremony import DAY_S, Terms, parameters_payload
from trunkline.jager.deployment.key_material import make_keys
from trunkline.jager.deployment.succession import succeeding_payload
from trunkline.jager.messages.parameters import PublicParameters
from trunkline.telephony.call_details import LabelProfile, LabelRules

NOW = 1_760_000_000
ROLES = ("labels", "membership", "authorization", "accountability", "record-store", "registry")
TERMS = Terms("test", epoch_days=10)
STORE = {"id": "57" * 16}


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    made = {role: make_keys(role, folder / role) for role in ROLES}
    made["record-store"] |= STORE
    return made


@pytest.fixture(scope="module")
def previous(halves):
    return PublicParameters.decode(parameters_payload(TERMS, list(halves.values()), NOW))


@pytest.fixture(scope="module")
def renewed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("new")
    return {role: make_keys(role, folder / role) for role in ROLES}


def succeed(previous, *halves, terms=TERMS, after=DAY_S, switch=None):
    payload = succeeding_payload(terms, halves, previous, switch_at=switch, now=NOW + after)
    return PublicParameters.decode(payload)


def test_new_label_keys_begin_where_the_old_ones_end_at_the_switch(previous, renewed):
    switch = NOW + 3 * DAY_S
    after = succeed(previous, renewed["labels"], renewed["authorization"], switch=switch)
    old, new = after.keys
    assert (old.kid, old.epoch_from, old.epoch_to) == (
        previous.keys[0].kid,
        previous.keys[0].epoch_from,
        switch,
    )
    assert (new.epoch_from, new.epoch_to) == (switch, switch + 10 * DAY_S)
    assert new.oprf.hex() == renewed["labels"]["oprf"]
    assert after.key_for_epoch(switch - 1).kid == old.kid
    assert after.key_for_epoch(switch).kid == new.kid


def test_roles_that_are_not_given_keep_their_keys(previous, renewed):
    after = succeed(previous, renewed["labels"], renewed["authorization"])
    assert after.group_keys == previous.group_keys
    assert after.record_stores == previous.record_stores
    assert after.registry_key == previous.registry_key
    assert after.authorization_key.hex() == renewed["authorization"]["authorization_key"]
    rekeyed = succeed(previous, renewed["membership"])
    assert rekeyed.group_keys.w.hex() == renewed["membership"]["w"]
    assert rekeyed.group_keys.y == previous.group_keys.y


def test_without_a_switch_new_label_keys_follow_the_whole_interval(previous, renewed):
    old, new = succeed(previous, renewed["labels"], renewed["authorization"]).keys
    assert old == previous.keys[0]
    assert new.epoch_from == old.epoch_to


def test_without_new_label_keys_the_interval_grows_with_the_validity(previous):
    after = succeed(previous, after=5 * DAY_S)
    (keys,) = after.keys
    assert (keys.kid, keys.epoch_to) == (previous.keys[0].kid, NOW + 15 * DAY_S)
    assert after.not_after == previous.not_after + 5 * DAY_S


def test_label_keys_whose_calls_are_too_old_are_left_out(previous, renewed):
    switch = NOW + 3 * DAY_S
    after = succeed(previous, renewed["labels"], renewed["authorization"], switch=switch)
    assert len(succeed(after, after=13 * DAY_S - 1).keys) == 2
    (kept,) = succeed(after, after=13 * DAY_S).keys
    assert kept.kid == after.keys[1].kid


@pytest.mark.parametrize(
    ("switch", "words"),
    [
        (NOW + DAY_S, "in the past"),
        (NOW - 5 * DAY_S, "in the past"),
        (NOW + 10 * DAY_S + 1, "outside the interval"),
    ],
)
def test_switch_that_leaves_calls_without_keys_is_refused(previous, renewed, switch, words):
    with pytest.raises(ConfigurationError, match=words):
        succeed(previous, renewed["labels"], renewed["authorization"], switch=switch)


def test_switch_without_new_keys_is_refused(previous):
    with pytest.raises(ConfigurationError, match="no new label keys"):
        succeed(previous, switch=NOW + 3 * DAY_S)


@pytest.mark.parametrize("role", ["labels", "authorization"])
def test_one_new_key_of_a_pair_is_refused(previous, renewed, role):
    with pytest.raises(ConfigurationError, match="renewed together"):
        succeed(previous, renewed[role])


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (Terms("elsewhere"), "another deployment"),
        (Terms("test", rules=LabelRules(profile=LabelProfile.DST)), "label profile"),
        (Terms("test", rules=LabelRules(resolution_ms=500)), "resolution"),
        (Terms("test", period_s=DAY_S), "only with the issuer key"),
    ],
)
def test_terms_that_do_not_fit_the_previous_parameters_are_refused(previous, terms, words):
    with pytest.raises(ConfigurationError, match=words):
        succeed(previous, terms=terms)


def test_period_of_credentials_changes_with_the_issuer_key(previous, renewed):
    after = succeed(previous, renewed["membership"], terms=Terms("test", epoch_days=10, period_s=2 * DAY_S))
    assert after.period_s == 2 * DAY_S
