import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trunkline.pstn.adoption_flows import Ties, Weighting, first_hops, unseen
from trunkline.pstn.carriers import CarrierNetwork, barabasi_albert, bianconi_barabasi
from trunkline.pstn.route_search import RouteSearch


def search_of(edges, size, costs=None):
    amounts = np.array(costs or [1] * len(edges), np.int64)
    return RouteSearch(CarrierNetwork(np.array(edges, np.int32), amounts, np.ones(size)))


def shares_by_pair(flows, index=0):
    return {
        (tail, head): share
        for tail, head, share in zip(
            flows.tails.tolist(), flows.heads.tolist(), flows.shares[index].tolist(), strict=True
        )
    }


def all_best_routes(grown, search):
    """Lists, for each pair of rows, every route of least cost and then fewest hops, by going everywhere."""
    prices = {}
    for (a, b), cost in zip(search.rows[grown.edges].tolist(), grown.costs.tolist(), strict=True):
        prices[a, b] = prices[b, a] = cost
    neighbours = {row: [b for a, b in prices if a == row] for row in range(grown.size)}
    found = {}

    def go(path, price):
        key = path[0], path[-1]
        best = found.setdefault(key, ((price, len(path)), []))
        if (price, len(path)) > best[0]:
            return
        if (price, len(path)) < best[0]:
            found[key] = best = ((price, len(path)), [])
        best[1].append(tuple(path))
        for head in neighbours[path[-1]]:
            if head not in path:
                go([*path, head], price + prices[path[-1], head])

    for row in range(grown.size):
        go([row], 0)
    return {key: routes for key, (_, routes) in found.items()}


networks = st.builds(
    lambda fit, size, m, seed, cost: (bianconi_barabasi if fit else barabasi_albert)(
        size, m, seed, highest_cost=cost
    ),
    st.booleans(),
    st.integers(5, 9),
    st.integers(1, 3),
    st.integers(0, 1000),
    st.sampled_from([1, 2, 4]),
)


@settings(max_examples=25, deadline=None)
@given(networks, st.integers(0, 1000))
def test_first_hops_equal_the_sum_over_every_best_route(grown, seed):
    search = RouteSearch(grown)
    weights = np.random.default_rng(seed).dirichlet(np.ones(grown.size))
    flows = first_hops(search, [Weighting(weights), Weighting(weights, kept=0.7)])
    expected, damped, paths = {}, {}, np.zeros(grown.size)
    for (source, destination), routes in all_best_routes(grown, search).items():
        for route in routes:
            weight = weights[destination] / len(routes)
            paths[source] += weight * len(route)
            if len(route) > 1:
                pair = route[:2]
                expected[pair] = expected.get(pair, 0) + weight
                damped[pair] = damped.get(pair, 0) + weight * 0.7 ** (len(route) - 2)
    for index, sums in enumerate((expected, damped)):
        for pair, share in shares_by_pair(flows, index).items():
            assert share == pytest.approx(sums.get(pair, 0), abs=1e-5)
    assert flows.paths[0] == pytest.approx(paths, rel=1e-5)


@settings(max_examples=15, deadline=None)
@given(networks, st.integers(0, 1000))
def test_unseen_equals_the_sum_over_every_best_route(grown, seed):
    search = RouteSearch(grown)
    generator = np.random.default_rng(seed)
    weights = generator.dirichlet(np.ones(grown.size))
    adopters = generator.random((3, grown.size)) < 0.3
    expected = np.zeros((3, 3, grown.size))
    for (source, destination), routes in all_best_routes(grown, search).items():
        for route, case, depth in itertools.product(routes, range(3), (2, 3, 4)):
            if not adopters[case, list(route[:depth])].any():
                expected[depth - 2, case, source] += weights[destination] / len(routes)
    assert unseen(search, weights, adopters, 4) == pytest.approx(expected, abs=1e-5)


def test_first_hops_equally_short_ways_are_shared_by_the_number_of_routes():
    # From row 0's end of the graph to the other, two routes pass one neighbour and one the other.
    #   a - b - d - f,  a - b - e - f,  a - c - g - f
    edges = [(0, 1), (0, 2), (1, 3), (1, 4), (2, 6), (3, 5), (4, 5), (6, 5)]
    search = search_of(edges, 7)
    only_f = np.zeros(7)
    only_f[search.rows[5]] = 1
    shares = shares_by_pair(first_hops(search, [Weighting(only_f)]))
    a, b, c = search.rows[[0, 1, 2]].tolist()
    assert shares[a, b] == pytest.approx(2 / 3)
    assert shares[a, c] == pytest.approx(1 / 3)


def test_first_hops_ties_go_to_the_larger_or_the_smaller_neighbour():
    # Carrier 1 has one more connection than 2; both lead from 0 to 3.
    search = search_of([(0, 1), (0, 2), (1, 3), (2, 3), (1, 4)], 5)
    only_3 = np.zeros(5)
    only_3[search.rows[3]] = 1
    origin, large, small = search.rows[[0, 1, 2]].tolist()
    by_large = shares_by_pair(first_hops(search, [Weighting(only_3)], Ties.LARGEST))
    by_small = shares_by_pair(first_hops(search, [Weighting(only_3)], Ties.SMALLEST))
    assert (by_large[origin, large], by_large[origin, small]) == (1, 0)
    assert (by_small[origin, large], by_small[origin, small]) == (0, 1)


def test_first_hops_calls_within_a_carrier_are_handed_to_nobody():
    search = search_of([(0, 1), (1, 2)], 3)
    flows = first_hops(search, [Weighting(np.full(3, 1 / 3))])
    handed = np.bincount(flows.tails, weights=flows.shares[0])
    assert handed == pytest.approx([2 / 3] * 3)


def test_first_hops_more_destinations_than_a_block_sum_to_the_whole():
    search = RouteSearch(bianconi_barabasi(300, 2, 5))
    for ties in Ties:
        flows = first_hops(search, [Weighting(np.full(300, 1 / 300))], ties)
        handed = np.bincount(flows.tails, weights=flows.shares[0])
        assert handed == pytest.approx(np.full(300, 299 / 300), rel=1e-5)
