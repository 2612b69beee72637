"""How carriers behave: who writes records, who changes caller IDs, whose clock is wrong, and who lies how."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from trunkline.pstn.carriers import CarrierNetwork
from trunkline.pstn.parameters import Parameters
from trunkline.pstn.subscribers import Subscribers
from trunkline.pstn.timing import Clocks, make_clocks


class Handling(IntEnum):
    """What a carrier does to the caller ID of the calls that it hands on."""

    KEPT = 0
    DROPPED = 1
    REWRITTEN = 2


class Lie(IntEnum):
    """How a record is false: each way to break an invariant of section 5.3 of the Jäger paper."""

    FALSE_PREVIOUS = 0
    """It names another previous carrier. At the origin: it blames somebody (no origin is left)."""
    FALSE_NEXT = 1
    """It names another next carrier. At the end: it says the call went on (no end is left)."""
    CLAIMS_ORIGIN = 2
    """A carrier further on says that the call began with it (a second origin)."""
    CLAIMS_END = 3
    """A carrier further up says that the call ended with it (a second end)."""
    OMITTED = 4
    """There is no record (a missing origin, a missing end, or a gap, by the place)."""
    INVENTED = 5
    """A carrier that never had the call writes a record of it (a node of no route)."""
    CONTRADICTED = 6
    """A second record of the call names other neighbours (degrees above two)."""


HONEST = -1


@dataclass(frozen=True, eq=False)
class Carriers:
    """What each carrier of a network is like.

    Attributes:
        participates: Whether it writes records.
        handling: What it does to caller IDs, a `Handling`.
        main_number: The number that a rewriting carrier shows.
        lie: The kind of its lies; `HONEST` for most.
        clocks: Its clock.
    """

    participates: NDArray[np.bool_]
    handling: NDArray[np.int8]
    main_number: NDArray[np.int64]
    lie: NDArray[np.int8]
    clocks: Clocks


def make_carriers(
    parameters: Parameters, subscribers: Subscribers, generator: np.random.Generator
) -> Carriers:
    """Draws how carriers behave; every kind of lie is as frequent as the others."""
    count = parameters.carriers
    handling = np.zeros(count, dtype=np.int8)
    changing = generator.permutation(count)
    dropping = round(parameters.droppers * count)
    rewriting = round(parameters.rewriters * count)
    handling[changing[:dropping]] = Handling.DROPPED
    handling[changing[dropping : dropping + rewriting]] = Handling.REWRITTEN
    participates = np.ones(count, dtype=np.bool_)
    participates[generator.permutation(count)[round(parameters.participation * count) :]] = False
    lie = np.full(count, HONEST, dtype=np.int8)
    liars = generator.permutation(count)[: round(parameters.liars * count)]
    lie[liars] = np.arange(len(liars)) % len(Lie)
    some_subscriber = np.empty(count, dtype=np.int64)
    some_subscriber[subscribers.carriers[::-1]] = subscribers.numbers[::-1]
    return Carriers(participates, handling, some_subscriber, lie, make_clocks(parameters, generator))


class Connections:
    """The neighbours of each carrier, to draw from.

    Args:
        network: The carriers.
    """

    def __init__(self, network: CarrierNetwork) -> None:
        tails = np.concatenate((network.edges[:, 0], network.edges[:, 1]))
        order = np.argsort(tails, kind="stable")
        self._heads = np.concatenate((network.edges[:, 1], network.edges[:, 0]))[order].astype(np.int32)
        self._degree = network.degree
        self._first = np.cumsum(network.degree) - network.degree

    def of(self, carrier: int) -> NDArray[np.int32]:
        """The neighbours of one carrier."""
        first = self._first[carrier]
        return self._heads[first : first + self._degree[carrier]]

    def other_than(
        self, carriers: NDArray[np.int32], avoided: NDArray[np.int32], generator: np.random.Generator
    ) -> NDArray[np.int32]:
        """Draws for each carrier a neighbour that is not a given one; that one if there is no other."""
        degree, first = self._degree[carriers], self._first[carriers]
        place = generator.integers(0, degree)
        drawn = self._heads[first + place]
        following = self._heads[first + (place + 1) % degree]
        return np.where(drawn == avoided, following, drawn)
