"""Calls: when they begin, by which carriers they go, who calls, and what campaigns do."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trunkline.pstn.calls import NO_CAMPAIGN, Calls, Outcome
from trunkline.pstn.campaigns import Spoofing
from trunkline.pstn.generate import Network
from trunkline.pstn.parameters import Parameters
from trunkline.pstn.switches import ZONES
from trunkline.pstn.timing import DiurnalProfile, local_times

PARAMETERS = Parameters(carriers=60, subscribers=3_000, calls=9_000, robocalls=0.3, campaigns=12, seed=5)
HOUR_US = 3_600_000_000


@pytest.fixture(scope="module")
def model():
    with (network := Network(PARAMETERS)).routes:
        yield network


@pytest.fixture(scope="module")
def calls(model) -> list[Calls]:
    return [model.calls.make(first, 3_000) for first in (0, 3_000, 6_000)]


def test_calls_begin_in_order_part_after_part(calls):
    starts = [part.arrival_us[part.offsets[:-1]] for part in calls]
    assert all(np.all(np.diff(part) >= 0) for part in starts)
    assert starts[0][-1] <= starts[1][0]
    assert starts[1][-1] <= starts[2][0]
    assert starts[0][0] >= PARAMETERS.start_us
    assert starts[2][-1] <= PARAMETERS.start_us + PARAMETERS.duration_us


def test_calls_follow_the_day(calls):
    starts = np.concatenate([part.arrival_us[part.offsets[:-1]] for part in calls])
    by_hour = np.bincount((starts // HOUR_US - 5) % 24, minlength=24)
    assert by_hour[8:18].min() > 5 * by_hour[:5].max()


def test_calls_take_cheapest_routes_and_time_at_every_hop(model, calls):
    neighbours = {tuple(sorted(pair)) for pair in model.carrier_graph.edges.tolist()}
    for part in calls:
        for first, last in zip(part.offsets[:-1].tolist(), part.offsets[1:].tolist(), strict=True):
            path, times = part.hops[first:last].tolist(), part.arrival_us[first:last]
            assert all(tuple(sorted(pair)) in neighbours for pair in pairwise(path))
            assert np.all(np.diff(times) >= 1_000)
        expected = model.routes.expand(part.hops[part.offsets[:-1]], part.hops[part.offsets[1:] - 1])
        assert np.array_equal(expected[1], part.hops)


def test_calls_end_as_their_outcome_says(calls):
    for part in calls:
        answered = part.outcomes == Outcome.ANSWERED
        last_arrival = part.arrival_us[part.offsets[1:] - 1]
        assert np.all((part.answer_us > 0) == answered)
        assert np.all(part.answer_us[answered] > last_arrival[answered])
        assert np.all(part.end_us[answered] > part.answer_us[answered])
        assert np.all(part.end_us > last_arrival)
        assert set(part.outcomes.tolist()) == set(Outcome)


def test_ordinary_calls_go_along_the_social_graph(model, calls):
    people = model.subscribers
    friends = {tuple(pair) for pair in np.sort(people.numbers[people.edges], axis=1).tolist()}
    for part in calls:
        ordinary = (part.campaigns == NO_CAMPAIGN) & (part.callers != 0)
        pairs = np.sort(np.stack((part.callers, part.called))[:, ordinary], axis=0).T
        assert all(tuple(pair) in friends for pair in pairs.tolist())


def test_campaigns_make_their_share_of_the_calls_from_the_smallest_carriers(model, calls):
    robocalls = [part.campaigns != NO_CAMPAIGN for part in calls]
    assert sum(one.sum() for one in robocalls) == PARAMETERS.robocall_count == 2_700
    smallest = set(np.argsort(model.carrier_graph.degree, kind="stable")[:6].tolist())
    for part, chosen in zip(calls, robocalls, strict=True):
        firsts = part.hops[part.offsets[:-1]][chosen]
        assert set(firsts.tolist()) <= smallest
        assert np.array_equal(firsts, model.campaigns.carriers[part.campaigns[chosen]])


def test_campaigns_dial_and_spoof_each_in_its_way(model, calls):
    people, campaigns = model.subscribers, model.campaigns
    rank = {number: place for place, number in enumerate(people.numbers[people.by_number].tolist())}
    seen = set()
    for campaign in range(len(campaigns.carriers)):
        mine = [(part, part.campaigns == campaign) for part in calls]
        callers = np.concatenate([part.callers[chosen] for part, chosen in mine])
        called = np.concatenate([part.called[chosen] for part, chosen in mine])
        places = np.array([rank[number] for number in called.tolist()])
        in_order = bool(np.all(np.diff(places) % len(rank) == 1))
        if len(called) > 2:
            assert in_order == campaigns.sequential[campaign]
        match campaigns.spoofing[campaign]:
            case Spoofing.NEIGHBOUR:
                assert np.all(callers // 10_000 == called // 10_000)
            case Spoofing.FIXED:
                assert set(callers.tolist()) == {int(campaigns.fixed[campaign])} <= set(rank)
            case Spoofing.RANDOM:
                assert len(np.unique(callers)) == len(callers)
        seen.add((int(campaigns.spoofing[campaign]), in_order))
    assert {kind for kind, _ in seen} == set(Spoofing)
    assert {order for _, order in seen} == {True, False}


def test_robocalls_are_numbered_within_their_campaigns(model):
    which, numbers = model.campaigns.of_calls(np.arange(PARAMETERS.robocall_count))
    for campaign in range(12):
        mine = numbers[which == campaign]
        assert np.array_equal(mine, np.arange(len(mine)))
    # A part of them gets the same numbers as all at once.
    again = model.campaigns.of_calls(np.arange(1_000, 1_500))
    assert np.array_equal(again[0], which[1_000:1_500])
    assert np.array_equal(again[1], numbers[1_000:1_500])


@settings(deadline=None)
@given(
    start_s=st.integers(1_600_000_000, 1_900_000_000),
    hours=st.floats(0.01, 100.0),
    shares=st.lists(st.floats(0, 1), min_size=2),
)
def test_profile_gives_times_of_the_period_in_order(start_s, hours, shares):
    start_us, duration_us = start_s * 1_000_000, round(hours * HOUR_US)
    times = DiurnalProfile(start_us, duration_us).times(np.sort(shares))
    assert np.all(np.diff(times) >= 0)
    assert start_us <= times[0]
    # A time is rounded to a millisecond, so it may lie half of one behind the end.
    assert times[-1] <= start_us + duration_us + 500


@settings(max_examples=20, deadline=None)
@given(
    times_s=st.lists(st.integers(1_793_000_000, 1_795_000_000), min_size=1, max_size=20),
    zone=st.integers(0, len(ZONES) - 1),
)
def test_local_times_are_those_of_the_zone(times_s, zone):
    # Around the end of summer time, so that the table of offsets spans it.
    times_us = np.array(times_s) * 1_000_000
    shown = local_times(times_us, np.full(len(times_s), zone, dtype=np.int8), ZONES)
    for second, local_us in zip(times_s, shown.tolist(), strict=True):
        local = datetime.fromtimestamp(second, ZoneInfo(ZONES[zone])).replace(tzinfo=UTC)
        assert local == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=local_us)
