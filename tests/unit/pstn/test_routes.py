import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trunkline.errors import InputError, StorageError
from trunkline.pstn.carriers import CarrierNetwork, barabasi_albert, bianconi_barabasi
from trunkline.pstn.routes import Routes


def network(edges, costs, size):
    return CarrierNetwork(np.array(edges, np.int32), np.array(costs, np.int64), np.ones(size))


def paths(routes, sources, destinations):
    offsets, hops = routes.expand(np.array(sources, np.int32), np.array(destinations, np.int32))
    assert offsets[0] == 0
    assert offsets[-1] == len(hops)
    return [hops[start:end].tolist() for start, end in itertools.pairwise(offsets)]


def test_expand_a_line_of_carriers_lists_them_in_order():
    with Routes(network([(0, 1), (1, 2), (2, 3)], [1, 1, 1], 4)) as routes:
        assert paths(routes, [0, 3, 2, 1], [3, 0, 2, 2]) == [[0, 1, 2, 3], [3, 2, 1, 0], [2], [1, 2]]


def test_expand_a_detour_that_costs_less_is_taken():
    with Routes(network([(0, 1), (0, 2), (1, 2)], [5, 2, 2], 3)) as routes:
        assert paths(routes, [0, 1], [1, 0]) == [[0, 2, 1], [1, 2, 0]]


def test_expand_of_equally_cheap_neighbours_the_smallest_index_is_taken():
    square = network([(0, 1), (0, 2), (1, 3), (2, 3)], [1, 1, 1, 1], 4)
    with Routes(square) as routes:
        assert paths(routes, [0, 3], [3, 0]) == [[0, 1, 3], [3, 1, 0]]


def test_expand_of_equally_cheap_routes_the_shorter_is_taken():
    # By the smallest index alone, the call would go round by 1.
    triangle = network([(0, 1), (1, 2), (0, 2)], [1, 1, 2], 3)
    with Routes(triangle) as routes:
        assert paths(routes, [0, 2], [2, 0]) == [[0, 2], [2, 0]]


def test_expand_no_calls_is_no_hops():
    with Routes(network([(0, 1)], [1], 2)) as routes:
        assert paths(routes, [], []) == []


def cheapest(grown):
    """All pairs' costs by Floyd and Warshall, a second way to them."""
    table = np.full((grown.size, grown.size), 10**9)
    np.fill_diagonal(table, 0)
    for (a, b), cost in zip(grown.edges, grown.costs, strict=True):
        table[a, b] = table[b, a] = cost
    for middle in range(grown.size):
        table = np.minimum(table, table[:, middle, None] + table[middle])
    return table


@settings(max_examples=25, deadline=None)
@given(
    size=st.integers(8, 40),
    m=st.integers(1, 3),
    seed=st.integers(0, 2**32),
    highest_cost=st.sampled_from([1, 3, 10, 1000]),
    fit=st.booleans(),
)
def test_expand_every_pair_is_as_cheap_as_can_be(size, m, seed, highest_cost, fit):
    grow = bianconi_barabasi if fit else barabasi_albert
    grown = grow(size, m, seed, highest_cost=highest_cost)
    costs = {}
    for (a, b), cost in zip(grown.edges.tolist(), grown.costs.tolist(), strict=True):
        costs[a, b] = costs[b, a] = cost
    table = cheapest(grown)
    pairs = list(itertools.product(range(size), repeat=2))
    with Routes(grown) as routes:
        for (source, destination), path in zip(pairs, paths(routes, *zip(*pairs, strict=True)), strict=True):
            assert path[0] == source
            assert path[-1] == destination
            assert sum(costs[step] for step in itertools.pairwise(path)) == table[source, destination]


def test_expand_routes_whose_cost_needs_more_than_16_bits_are_found():
    # With 16 bits the costs would wrap around and the search would not end at 0 - 199.
    line = network([(i, i + 1) for i in range(199)], [1000] * 199, 200)
    with Routes(line) as routes:
        assert paths(routes, [0], [199]) == [list(range(200))]


def test_next_hops_agree_with_expanded_routes():
    grown = bianconi_barabasi(60, 2, 3)
    with Routes(grown) as routes:
        destinations = np.array([5, 59, 0], np.int32)
        table = routes.next_hops(destinations)
        assert table.shape == (3, 60)
        for row, destination in zip(table, destinations, strict=True):
            for source, path in enumerate(paths(routes, range(60), [destination] * 60)):
                assert row[source] == path[min(1, len(path) - 1)]


def test_expand_more_destinations_than_a_block_and_again_is_the_same():
    grown = bianconi_barabasi(300, 2, 3)
    with Routes(grown) as routes:
        first = paths(routes, [7] * 300, range(300))
        assert paths(routes, [7] * 300, range(300)) == first
        routes.close()
        assert paths(routes, [7] * 300, range(300)) == first


def test_scratch_file_leaves_nothing_in_its_folder(tmp_path):
    with Routes(barabasi_albert(50), tmp_path) as routes:
        routes.prepare(np.arange(50, dtype=np.int32))
        assert list(tmp_path.iterdir()) == []


def test_scratch_file_in_a_missing_folder_is_a_storage_error(tmp_path):
    with (
        Routes(barabasi_albert(50), tmp_path / "missing") as routes,
        pytest.raises(StorageError, match="scratch file of 5,000 bytes"),
    ):
        routes.prepare(np.arange(50, dtype=np.int32))


def test_scratch_file_on_a_full_disk_is_a_storage_error_and_no_crash(tmp_path, monkeypatch):
    # Without taking the room first, the process would die of SIGBUS when a page cannot be written.
    def full(descriptor, offset, length):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with Routes(barabasi_albert(50), tmp_path) as routes, pytest.raises(StorageError, match="No space left"):
        routes.prepare(np.arange(50, dtype=np.int32))


def test_routes_network_in_two_parts_is_refused():
    with pytest.raises(InputError, match="falls into parts"):
        Routes(network([(0, 1), (2, 3)], [1, 1], 4))


@pytest.mark.parametrize(("sources", "destinations"), [([4], [0]), ([0], [4]), ([-1], [0]), ([0], [-1])])
def test_expand_unknown_carrier_is_refused(sources, destinations):
    with (
        Routes(network([(0, 1), (1, 2), (2, 3)], [1, 1, 1], 4)) as routes,
        pytest.raises(InputError, match="does not have"),
    ):
        paths(routes, sources, destinations)


def test_expand_uneven_arrays_are_refused():
    with Routes(barabasi_albert(50)) as routes, pytest.raises(InputError, match="a source and a destination"):
        paths(routes, [1, 2], [3])
