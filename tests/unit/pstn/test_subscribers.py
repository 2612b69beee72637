"""The social graph, and carriers given out by market share with neighbours apart."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trunkline.pstn.carriers import bianconi_barabasi
from trunkline.pstn.subscribers import make_subscribers, social_graph


@settings(deadline=None)
@given(count=st.integers(2, 200), friends=st.integers(1, 4), seed=st.integers(0, 1_000))
def test_social_graph_is_connected_without_loops_and_parallels(count, friends, seed):
    edges = social_graph(count, friends, np.random.default_rng(seed))
    assert np.all(edges[:, 0] < edges[:, 1])
    assert edges.max() < count
    assert len(np.unique(edges, axis=0)) == len(edges) <= friends * (count - 1)
    # Everybody but the first is connected with somebody who came earlier.
    assert set(edges[:, 1].tolist()) == set(range(1, count))


def test_social_graph_is_scale_free():
    # Degrees of a Barabási-Albert graph fall with the third power: 2 m (m + 1) / (d (d + 1) (d + 2)).
    edges = social_graph(100_000, 2, np.random.default_rng(1))
    degrees = np.bincount(edges.ravel())
    for degree in (2, 3, 4, 6, 10):
        share = np.mean(degrees == degree)
        assert share == pytest.approx(12 / (degree * (degree + 1) * (degree + 2)), rel=0.1)
    assert degrees.max() > 300


def test_subscribers_are_divided_by_market_share():
    network = bianconi_barabasi(100, 2, 1)
    people = make_subscribers(network, 20_000, np.random.default_rng(1))
    counts = np.bincount(people.carriers, minlength=100)
    assert counts.sum() == 20_000
    assert np.all(np.abs(counts - network.market_share * 20_000) <= 2 + 0.01 * counts)
    assert len(np.unique(people.numbers)) == 20_000
    assert np.all(np.diff(people.numbers[people.by_number]) > 0)


@pytest.mark.parametrize(("carriers", "most"), [(100, 0.0005), (8, 0.01)])
def test_neighbours_are_rarely_at_the_same_carrier(carriers, most):
    network = bianconi_barabasi(carriers, 2, 1)
    people = make_subscribers(network, 20_000, np.random.default_rng(1))
    # By chance alone it would be this share.
    assert (network.market_share**2).sum() > 10 * most
    assert people.shared_carrier <= most


def test_as_many_subscribers_as_carriers_give_one_to_each():
    people = make_subscribers(bianconi_barabasi(30, 2, 1), 30, np.random.default_rng(1))
    assert sorted(people.carriers.tolist()) == list(range(30))
