"""Where calls go first: the exact expectation over every destination and every equally good route.

The adoption study asks about the first carriers of a call's path. Instead of sampling calls, this module
sums over all destinations, each by its weight, and over all best routes to each, every one equally likely:
counting best routes from both ends of a connection gives the share of calls that pass it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trunkline.pstn.route_search import BLOCK, RouteSearch


class Ties(StrEnum):
    """Which of several equally good routes a call takes."""

    EVENLY = "evenly"
    LARGEST = "largest"
    SMALLEST = "smallest"


@dataclass(frozen=True)
class Weighting:
    """How much a call counts, by its destination and by the hops that it makes.

    Attributes:
        destinations: Weight of each carrier as a destination (in the order of rows).
        kept: Factor for every carrier strictly between the first and the last.
    """

    destinations: NDArray[np.float64]
    kept: float = 1.0


@dataclass(frozen=True)
class FirstHops:
    """Who is handed the calls of whom.

    Attributes:
        tails: Row of the handing carrier, for each direction of each connection.
        heads: Row of the carrier handed to.
        shares: Weight of the tail's calls that are handed to the head first, for each weighting; what is
            missing to the whole stays within the tail.
        paths: Mean number of carriers on the path of each row's calls, for each weighting.
    """

    tails: NDArray[np.int64]
    heads: NDArray[np.int64]
    shares: NDArray[np.float64]
    paths: NDArray[np.float64]


def first_hops(search: RouteSearch, weightings: list[Weighting], ties: Ties = Ties.EVENLY) -> FirstHops:
    """Sums up where every carrier's calls go first.

    Args:
        search: The network's routes.
        weightings: What a call counts, once for each result that is wanted.
        ties: Which of equally good routes is taken; `LARGEST` and `SMALLEST` go by the rows' order.
    """
    size = len(search.carriers)
    sums = [np.zeros((len(weightings), len(heads))) for heads, _ in search.columns]
    paths = np.ones((len(weightings), size))
    for start in range(0, size, BLOCK):
        rows = np.arange(start, min(size, start + BLOCK))
        prices = search.prices(rows)
        best = search.cheapest(prices)
        hops = (prices % search.unit).astype(np.float32)
        for index, weighting in enumerate(weightings):
            paths[index] += hops @ weighting.destinations[rows]
        if ties is Ties.EVENLY:
            chances = _chances(search, best, count_routes(search, best, rows))
        else:
            chances = _choices(search, best, ties)
        factors = [_factor(weighting, rows, hops) for weighting in weightings]
        for (heads, _), chance, total in zip(search.columns, chances, sums, strict=True):
            for index, factor in enumerate(factors):
                total[index] += np.einsum("ij,ij->i", chance, factor[: len(heads)])
    return FirstHops(
        tails=np.concatenate([np.arange(len(heads)) for heads, _ in search.columns]),
        heads=np.concatenate([heads for heads, _ in search.columns]),
        shares=np.concatenate(sums, axis=1),
        paths=paths,
    )


def unseen(
    search: RouteSearch, destinations: NDArray[np.float64], adopters: NDArray[np.bool_], depth: int
) -> NDArray[np.float64]:
    """Computes how much of each carrier's calls has no adopter among the first carriers of its path.

    Args:
        search: The network's routes; of equally good ones, each is equally likely.
        destinations: Weight of each row as a destination; they sum to 1.
        adopters: Who adopts, shape (cases, rows).
        depth: How many carriers to look at, at most; 2 or more.

    Returns:
        Shape (depth - 1, cases, rows): first for two carriers, last for `depth`.
    """
    size = len(search.carriers)
    outside = (~adopters).astype(np.float32)
    result = np.zeros((depth - 1, len(adopters), size))
    for start in range(0, size, BLOCK):
        rows = np.arange(start, min(size, start + BLOCK))
        own = np.arange(len(rows))
        best = search.cheapest(search.prices(rows))
        chances = list(_chances(search, best, count_routes(search, best, rows)))
        for case, away in enumerate(outside[:, :, None]):
            ahead = np.repeat(away, len(rows), axis=1)
            for step in range(depth - 1):
                behind = np.zeros_like(ahead)
                for (heads, _), chance in zip(search.columns, chances, strict=True):
                    behind[: len(heads)] += ahead.take(heads, axis=0) * chance
                # A call within one carrier, or one that has arrived, meets nobody else.
                behind[rows, own] = 1
                behind *= away
                ahead = behind
                result[step, case] += ahead @ destinations[rows]
    return result


def count_routes(
    search: RouteSearch, best: list[NDArray[np.bool_]], rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Counts the best routes from every row to each of these rows."""
    own = np.arange(len(rows))
    counts = np.zeros((len(search.carriers), len(rows)), dtype=np.float32)
    counts[rows, own] = 1
    while True:
        sums = np.zeros_like(counts)
        for (heads, _), chosen in zip(search.columns, best, strict=True):
            sums[: len(heads)] += counts.take(heads, axis=0) * chosen
        sums[rows, own] = 1
        if np.array_equal(sums, counts):
            return counts
        counts = sums


def _chances(search: RouteSearch, best: list[NDArray[np.bool_]], counts: NDArray[np.float32]) -> Any:
    """Yields, for each column, how likely a call is handed to that neighbour."""
    share = 1 / counts
    for (heads, _), chosen in zip(search.columns, best, strict=True):
        yield counts.take(heads, axis=0) * chosen * share[: len(heads)]


def _choices(search: RouteSearch, best: list[NDArray[np.bool_]], ties: Ties) -> Any:
    """Yields, for each column, whether a call is handed to that neighbour and to no other."""
    size = len(search.carriers)
    nobody, better = (size, np.minimum) if ties is Ties.LARGEST else (-1, np.maximum)
    taken = np.full((size, best[0].shape[1]), nobody, dtype=np.int32)
    for (heads, _), chosen in zip(search.columns, best, strict=True):
        candidates = np.where(chosen, heads[:, None].astype(np.int32), nobody)
        better(taken[: len(heads)], candidates, out=taken[: len(heads)])
    for heads, _ in search.columns:
        yield (taken[: len(heads)] == heads[:, None]).astype(np.float32)


def _factor(weighting: Weighting, rows: NDArray[np.int64], hops: NDArray[np.float32]) -> NDArray[np.float32]:
    weights = weighting.destinations[rows].astype(np.float32)
    if weighting.kept == 1:
        return np.broadcast_to(weights, hops.shape)
    kept: NDArray[np.float32] = np.float32(weighting.kept) ** np.maximum(hops - 1, 0) * weights
    return kept
