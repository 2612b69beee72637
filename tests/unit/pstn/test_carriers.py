import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trunkline.errors import InputError
from trunkline.pstn.carriers import CarrierNetwork, barabasi_albert, bianconi_barabasi


def network(edges, costs=None, size=4):
    pairs = np.array(edges, dtype=np.int32)
    amounts = np.ones(len(edges), dtype=np.int64) if costs is None else np.array(costs, dtype=np.int64)
    return CarrierNetwork(edges=pairs, costs=amounts, fitness=np.ones(size))


def test_network_star_shares_the_market_by_degree():
    star = network([(0, 1), (0, 2), (0, 3)])
    assert star.degree.tolist() == [3, 1, 1, 1]
    assert star.market_share.tolist() == [3 / 6, 1 / 6, 1 / 6, 1 / 6]


def test_network_arrays_are_read_only():
    star = network([(0, 1), (0, 2), (0, 3)])
    with pytest.raises(ValueError, match="read-only"):
        star.costs[0] = 5


@pytest.mark.parametrize(
    ("edges", "costs", "fragment"),
    [
        ([(0, 4)], None, "does not have"),
        ([(-1, 2)], None, "does not have"),
        ([(1, 1)], None, "connected to itself"),
        ([(0, 1), (1, 0)], None, "connected twice"),
        ([(0, 1)], [0], "cost of 1 to"),
        ([(0, 1)], [1001], "cost of 1 to"),
        ([(0, 1)], [1, 1], "cost of 1 to"),
        ([(0, 1, 2)], None, "as pairs"),
    ],
)
def test_network_impossible_connections_are_refused(edges, costs, fragment):
    with pytest.raises(InputError, match=fragment):
        network(edges, costs)


def test_network_without_connections_is_refused():
    with pytest.raises(InputError, match="there must be one"):
        CarrierNetwork(np.empty((0, 2), np.int32), np.empty(0, np.int64), np.ones(3))


@pytest.mark.parametrize("fitness", [0.0, -1.0, float("nan"), float("inf")])
def test_network_useless_fitness_is_refused(fitness):
    with pytest.raises(InputError, match="above 0"):
        CarrierNetwork(np.array([(0, 1)], np.int32), np.ones(1, np.int64), np.array([1.0, fitness]))


@pytest.mark.parametrize("size", [1, 32_768])
def test_network_of_a_size_without_indices_is_refused(size):
    with pytest.raises(InputError, match="2 to 32767 carriers"):
        network([(0, 1)], size=size)


@settings(max_examples=25, deadline=None)
@given(size=st.integers(6, 60), m=st.integers(1, 4), seed=st.integers(0, 2**40))
def test_bianconi_barabasi_newcomers_make_m_connections_to_elders(size, m, seed):
    grown = bianconi_barabasi(size, m, seed, clique=5)
    assert len(grown.edges) == 10 + m * (size - 5)
    assert (np.bincount(grown.edges.max(axis=1), minlength=size)[5:] == m).all()
    assert grown.costs.min() >= 1
    assert grown.costs.max() <= 10
    assert grown.market_share.sum() == pytest.approx(1)


@settings(max_examples=25, deadline=None)
@given(size=st.integers(5, 60), m=st.integers(1, 4), seed=st.integers(0, 2**40))
def test_barabasi_albert_newcomers_make_m_connections_to_elders(size, m, seed):
    grown = barabasi_albert(size, m, seed)
    # The first m + 1 carriers form a star.
    assert len(grown.edges) == m * (size - m)
    assert (grown.costs == 1).all()


@pytest.mark.parametrize("grow", [bianconi_barabasi, barabasi_albert])
def test_networks_same_seed_is_the_same_network_and_another_is_not(grow):
    first, again, other = grow(200, 2, 7), grow(200, 2, 7), grow(200, 2, 8)
    assert (first.edges == again.edges).all()
    assert (first.costs == again.costs).all()
    assert (first.fitness == again.fitness).all()
    assert not np.array_equal(first.edges, other.edges)


@pytest.mark.parametrize("grow", [bianconi_barabasi, barabasi_albert])
def test_networks_costs_do_not_change_who_is_connected(grow):
    assert (grow(200, 2, 7, highest_cost=1).edges == grow(200, 2, 7, highest_cost=10).edges).all()


def test_bianconi_barabasi_fitter_carriers_grow_larger():
    # Without fitness in the draw, both means would be 4 connections, give or take 0.3.
    grown = bianconi_barabasi(3000, 2, 1)
    fit, unfit = grown.degree[grown.fitness > 0.7], grown.degree[grown.fitness < 0.4]
    assert fit.mean() > 1.5 * unfit.mean()


def test_bianconi_barabasi_elders_grow_larger():
    # Without preferential attachment the largest carrier would have some 30 connections.
    assert bianconi_barabasi(3000, 2, 1).degree.max() > 100


@pytest.mark.parametrize("grow", [bianconi_barabasi, barabasi_albert])
@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        ({"size": 2, "m": 2}, "not 2"),
        ({"size": 7, "m": 0}, "not 0"),
        ({"size": 1, "m": 1}, "not 1"),
        ({"size": 32_768}, "2 to 32767 carriers"),
        ({"highest_cost": 0}, "agreement amount"),
        ({"highest_cost": 1001}, "agreement amount"),
        ({"seed": -1}, "seed"),
    ],
)
def test_networks_impossible_parameters_are_refused(grow, options, fragment):
    with pytest.raises(InputError, match=fragment):
        grow(**options)


@pytest.mark.parametrize(("size", "m", "clique"), [(10, 2, 11), (10, 3, 2), (10, 1, 1)])
def test_bianconi_barabasi_impossible_clique_is_refused(size, m, clique):
    with pytest.raises(InputError, match="first clique"):
        bianconi_barabasi(size, m, clique=clique)
