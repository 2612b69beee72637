from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.errors import PolicyError
from trunkline.jager.authority.authorization.policy import check_policy, largest_window
from trunkline.jager.messages.authorization import AuthorizationRequest, KeyedLabel
from trunkline.telephony.call_details import LabelRules, window


@pytest.mark.parametrize(
    ("rules", "tolerance_ms", "expected"),
    [
        (LabelRules(ring_max_ms=0), 0, 21),
        (LabelRules(), 0, 81),
        (LabelRules(answer_time_sources=True), 0, 141),
        (LabelRules(), 5_000, 91),
        (LabelRules(resolution_ms=10, ring_max_ms=0), 0, 2001),
        (LabelRules(resolution_ms=7_000, ring_max_ms=0), 0, 4),
    ],
)
def test_largest_window_is_that_of_an_answer_time_with_all_tolerance(rules, tolerance_ms, expected):
    assert largest_window(rules, tolerance_ms) == expected


@given(
    rules=st.builds(
        LabelRules,
        resolution_ms=st.integers(10, 5_000),
        t_max_ms=st.integers(0, 30_000),
        ring_max_ms=st.integers(0, 90_000),
        answer_time_sources=st.booleans(),
    ),
    time_us=st.integers(10**12, 2 * 10**15),
    tolerance_ms=st.integers(0, 10_000),
    own_time_is_answer=st.booleans(),
)
def test_no_honest_window_is_larger_than_the_policy_allows(rules, time_us, tolerance_ms, own_time_is_answer):
    asked = window(time_us, own_time_is_answer=own_time_is_answer, rules=rules, tolerance_ms=tolerance_ms)
    assert len(asked) <= largest_window(rules, tolerance_ms)


def check(deployment, parameters, labels):
    request = AuthorizationRequest(
        parameters.hash, deployment.alpha.id, b"\x57" * 16, bytes(32), bytes(32), labels
    )
    check_policy(
        request,
        sender=deployment.alpha.id,
        parameters=parameters,
        kids_served=parameters.keys_by_kid,
        tolerance_ms=0,
    )


@pytest.mark.parametrize(("gap", "allowed"), [(0, True), (79, True), (80, False), (10_000, False)])
def test_labels_of_two_keys_are_allowed_if_one_window_reaches_both(
    gap, allowed, deployment, reread_parameters
):
    # The largest window has 81 epochs: the last of one interval, 79 between, the first of the other.
    first, second = deployment.parameters.keys
    later = second.model_copy(update={"epoch_from": first.epoch_to + gap})
    parameters = reread_parameters(deployment.parameters, keys=(first, later))
    labels = tuple(KeyedLabel(keys.kid, bytes(64)) for keys in parameters.keys)
    if allowed:
        check(deployment, parameters, labels)
    else:
        with pytest.raises(PolicyError, match="no one window reaches"):
            check(deployment, parameters, labels)


def test_labels_distinct_under_each_key_count_together(deployment):
    labels = tuple(
        KeyedLabel(keys.kid, number.to_bytes(64, "big"))
        for keys in deployment.parameters.keys
        for number in range(41)
    )
    with pytest.raises(PolicyError, match="82 labels are more than the 81"):
        check(deployment, deployment.parameters, labels)
    check(deployment, deployment.parameters, labels[1:])


def test_rules_are_those_of_the_parameters(deployment):
    assert deployment.parameters.rules == LabelRules()
    assert largest_window(replace(deployment.parameters.rules, ring_max_ms=0), 0) == 21
