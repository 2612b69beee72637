"""Cheapest routes between carriers, without a table of all routes in memory.

A carrier hands a call to the neighbour from which the destination is cheapest to reach, as least-cost
routing does; of equally cheap ways it takes one with the fewest hops, and of those the neighbour with the
smallest index. So a route depends on nothing but the network, and a part of a route is the route of that
part. Next hops that are wanted again are kept in a memory-mapped file of 2 bytes a pair of carriers.
"""

import os
import tempfile
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from trunkline.errors import InputError, StorageError
from trunkline.pstn.carriers import CarrierNetwork
from trunkline.pstn.route_search import BLOCK, RouteSearch


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
        self._search = RouteSearch(network)
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
        missing = np.flatnonzero(wanted & ~self._done).astype(np.int32)
        for start in range(0, len(missing), BLOCK):
            block = missing[start : start + BLOCK]
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
