"""The graph of carriers: who is connected to whom, at which agreed price, and how big each one is.

Section 6.2 of the Jäger paper asks three things of the graph: newcomers connect to large carriers
(preferential attachment), a carrier's appeal differs from its size (fitness), and connections have a
price (inter-carrier agreements). `bianconi_barabasi` has all three; `barabasi_albert` has the first
alone, which is what the paper's adoption study was computed on.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import rustworkx
from numpy.typing import NDArray

from trunkline.errors import InputError

MAX_CARRIERS = 32_767
"""Carriers in one network: their indices are stored in 16 bits."""

MAX_COST = 1_000
"""Highest price of one connection."""

AGREEMENT_COST = 10
"""Agreements cost between 1 and this, in whole units, as in the paper's prototype."""

FITNESS_LEVELS = 10
"""Groups of equal fitness, as in the paper's prototype."""


@dataclass(frozen=True, eq=False)
class CarrierNetwork:
    """Carriers 0 to N-1 and the connections between them, each in both directions at one price.

    The arrays are made read-only. That the graph is connected is *not* checked here; `Routes` does.

    Attributes:
        edges: Connected pairs, shape (E, 2), each pair once.
        costs: Agreement amount of each connection, 1 to `MAX_COST`.
        fitness: Appeal of each carrier to newcomers, above 0.
    """

    edges: NDArray[np.int32]
    costs: NDArray[np.int64]
    fitness: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.fitness.ndim != 1 or not 2 <= len(self.fitness) <= MAX_CARRIERS:
            raise InputError(f"a network has 2 to {MAX_CARRIERS} carriers, not {len(self.fitness)}")
        if not bool(np.all(np.isfinite(self.fitness) & (self.fitness > 0))):
            raise InputError("every carrier's fitness must be a number above 0")
        if self.edges.ndim != 2 or self.edges.shape[1] != 2 or len(self.edges) == 0:
            raise InputError("connections must be given as pairs of carriers, and there must be one")
        if self.edges.min() < 0 or self.edges.max() >= self.size:
            raise InputError("a connection names a carrier that the network does not have")
        if bool(np.any(self.edges[:, 0] == self.edges[:, 1])):
            raise InputError("a carrier is connected to itself; leave that connection out")
        ordered = np.sort(self.edges.astype(np.int64), axis=1)
        if len(np.unique(ordered[:, 0] * self.size + ordered[:, 1])) != len(ordered):
            raise InputError("two carriers are connected twice; give each pair once")
        if self.costs.shape != (len(self.edges),) or self.costs.min() < 1 or self.costs.max() > MAX_COST:
            raise InputError(f"every connection needs a cost of 1 to {MAX_COST}")
        for array in (self.edges, self.costs, self.fitness):
            array.setflags(write=False)

    @property
    def size(self) -> int:
        """Number of carriers."""
        return len(self.fitness)

    @cached_property
    def degree(self) -> NDArray[np.int64]:
        """Connections of each carrier."""
        return np.bincount(self.edges.ravel(), minlength=self.size).astype(np.int64)

    @cached_property
    def market_share(self) -> NDArray[np.float64]:
        """Share of all subscribers that each carrier has: its share of all connections; sums to 1."""
        share: NDArray[np.float64] = self.degree / self.degree.sum()
        return share


def bianconi_barabasi(
    size: int = 7_000, m: int = 2, seed: int = 0, clique: int = 5, highest_cost: int = AGREEMENT_COST
) -> CarrierNetwork:
    """Grows a network in which newcomers choose by degree times fitness.

    Starts from a clique; each newcomer connects to `m` different carriers. Fitness is one of ten levels,
    0.1 to 1.0, drawn evenly, so that a fit latecomer can outgrow its elders.

    Args:
        size: Carriers in the end.
        m: Connections that each newcomer makes.
        seed: The same seed gives the same network.
        clique: Carriers at the start, all connected with each other.
        highest_cost: Agreement amounts are drawn evenly from 1 to this.

    Raises:
        InputError: The parameters describe no network.
    """
    _check(size, m, seed, highest_cost)
    if not max(m, 2) <= clique <= size:
        raise InputError(f"the first clique must have {max(m, 2)} to {size} carriers, not {clique}")
    generator = np.random.default_rng([seed, 1])
    fitness = generator.integers(1, FITNESS_LEVELS + 1, size) / FITNESS_LEVELS
    founders = np.array([(a, b) for a in range(clique) for b in range(a + 1, clique)], dtype=np.int32)
    edges = np.empty((len(founders) + m * (size - clique), 2), dtype=np.int32)
    edges[: len(founders)] = founders
    appeal = np.zeros(size)
    appeal[:clique] = fitness[:clique] * (clique - 1)
    count = len(founders)
    for newcomer in range(clique, size):
        chosen = _draw(appeal[:newcomer], m, generator)
        edges[count : count + m, 0] = chosen
        edges[count : count + m, 1] = newcomer
        count += m
        appeal[chosen] += fitness[chosen]
        appeal[newcomer] = fitness[newcomer] * m
    return _network(edges, fitness, highest_cost, seed)


def barabasi_albert(size: int = 7_000, m: int = 2, seed: int = 0, highest_cost: int = 1) -> CarrierNetwork:
    """Grows a network in which newcomers choose by degree alone; every connection costs 1 by default.

    Starts from a star of `m` + 1 carriers, as networkx does.

    Args:
        size: Carriers in the end.
        m: Connections that each newcomer makes.
        seed: The same seed gives the same network.
        highest_cost: Agreement amounts are drawn evenly from 1 to this.

    Raises:
        InputError: The parameters describe no network.
    """
    _check(size, m, seed, highest_cost)
    star = rustworkx.generators.star_graph(m + 1)
    graph = rustworkx.barabasi_albert_graph(size, m, seed=seed, initial_graph=star)
    edges = np.array(graph.edge_list(), dtype=np.int32)
    return _network(edges, np.ones(size), highest_cost, seed)


def _check(size: int, m: int, seed: int, highest_cost: int) -> None:
    if not 2 <= size <= MAX_CARRIERS:
        raise InputError(f"a network has 2 to {MAX_CARRIERS} carriers, not {size}")
    if not 1 <= m < size:
        raise InputError(f"a newcomer makes 1 to {size - 1} connections in a network of {size}, not {m}")
    if not 0 <= seed < 2**63:
        raise InputError("a seed is a whole number of 0 or more, below 2^63")
    if not 1 <= highest_cost <= MAX_COST:
        raise InputError(f"the highest agreement amount must be 1 to {MAX_COST}, not {highest_cost}")


def _draw(weights: NDArray[np.float64], count: int, generator: np.random.Generator) -> list[int]:
    """Draws different indices, each by its weight among those not drawn yet."""
    ladder = np.cumsum(weights)
    chosen: list[int] = []
    while len(chosen) < count:
        # A second draw of the same index is thrown away, which leaves the others' odds as they were.
        index = int(np.searchsorted(ladder, generator.random() * ladder[-1], side="right"))
        if index not in chosen:
            chosen.append(index)
    return chosen


def _network(
    edges: NDArray[np.int32], fitness: NDArray[np.float64], highest_cost: int, seed: int
) -> CarrierNetwork:
    ordered = np.sort(edges, axis=1)
    ordered = ordered[np.lexsort((ordered[:, 1], ordered[:, 0]))]
    # A stream of its own: the graph stays the same whatever its connections cost.
    costs = np.random.default_rng([seed, 2]).integers(1, highest_cost + 1, len(ordered))
    return CarrierNetwork(edges=ordered, costs=costs, fitness=fitness)
