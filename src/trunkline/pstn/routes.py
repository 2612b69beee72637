"""Cheapest routes between carriers, found for thousands of destinations at a time.

A carrier hands a call to the neighbour from which the destination is cheapest to reach, as least-cost
routing does; of equally cheap neighbours it takes the one with the smallest index. So a route depends on
nothing but the network, and a part of a route is the route of that part.

The search is Bellman and Ford's, done for a block of destinations at once: the graph has few rounds (its
routes have few hops), each round is a handful of passes over contiguous memory, and no table of all pairs
is held in memory. Next hops that are wanted again are kept in a memory-mapped file of 2 bytes a pair.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trunkline.errors import InputError, StorageError
from trunkline.pstn.carriers import CarrierNetwork

BLOCK = 128
"""Destinations searched at once: their costs for 7,000 carriers (1.8 MB) stay in a core's cache."""

_NOWHERE = np.iinfo(np.int16).max
_LIMIT_16_BITS = np.iinfo(np.uint16).max // 2


class Routes:
    """The routes of one network; closes its scratch file at the end of a `with` block.

    Args:
        network: The carriers; every carrier must be reachable from every other.
        folder: Where the scratch file is made (2 bytes a pair of carriers, 98 MB for 7,000); it has no
            name there, so that nothing stays behind however the process ends. None: the system's folder
            for temporary files.

    Raises:
        InputError: Some carrier cannot be reached.
    """

    def __init__(self, network: CarrierNetwork, folder: Path | None = None) -> None:
        self.network = network
        self._folder = folder
        self._search = _Search(network)
        self._done = np.zeros(network.size, dtype=np.bool_)
        self._table: NDArray[np.int16] | None = None

    def __enter__(self) -> "Routes":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives the scratch file's space back; the next use makes a new one."""
        self._table = None
        self._done[:] = False

    def next_hops(self, destinations: NDArray[np.int32]) -> NDArray[np.int16]:
        """Computes, for each destination, to whom each carrier hands a call; keeps nothing.

        Returns:
            Shape (destinations, carriers); a destination's own entry is itself.

        Raises:
            InputError: A destination is not a carrier of the network.
        """
        self._check(destinations)
        return self._search.next_hops(destinations)

    def prepare(self, destinations: NDArray[np.int32]) -> None:
        """Computes the next hops towards these destinations and keeps them in the scratch file.

        `expand` does this by itself. Processes forked after this share the file.

        Raises:
            InputError: A destination is not a carrier of the network.
            StorageError: There is no room for the scratch file.
        """
        self._check(destinations)
        table = self._scratch()
        wanted = np.zeros(self.network.size, dtype=np.bool_)
        wanted[destinations] = True
        for block in _blocks(np.flatnonzero(wanted & ~self._done).astype(np.int32)):
            table[block] = self._search.next_hops(block)
            self._done[block] = True

    def expand(
        self, sources: NDArray[np.int32], destinations: NDArray[np.int32]
    ) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Lists the carriers of every call's route.

        Args:
            sources: Carrier where each call starts.
            destinations: Carrier where each call ends.

        Returns:
            Offsets (calls + 1) and the carriers of all routes one after the other: those of call `i` are
            `hops[offsets[i]:offsets[i + 1]]`, source first and destination last, or one carrier if they
            are the same.

        Raises:
            InputError: The arrays differ in length, or name a carrier that the network does not have.
            StorageError: There is no room for the scratch file.
        """
        if len(sources) != len(destinations):
            raise InputError("every call needs a source and a destination")
        self._check(sources)
        self.prepare(destinations)
        table = self._scratch()
        calls = np.arange(len(sources))
        current = sources.astype(np.int32)
        ends = destinations.astype(np.int32)
        steps = [(calls, current)]
        while len(calls := calls[going := current != ends]):
            ends = ends[going]
            current = table[ends, current[going]].astype(np.int32)
            steps.append((calls, current))
        offsets = np.zeros(len(sources) + 1, dtype=np.int64)
        for step_calls, _ in steps:
            offsets[step_calls + 1] += 1
        np.cumsum(offsets, out=offsets)
        hops = np.empty(offsets[-1], dtype=np.int32)
        for step, (step_calls, carriers) in enumerate(steps):
            hops[offsets[step_calls] + step] = carriers
        return offsets, hops

    def _check(self, carriers: NDArray[np.int32]) -> None:
        if len(carriers) and (carriers.min() < 0 or carriers.max() >= self.network.size):
            raise InputError("a call names a carrier that the network does not have")

    def _scratch(self) -> NDArray[np.int16]:
        if self._table is None:
            size = self.network.size
            try:
                with tempfile.TemporaryFile(dir=self._folder) as file:
                    # Room is taken now: a disk found full later would kill the process at a page fault.
                    os.posix_fallocate(file.fileno(), 0, 2 * size * size)
                    self._table = np.memmap(file, dtype=np.int16, mode="r+", shape=(size, size))
            except OSError as error:
                raise StorageError(
                    f"no scratch file of {2 * size * size:,} bytes for routes: {error.strerror}; "
                    "free some space or give another folder"
                ) from error
        return self._table


class _Search:
    """The network laid out for searching: carriers by falling degree, their neighbours in columns.

    Column k holds the k-th neighbour of every carrier that has that many. As carriers are in order of
    degree, a column belongs to the first rows of any table of costs.
    """

    def __init__(self, network: CarrierNetwork) -> None:
        size = network.size
        self._carriers = np.argsort(-network.degree, kind="stable")
        self._rows = np.empty(size, dtype=np.int64)
        self._rows[self._carriers] = np.arange(size)
        tails = self._rows[np.concatenate((network.edges[:, 0], network.edges[:, 1]))]
        heads = self._rows[np.concatenate((network.edges[:, 1], network.edges[:, 0]))]
        costs = np.concatenate((network.costs, network.costs))
        order = np.argsort(tails, kind="stable")
        tails, heads, costs = tails[order], heads[order], costs[order]
        degrees = network.degree[self._carriers]
        places = np.arange(len(tails)) - np.repeat(np.cumsum(degrees) - degrees, degrees)
        self._columns = [
            (heads[chosen], costs[chosen][:, None])
            for chosen in (np.flatnonzero(places == place) for place in range(int(degrees.max())))
        ]
        # A cheapest route costs at most what the detour by the first carrier costs.
        reach = self._costs(np.zeros(1, dtype=np.int64), np.dtype(np.int64))
        if reach.max() >= _unreached(np.dtype(np.int64)):
            raise InputError("the network falls into parts; connect them, or model them one by one")
        narrow = 2 * int(reach.max()) + int(network.costs.max()) < _LIMIT_16_BITS
        self._type = np.dtype(np.uint16 if narrow else np.int64)
        self._columns = [(heads, costs.astype(self._type)) for heads, costs in self._columns]

    def next_hops(self, destinations: NDArray[np.int32]) -> NDArray[np.int16]:
        """Computes to whom each carrier hands a call for each destination."""
        size = len(self._carriers)
        result = np.empty((len(destinations), size), dtype=np.int16)
        names = self._carriers.astype(np.int16)
        for start in range(0, len(destinations), BLOCK):
            rows = self._rows[destinations[start : start + BLOCK]]
            costs = self._costs(rows, self._type)
            hops = np.full(costs.shape, _NOWHERE, dtype=np.int16)
            for heads, prices in self._columns:
                cheapest = costs.take(heads, axis=0) + prices == costs[: len(heads)]
                candidates = np.where(cheapest, names[heads][:, None], _NOWHERE)
                np.minimum(hops[: len(heads)], candidates, out=hops[: len(heads)])
            hops[rows, np.arange(len(rows))] = names[rows]
            result[start : start + len(rows)] = hops[self._rows].T
        return result

    def _costs(self, rows: NDArray[np.int64], kind: np.dtype[Any]) -> NDArray[np.int64]:
        """Computes the cost from every row to each of these rows, shape (carriers, rows)."""
        costs = np.full((len(self._carriers), len(rows)), _unreached(kind), dtype=kind)
        costs[rows, np.arange(len(rows))] = 0
        while True:
            before = costs.copy()
            for heads, prices in self._columns:
                candidates = costs.take(heads, axis=0)
                candidates += prices
                np.minimum(costs[: len(heads)], candidates, out=costs[: len(heads)])
            if np.array_equal(before, costs):
                return costs


def _unreached(kind: np.dtype[Any]) -> int:
    # Half the range, so that adding a price to it never wraps around.
    return int(np.iinfo(kind).max // 2)


def _blocks(destinations: NDArray[np.int32]) -> Iterator[NDArray[np.int32]]:
    for start in range(0, len(destinations), BLOCK):
        yield destinations[start : start + BLOCK]
