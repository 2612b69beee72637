"""The adoption study on one network: how many robocalls the records of its adopters trace back.

A record names the carrier that wrote it, the one before and the one after. So the originator of a call is
known if the first or the second carrier of its path adopts, which is what counts as success.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from trunkline.errors import InputError
from trunkline.pstn.adoption_flows import FirstHops, Ties, Weighting, first_hops, unseen
from trunkline.pstn.adoption_scenarios import (
    MAX_BEYOND,
    Adopters,
    Destinations,
    Graph,
    Network,
    Scenario,
    Sources,
)
from trunkline.pstn.carriers import CarrierNetwork, barabasi_albert, bianconi_barabasi
from trunkline.pstn.route_search import RouteSearch

ADOPTIONS = (0.01, 0.02, 0.05, 0.10, 0.15, 0.20, 0.25, 0.30)
"""Shares of all carriers that adopt."""

GATEWAYS = 10
"""Carriers through which calls from abroad enter, in the scenario of gateways."""

MIN_CARRIERS = 100
"""Below this, one hundredth of the carriers is nobody."""

_SIZE_CLASSES = (0.1, 0.5)
"""Carriers above these ranks adopt before those below, in the scenario of size classes."""


def grow(network: Network, size: int, seed: int) -> CarrierNetwork:
    """Grows the graph of a scenario.

    Raises:
        InputError: The size is too small for shares of one hundredth, or too large.
    """
    if size < MIN_CARRIERS:
        raise InputError(f"the study needs at least {MIN_CARRIERS} carriers, not {size}")
    if network.graph is Graph.BARABASI_ALBERT:
        return barabasi_albert(size, network.m, seed, network.highest_cost)
    return bianconi_barabasi(size, network.m, seed, highest_cost=network.highest_cost)


class Model:
    """One network and its adopters, destinations and routes; answers scenarios that share its graph.

    Args:
        network: The carriers.
        seed: For what is drawn on top of the graph.
        scenarios: What will be asked: routes are searched once for all of them.
    """

    def __init__(self, network: CarrierNetwork, seed: int, scenarios: list[Scenario]) -> None:
        self._seed = seed
        self._network = network
        self._search = RouteSearch(network)
        self._degree = network.degree[self._search.carriers]
        self._customers = _customers(self._degree, np.random.default_rng([seed, 3]))
        self._flows: dict[Ties, tuple[list[tuple[Destinations, float]], FirstHops]] = {}
        self._unseen: dict[Scenario, NDArray[np.float64]] = {}
        for ties in sorted({one.ties for one in scenarios}):
            keys = sorted({(one.destinations, one.rewriters) for one in scenarios if one.ties is ties})
            weightings = [Weighting(self.destinations(where), 1 - share) for where, share in keys]
            self._flows[ties] = keys, first_hops(self._search, weightings, ties)

    def success(self, scenario: Scenario) -> NDArray[np.float64]:
        """Computes the share of robocalls traced back, for each of `ADOPTIONS`."""
        sources = self.sources(scenario)
        order = self.adopters(scenario.adopters)
        if scenario.originators_last:
            order = order[np.argsort(sources[order] > 0, kind="stable")]
        adopts = np.zeros((len(ADOPTIONS), len(order)), dtype=np.bool_)
        for case, adoption in enumerate(ADOPTIONS):
            adopts[case, order[: round(adoption * len(order))]] = True
        if scenario.beyond:
            traced = 1 - self._missed(scenario, adopts)
        else:
            traced = np.array([self._traced(scenario, adopting) for adopting in adopts])
        result: NDArray[np.float64] = traced @ sources
        return result

    def path(self, scenario: Scenario) -> float:
        """Computes how many carriers a robocall passes on average."""
        flows, index = self._flow(scenario)
        return float(flows.paths[index] @ self.sources(scenario))

    def _traced(self, scenario: Scenario, adopting: NDArray[np.bool_]) -> NDArray[np.float64]:
        flows, index = self._flow(scenario)
        seen = adopting[flows.tails] | adopting[flows.heads]
        handed = np.bincount(flows.tails, weights=flows.shares[index] * seen, minlength=len(adopting))
        return handed + adopting * self.destinations(scenario.destinations)

    def _flow(self, scenario: Scenario) -> tuple[FirstHops, int]:
        """Finds where calls go first under a scenario, and the place of its weighting there."""
        keys, flows = self._flows[scenario.ties]
        return flows, keys.index((scenario.destinations, scenario.rewriters))

    def _missed(self, scenario: Scenario, adopts: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Computes which calls meet no adopter; kept for the scenarios that differ in depth alone."""
        key = replace(scenario, name="", beyond=0)
        if key not in self._unseen:
            destinations = self.destinations(scenario.destinations)
            self._unseen[key] = unseen(self._search, destinations, adopts, 2 + MAX_BEYOND)
        missed: NDArray[np.float64] = self._unseen[key][scenario.beyond]
        return missed

    def destinations(self, where: Destinations) -> NDArray[np.float64]:
        """Gives each row's share of all subscribers."""
        weights = {
            Destinations.CONNECTIONS: self._degree,
            Destinations.CUSTOMERS: self._customers,
            Destinations.UNIFORM: np.ones(len(self._degree)),
        }[where]
        share: NDArray[np.float64] = weights / weights.sum()
        return share

    def adopters(self, order: Adopters) -> NDArray[np.int64]:
        """Lists the rows in the order in which they adopt."""
        size = len(self._degree)
        generator = np.random.default_rng([self._seed, 4])
        if order is Adopters.LARGEST:
            return np.arange(size)
        if order is Adopters.SMALLEST:
            return np.arange(size)[::-1]
        if order is Adopters.CUSTOMERS:
            return np.argsort(-self._customers, kind="stable")
        if order is Adopters.CLUSTERS:
            return self._spread(int(generator.integers(size)))
        drawn = generator.permutation(size)
        if order is Adopters.CLASSES:
            # Rows go by size; a stable sort by class keeps the drawn order within each.
            bounds = [round(share * size) for share in _SIZE_CLASSES]
            return drawn[np.argsort(np.searchsorted(bounds, drawn, side="right"), kind="stable")]
        return drawn

    def sources(self, scenario: Scenario) -> NDArray[np.float64]:
        """Gives the share of robocalls that start at each row."""
        size = len(self._degree)
        generator = np.random.default_rng([self._seed, 5])
        if scenario.sources is Sources.SHARE:
            return self.destinations(scenario.destinations)
        if scenario.sources is Sources.UNIFORM:
            chosen = np.arange(size)
        elif scenario.sources is Sources.GATEWAYS:
            share = self.destinations(scenario.destinations)
            chosen = generator.choice(size, GATEWAYS, replace=False, p=share)
        else:
            # Rows of equal degree go from the oldest carrier to the youngest.
            second = {
                Sources.SMALLEST: -np.arange(size),
                Sources.SMALLEST_DRAWN: generator.permutation(size),
                Sources.SMALLEST_OLDEST: np.arange(size),
            }[scenario.sources]
            chosen = np.lexsort((second, self._degree)).astype(np.int64)[: round(scenario.smallest * size)]
        weights = np.zeros(size)
        weights[chosen] = 1 / len(chosen)
        return weights

    def _spread(self, start: int) -> NDArray[np.int64]:
        """Lists the rows by how many hops they are from a row; nearer ones first, larger ones first."""
        hops = self._search.prices(np.array([start]))[:, 0] % self._search.unit
        return np.argsort(hops, kind="stable")


def _customers(degree: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.float64]:
    """Draws customers that go with connections, give or take a factor of e."""
    return np.asarray(degree * np.exp(generator.standard_normal(len(degree))), dtype=np.float64)
