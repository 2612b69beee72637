"""Subscribers: who calls whom, and at which carrier everybody is.

The social graph is a Barabási-Albert graph, made in linear time: in the list of the end points of all edges a
vertex stands as often as it has edges, so that a random entry of it is a vertex drawn by its degree. Which
entry is which vertex is found for all edges at once by following references until each ends at a vertex.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trunkline.pstn.carriers import CarrierNetwork
from trunkline.pstn.numbering import give_out

FRIENDS: Final = 2
"""Edges that each new vertex of the social graph brings."""

_ROUNDS = 20


@dataclass(frozen=True, eq=False)
class Subscribers:
    """Subscribers 0 to S-1.

    Attributes:
        numbers: Telephone number of each, an integer with its country code.
        carriers: Carrier of each.
        edges: The social graph, shape (E, 2), each pair once.
        by_number: All subscribers in the order of their numbers.
    """

    numbers: NDArray[np.int64]
    carriers: NDArray[np.int32]
    edges: NDArray[np.int32]
    by_number: NDArray[np.int64]

    @property
    def shared_carrier(self) -> float:
        """Share of the social graph's edges whose ends are at the same carrier."""
        ends = self.carriers[self.edges]
        return float(np.mean(ends[:, 0] == ends[:, 1]))


def make_subscribers(network: CarrierNetwork, count: int, generator: np.random.Generator) -> Subscribers:
    """Makes the social graph and gives out carriers by market share, and numbers.

    Every carrier has a subscriber at least. Neighbours get different carriers as far as exchanging
    subscribers between carriers achieves it, which changes no carrier's share.

    Args:
        network: The carriers.
        count: Subscribers, at least as many as carriers.
        generator: Where randomness comes from.

    Raises:
        InputError: The numbering plan has not that many numbers.
    """
    edges = social_graph(count, FRIENDS, generator)
    counts = _seats(network.market_share, count)
    carriers = np.repeat(np.arange(network.size, dtype=np.int32), counts)
    numbers_by_carrier = give_out(counts, generator)
    generator.shuffle(carriers)
    _separate(carriers, edges, generator)
    numbers = np.empty(count, dtype=np.int64)
    numbers[np.argsort(carriers, kind="stable")] = numbers_by_carrier
    return Subscribers(numbers, carriers, edges, np.argsort(numbers))


def social_graph(count: int, friends: int, generator: np.random.Generator) -> NDArray[np.int32]:
    """Makes a Barabási-Albert graph, without loops and parallel edges.

    Args:
        count: Vertices, more than `friends`.
        friends: Edges that each new vertex brings; a few are lost as parallel ones.
        generator: Where randomness comes from.

    Returns:
        Pairs of vertices, shape (E, 2), the smaller one first.
    """
    newcomers = np.repeat(np.arange(1, count), friends)
    # Entry 2i of the list of end points is the newcomer of edge i, entry 2i + 1 what it chose. A newcomer
    # chooses among the end points of the edges before its first; the first edges all lead to vertex 0.
    known = 2 * friends * (newcomers - 1)
    choice = np.where(known > 0, generator.integers(0, np.maximum(known, 1)), -1)
    while True:
        odd = (choice > 0) & (choice % 2 == 1)
        if not odd.any():
            break
        choice[odd] = choice[choice[odd] // 2]
    chosen = np.where(choice >= 0, newcomers[np.maximum(choice, 0) // 2], 0)
    keys = np.unique(np.minimum(newcomers, chosen) * count + np.maximum(newcomers, chosen))
    return np.stack((keys // count, keys % count), axis=1).astype(np.int32)


def _seats(shares: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Divides subscribers by market share with the largest remainders, one to each carrier beforehand."""
    exact = shares * (count - len(shares))
    seats = np.floor(exact).astype(np.int64)
    left = count - len(shares) - int(seats.sum())
    seats[np.argsort(seats - exact, kind="stable")[:left]] += 1
    return seats + 1


def _separate(carriers: NDArray[np.int32], edges: NDArray[np.int32], generator: np.random.Generator) -> None:
    """Lets subscribers who share a carrier with a neighbour exchange carriers with random others."""
    neighbours = _Neighbours(edges, len(carriers))
    for _ in range(_ROUNDS):
        ends = carriers[edges]
        sharing = edges[ends[:, 0] == ends[:, 1]]
        if len(sharing) == 0:
            return
        # The end with fewer neighbours is the easier one to move.
        fewer = np.argmin(neighbours.degree[sharing], axis=1)
        movers = np.unique(sharing[np.arange(len(sharing)), fewer])
        generator.shuffle(movers)
        partners = generator.permutation(len(carriers))[: len(movers)]
        movers = movers[: len(partners)]
        apart = ~np.isin(partners, movers)
        movers, partners = movers[apart], partners[apart]
        before = neighbours.count(movers, carriers[movers], carriers) + neighbours.count(
            partners, carriers[partners], carriers
        )
        after = neighbours.count(movers, carriers[partners], carriers) + neighbours.count(
            partners, carriers[movers], carriers
        )
        better = after < before
        movers, partners = movers[better], partners[better]
        carriers[movers], carriers[partners] = carriers[partners], carriers[movers]


class _Neighbours:
    """The neighbours of each vertex, one vertex after the other."""

    def __init__(self, edges: NDArray[np.int32], count: int) -> None:
        tails = np.concatenate((edges[:, 0], edges[:, 1]))
        order = np.argsort(tails, kind="stable")
        self._heads = np.concatenate((edges[:, 1], edges[:, 0]))[order]
        self.degree = np.bincount(tails, minlength=count)
        self._first = np.cumsum(self.degree) - self.degree

    def count(
        self, vertices: NDArray[np.int64], wanted: NDArray[np.int32], carriers: NDArray[np.int32]
    ) -> NDArray[np.int64]:
        """Counts, for each vertex, the neighbours that are at a given carrier."""
        degrees = self.degree[vertices]
        owner = np.repeat(np.arange(len(vertices)), degrees)
        place = np.arange(len(owner)) - np.repeat(np.cumsum(degrees) - degrees, degrees)
        heads = self._heads[self._first[vertices[owner]] + place]
        return np.bincount(owner, weights=carriers[heads] == wanted[owner], minlength=len(vertices)).astype(
            np.int64
        )
