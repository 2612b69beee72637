"""Robocall campaigns: where they enter the network, what caller IDs they show, and whom they dial."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from trunkline.pstn.carriers import CarrierNetwork
from trunkline.pstn.numbering import any_numbers, neighbours_of
from trunkline.pstn.parameters import Parameters
from trunkline.pstn.subscribers import Subscribers

_LANES = 8


class Spoofing(IntEnum):
    """Which caller ID a campaign shows."""

    RANDOM = 0
    """Any number of the plan, another one for each call."""
    NEIGHBOUR = 1
    """A number with the area code and exchange of the called one."""
    FIXED = 2
    """One number that belongs to somebody else."""


@dataclass(frozen=True, eq=False)
class Campaigns:
    """All campaigns; each has a place in one of a few lanes, where they run one after the other.

    So the n-th robocall of the whole run belongs to a known campaign and is its k-th call, and any part of
    the run can be generated without what came before it.

    Attributes:
        carriers: Carrier by which each campaign enters the network.
        spoofing: Its caller IDs, a `Spoofing`.
        fixed: The number it shows if that is fixed.
        sequential: Whether it dials numbers in their order; the others dial at random.
        first: From which place in the order of numbers on.
        lanes: How many lanes there are.
        begins: For each lane, its campaigns and the place in the lane at which each begins.
    """

    carriers: NDArray[np.int32]
    spoofing: NDArray[np.int8]
    fixed: NDArray[np.int64]
    sequential: NDArray[np.bool_]
    first: NDArray[np.int64]
    lanes: int
    begins: list[tuple[NDArray[np.int64], NDArray[np.int64]]]

    def of_calls(self, ordinals: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Tells of robocalls, numbered over the whole run, the campaign and the number in the campaign."""
        campaigns = np.empty(len(ordinals), dtype=np.int32)
        numbers = np.empty(len(ordinals), dtype=np.int64)
        for lane, (members, begins) in enumerate(self.begins):
            mine = ordinals % self.lanes == lane
            places = ordinals[mine] // self.lanes
            slots = np.searchsorted(begins, places, side="right") - 1
            campaigns[mine] = members[slots]
            numbers[mine] = places - begins[slots]
        return campaigns, numbers

    def called(
        self,
        campaigns: NDArray[np.int32],
        numbers: NDArray[np.int64],
        subscribers: Subscribers,
        generator: np.random.Generator,
    ) -> NDArray[np.int64]:
        """Tells whom robocalls dial."""
        count = len(subscribers.numbers)
        at_random = generator.integers(0, count, len(campaigns))
        in_order = subscribers.by_number[(self.first[campaigns] + numbers) % count]
        return np.where(self.sequential[campaigns], in_order, at_random)

    def callers(
        self, campaigns: NDArray[np.int32], called: NDArray[np.int64], generator: np.random.Generator
    ) -> NDArray[np.int64]:
        """Tells which caller IDs robocalls to some numbers show."""
        kinds = self.spoofing[campaigns]
        return np.select(
            [kinds == Spoofing.RANDOM, kinds == Spoofing.NEIGHBOUR],
            [any_numbers(len(called), generator), neighbours_of(called, generator)],
            self.fixed[campaigns],
        )


def make_campaigns(
    parameters: Parameters, network: CarrierNetwork, subscribers: Subscribers, generator: np.random.Generator
) -> Campaigns:
    """Draws the campaigns of a run; their sizes differ by a factor of a hundred and more."""
    calls = parameters.robocall_count
    count = min(parameters.campaigns, calls)
    smallest = np.argsort(network.degree, kind="stable")
    entries = smallest[: max(1, round(parameters.robocall_carriers * network.size))]
    lanes = max(1, min(_LANES, count))
    weights = np.exp(generator.normal(0.0, 1.5, count))
    begins = []
    for lane in range(lanes):
        members = np.arange(lane, count, lanes)
        # Calls with this number modulo the lanes; a campaign too small for a single one has none.
        places = len(range(lane, calls, lanes))
        ladder = np.cumsum(weights[members])
        starts = np.concatenate(([0.0], ladder[:-1])) / ladder[-1:] * places
        begins.append((members, np.floor(starts).astype(np.int64)))
    return Campaigns(
        carriers=generator.choice(entries, count).astype(np.int32),
        spoofing=generator.integers(0, len(Spoofing), count).astype(np.int8),
        fixed=subscribers.numbers[generator.integers(0, len(subscribers.numbers), count)],
        sequential=generator.random(count) < 0.5,
        first=generator.integers(0, len(subscribers.numbers), count),
        lanes=lanes,
        begins=begins,
    )
