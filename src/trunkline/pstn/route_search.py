"""The search behind routes: what every carrier pays to reach a block of destinations.

It is Bellman and Ford's search, done for a block of destinations at once: cheapest routes have few hops,
so it needs few rounds, and each round is a handful of passes over contiguous memory. All 7,000 carriers
of a network take about three seconds of one core, which is a tenth of what a search per carrier takes.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trunkline.errors import InputError
from trunkline.pstn.carriers import CarrierNetwork

BLOCK = 128
"""Destinations searched at once: their costs for 7,000 carriers (1.8 MB) stay in a core's cache."""

_NOWHERE = np.iinfo(np.int16).max


class RouteSearch:
    """A network laid out for searching.

    Carriers are rows, by falling degree and, of equal degree, rising index. Column k holds the k-th
    neighbour of every carrier that has that many; as rows go by degree, a column belongs to the first rows
    of any table. Connections are priced so that routes compare by cost first and hops second: a cost is
    multiplied by `unit`, and each hop adds 1.

    Args:
        network: The carriers; every carrier must be reachable from every other.

    Attributes:
        carriers: Carrier of each row.
        rows: Row of each carrier.
        columns: For each column, the neighbours' rows and the price of each (shape (rows, 1)).
        unit: Price of a cost of 1; what remains of a price are hops.

    Raises:
        InputError: Some carrier cannot be reached.
    """

    def __init__(self, network: CarrierNetwork) -> None:
        size = network.size
        self.carriers = np.argsort(-network.degree, kind="stable")
        self.rows = np.empty(size, dtype=np.int64)
        self.rows[self.carriers] = np.arange(size)
        tails = self.rows[np.concatenate((network.edges[:, 0], network.edges[:, 1]))]
        heads = self.rows[np.concatenate((network.edges[:, 1], network.edges[:, 0]))]
        costs = np.concatenate((network.costs, network.costs))
        order = np.argsort(tails, kind="stable")
        tails, heads, costs = tails[order], heads[order], costs[order]
        degrees = network.degree[self.carriers]
        places = np.arange(len(tails)) - np.repeat(np.cumsum(degrees) - degrees, degrees)
        self.columns = [
            (heads[chosen], costs[chosen][:, None])
            for chosen in (np.flatnonzero(places == place) for place in range(int(degrees.max())))
        ]
        self._type: np.dtype[Any] = np.dtype(np.int64)
        farthest = int(self.prices(np.zeros(1, dtype=np.int64)).max())
        if farthest >= _unreached(self._type):
            raise InputError("the network falls into parts; connect them, or model them one by one")
        # A route costs at most what the detour by the first row costs, and has no more hops than it costs.
        self.unit = 2 * farthest + 1
        highest = 2 * farthest * self.unit + self.unit * int(network.costs.max()) + 1
        self._type = np.dtype(np.uint16 if highest < _unreached(np.dtype(np.uint16)) else np.int64)
        self.columns = [(heads, (costs * self.unit + 1).astype(self._type)) for heads, costs in self.columns]

    def prices(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Computes the price from every row to each of these rows, shape (all rows, these rows)."""
        prices = np.full((len(self.carriers), len(rows)), _unreached(self._type), dtype=self._type)
        prices[rows, np.arange(len(rows))] = 0
        while True:
            before = prices.copy()
            for heads, added in self.columns:
                candidates = prices.take(heads, axis=0)
                candidates += added
                np.minimum(prices[: len(heads)], candidates, out=prices[: len(heads)])
            if np.array_equal(before, prices):
                return prices

    def cheapest(self, prices: NDArray[Any]) -> list[NDArray[np.bool_]]:
        """Marks, for each column, where that neighbour is on a best route to the destination."""
        return [prices.take(heads, axis=0) + added == prices[: len(heads)] for heads, added in self.columns]

    def next_hops(self, destinations: NDArray[np.int32]) -> NDArray[np.int16]:
        """Computes to whom each carrier hands a call, shape (destinations, carriers)."""
        result = np.empty((len(destinations), len(self.carriers)), dtype=np.int16)
        names = self.carriers.astype(np.int16)
        for start in range(0, len(destinations), BLOCK):
            rows = self.rows[destinations[start : start + BLOCK]]
            prices = self.prices(rows)
            hops = np.full(prices.shape, _NOWHERE, dtype=np.int16)
            for (heads, _), cheapest in zip(self.columns, self.cheapest(prices), strict=True):
                candidates = np.where(cheapest, names[heads][:, None], _NOWHERE)
                np.minimum(hops[: len(heads)], candidates, out=hops[: len(heads)])
            hops[rows, np.arange(len(rows))] = names[rows]
            result[start : start + len(rows)] = hops[self.rows].T
        return result


def _unreached(kind: np.dtype[Any]) -> int:
    # Half the range, so that adding a price to it never wraps around.
    return int(np.iinfo(kind).max // 2)
