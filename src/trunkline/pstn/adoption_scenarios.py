"""What the adoption study assumes, and what it assumes instead when asked to vary it.

The defaults of `Scenario` are the model on which the paper's section 7.2 was computed; `variations` lists
scenarios that differ from it in one assumption each.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from trunkline.errors import InputError
from trunkline.pstn.adoption_flows import Ties

MAX_BEYOND = 2
"""Hops that a trace may end after the originator, at most."""


class Graph(StrEnum):
    """How the network of carriers grows."""

    BARABASI_ALBERT = "Barabási-Albert"
    BIANCONI_BARABASI = "Bianconi-Barabási"


class Adopters(StrEnum):
    """Who adopts before whom."""

    LARGEST = "largest"
    CUSTOMERS = "most customers"
    CLASSES = "size classes"
    CLUSTERS = "neighbours"
    RANDOM = "random"
    SMALLEST = "smallest"


class Sources(StrEnum):
    """Which carriers robocalls start at. All but three are shares of the smallest carriers."""

    SMALLEST = "smallest, youngest of equals"
    SMALLEST_DRAWN = "smallest, drawn among equals"
    SMALLEST_OLDEST = "smallest, oldest of equals"
    UNIFORM = "every carrier alike"
    SHARE = "by market share"
    GATEWAYS = "gateways"


class Destinations(StrEnum):
    """How many subscribers a carrier has, and so how many randomly dialled calls end there."""

    CONNECTIONS = "as connections"
    CUSTOMERS = "customers apart from connections"
    UNIFORM = "every carrier alike"


class Assumption(StrEnum):
    """What `--vary` names."""

    ADOPTERS = "adopters"
    SOURCES = "sources"
    DESTINATIONS = "destinations"
    M = "m"
    WEIGHTS = "weights"
    GRAPH = "graph"
    ROUTES = "routes"
    LABEL = "label"
    SUCCESS = "success"


@dataclass(frozen=True)
class Network:
    """The graph of one scenario: scenarios with an equal one share the routes of a seed."""

    graph: Graph = Graph.BARABASI_ALBERT
    m: int = 2
    highest_cost: int = 1


@dataclass(frozen=True)
class Scenario:
    """One set of assumptions.

    Attributes:
        name: What sets it apart, in words.
        assumption: What it varies; None for the model of the paper.
        network: The graph of carriers.
        adopters: Who adopts before whom.
        originators_last: Carriers at which robocalls start adopt after all others.
        sources: Where robocalls start.
        smallest: Share of carriers that count as the smallest.
        destinations: Where they end.
        ties: Which of equally short routes a call takes.
        rewriters: Share of carriers, drawn at random, that hand on another caller ID than they received;
            a label of both numbers then finds no records from before.
        beyond: A trace succeeds if it names a carrier at most so many hops after the originating one;
            above 0 only with the paper's routes and labels.

    Raises:
        InputError: `beyond` is out of range, or combined with other routes or labels.
    """

    name: str
    assumption: Assumption | None = None
    network: Network = Network()
    adopters: Adopters = Adopters.LARGEST
    originators_last: bool = False
    sources: Sources = Sources.SMALLEST
    smallest: float = 0.1
    destinations: Destinations = Destinations.CONNECTIONS
    ties: Ties = Ties.EVENLY
    rewriters: float = 0.0
    beyond: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.beyond <= MAX_BEYOND:
            raise InputError(f"a trace may end 0 to {MAX_BEYOND} hops from the originator")
        if self.beyond and (self.rewriters or self.ties is not Ties.EVENLY):
            raise InputError(
                "traces that end beyond the originator are modelled with the paper's routes alone"
            )


PAPER = Scenario("the paper's model")
"""Section 7.2: Barabási-Albert, m = 2, unweighted; the largest adopt, the smallest 10 % originate."""

_ORDERS = {
    Adopters.CUSTOMERS: "most customers first (customers apart from connections)",
    Adopters.CLASSES: "by size class, in random order within each",
    Adopters.CLUSTERS: "from a random carrier to its neighbours and on",
    Adopters.RANDOM: "in random order",
    Adopters.SMALLEST: "smallest first",
}


def variations(assumptions: list[str]) -> list[Scenario]:
    """Lists the scenarios that differ from the paper's in these assumptions, one at a time.

    Args:
        assumptions: Names of `Assumption`, or `all`; each may be several, parted by commas.

    Raises:
        InputError: A name is not known.
    """
    names = [name for given in assumptions for name in given.split(",")]
    known = [one.value for one in Assumption]
    if unknown := set(names) - {*known, "all"}:
        raise InputError(
            f"nothing to vary is called {', '.join(sorted(unknown))}; choose from {', '.join(known)}, all"
        )
    chosen = set(known) if "all" in names else set(names)
    return [one for one in _all_variations() if one.assumption in chosen]


def _all_variations() -> list[Scenario]:
    def vary(assumption: Assumption, name: str, **changes: Any) -> Scenario:
        return replace(PAPER, name=name, assumption=assumption, **changes)

    heavy = Network(highest_cost=10)
    fit = Network(graph=Graph.BIANCONI_BARABASI)
    return [
        *(vary(Assumption.ADOPTERS, words, adopters=order) for order, words in _ORDERS.items()),
        *(
            vary(
                Assumption.ADOPTERS,
                f"{_ORDERS[order]}, originators of robocalls last",
                adopters=order,
                originators_last=True,
            )
            for order in (Adopters.RANDOM, Adopters.SMALLEST)
        ),
        *(vary(Assumption.SOURCES, f"smallest {share:.0%}", smallest=share) for share in (0.05, 0.25, 0.5)),
        vary(Assumption.SOURCES, "smallest 10%, drawn among equals", sources=Sources.SMALLEST_DRAWN),
        vary(Assumption.SOURCES, "smallest 10%, oldest of equals", sources=Sources.SMALLEST_OLDEST),
        vary(Assumption.SOURCES, "every carrier alike", sources=Sources.UNIFORM),
        vary(Assumption.SOURCES, "by market share", sources=Sources.SHARE),
        vary(Assumption.SOURCES, "ten gateways from abroad", sources=Sources.GATEWAYS),
        vary(
            Assumption.DESTINATIONS,
            "by customers, apart from connections",
            destinations=Destinations.CUSTOMERS,
        ),
        vary(Assumption.DESTINATIONS, "every carrier alike", destinations=Destinations.UNIFORM),
        vary(Assumption.M, "m = 1", network=Network(m=1)),
        vary(Assumption.M, "m = 3", network=Network(m=3)),
        vary(Assumption.WEIGHTS, "agreements cost 1 to 10", network=heavy),
        vary(Assumption.GRAPH, "Bianconi-Barabási, unweighted", network=fit),
        vary(
            Assumption.GRAPH,
            "Bianconi-Barabási, agreements cost 1 to 10",
            network=replace(fit, highest_cost=10),
        ),
        vary(Assumption.ROUTES, "by the larger of equal neighbours", ties=Ties.LARGEST),
        vary(Assumption.ROUTES, "by the smaller of equal neighbours", ties=Ties.SMALLEST),
        *(
            vary(Assumption.LABEL, f"src+dst, {share:.0%} of carriers rewrite caller IDs", rewriters=share)
            for share in (0.01, 0.05, 0.2)
        ),
        *(
            vary(Assumption.SUCCESS, f"at most {hops} from the originator", beyond=count)
            for count, hops in ((1, "1 hop"), (2, "2 hops"))
        ),
    ]
