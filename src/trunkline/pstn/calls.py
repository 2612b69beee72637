"""Calls as they happen: who calls whom, by which carriers, when it reaches each of them, and how it ends."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from trunkline.pstn.campaigns import Campaigns
from trunkline.pstn.parameters import Parameters
from trunkline.pstn.routes import Routes
from trunkline.pstn.subscribers import Subscribers
from trunkline.pstn.timing import DiurnalProfile, ringing_times, setup_delays, talking_times

CHUNK = 50_000
"""Calls generated at once."""

NO_CAMPAIGN = -1
WITHHELD = 0

_STREAM = 100
_WITHHELD_SHARE = 0.03


class Outcome(IntEnum):
    """How a call ends."""

    ANSWERED = 0
    BUSY = 1
    CANCELLED = 2
    FAILED = 3


OUTCOME_NAMES = ("answered", "busy", "cancelled", "failed")
SIP_CODES = (200, 486, 487, 503)
_ORDINARY_ODDS = (0.68, 0.08, 0.22, 0.02)
_ROBOCALL_ODDS = (0.45, 0.05, 0.47, 0.03)


@dataclass(frozen=True, eq=False)
class Calls:
    """Consecutive calls of a run, in the order in which they begin.

    Attributes:
        first: Number of the first one in the run.
        callers: The caller ID that the first carrier receives; `WITHHELD` if none.
        called: The called number.
        campaigns: The campaign; `NO_CAMPAIGN` for ordinary calls.
        outcomes: How each ends, an `Outcome`.
        answer_us: When it is answered; 0 if it is not.
        end_us: When it ends.
        offsets: Where each call's route begins in `hops`, and after the last one where it ends.
        hops: The carriers of all routes, one route after the other.
        arrival_us: When the call reaches each of them.
    """

    first: int
    callers: NDArray[np.int64]
    called: NDArray[np.int64]
    campaigns: NDArray[np.int32]
    outcomes: NDArray[np.int8]
    answer_us: NDArray[np.int64]
    end_us: NDArray[np.int64]
    offsets: NDArray[np.int64]
    hops: NDArray[np.int32]
    arrival_us: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.callers)

    @property
    def of_hop(self) -> NDArray[np.int64]:
        """For each hop, which call of these it belongs to."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    @property
    def place_of_hop(self) -> NDArray[np.int64]:
        """For each hop, its place on the route, from 0."""
        return np.arange(len(self.hops)) - np.repeat(self.offsets[:-1], np.diff(self.offsets))


class CallModel:
    """Makes the calls of a run, any part of it by itself.

    Args:
        parameters: What the run is generated from.
        subscribers: Who calls.
        campaigns: The robocall campaigns.
        routes: Cheapest routes between carriers.
    """

    def __init__(
        self, parameters: Parameters, subscribers: Subscribers, campaigns: Campaigns, routes: Routes
    ) -> None:
        self._parameters = parameters
        self._subscribers = subscribers
        self._campaigns = campaigns
        self._routes = routes
        self._profile = DiurnalProfile(parameters.start_us, parameters.duration_us)

    def begins_us(self, number: int) -> int:
        """When call `number` begins at the earliest, and the one before it at the latest."""
        return int(self._profile.times(np.array([number / self._parameters.calls]))[0])

    def make(self, first: int, count: int) -> Calls:
        """Makes calls `first` to `first + count - 1`; the same call may differ in another division."""
        total = self._parameters.calls
        generator = np.random.default_rng([self._parameters.seed, _STREAM, first])
        shares = (first + np.sort(generator.random(count)) * count) / total
        start_us = self._profile.times(shares)
        campaigns, from_carrier, callers, called = self._parties(first, count, generator)
        offsets, hops = self._routes.expand(from_carrier, self._subscribers.carriers[called])
        outcomes = _outcomes(campaigns != NO_CAMPAIGN, generator)
        delays = setup_delays(len(hops), generator)
        delays[offsets[:-1]] = 0
        since_first = np.cumsum(delays)
        lengths = np.diff(offsets)
        arrival_us = np.repeat(start_us - since_first[offsets[:-1]], lengths) + since_first
        ringing = ringing_times(count, generator)
        ringing[(outcomes == Outcome.BUSY) | (outcomes == Outcome.FAILED)] = 200_000
        talking = talking_times(campaigns != NO_CAMPAIGN, generator)
        decided_us = arrival_us[offsets[1:] - 1] + ringing
        answered = outcomes == Outcome.ANSWERED
        return Calls(
            first=first,
            callers=callers,
            called=self._subscribers.numbers[called],
            campaigns=campaigns,
            outcomes=outcomes,
            answer_us=np.where(answered, decided_us, 0),
            end_us=np.where(answered, decided_us + talking, decided_us),
            offsets=offsets,
            hops=hops,
            arrival_us=arrival_us,
        )

    def _parties(
        self, first: int, count: int, generator: np.random.Generator
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
        """Draws campaign, first carrier, caller ID and called subscriber of each call."""
        people = self._subscribers
        pairs = people.edges[generator.integers(0, len(people.edges), count)]
        turned = generator.random(count) < 0.5
        calling = np.where(turned, pairs[:, 1], pairs[:, 0])
        called = np.where(turned, pairs[:, 0], pairs[:, 1]).astype(np.int64)
        from_carrier = people.carriers[calling]
        callers = np.where(generator.random(count) < _WITHHELD_SHARE, WITHHELD, people.numbers[calling])
        campaigns = np.full(count, NO_CAMPAIGN, dtype=np.int32)
        share = self._parameters.robocalls
        before, after = (
            min(int(end * share), self._parameters.robocall_count) for end in (first, first + count)
        )
        if first + count == self._parameters.calls:
            after = self._parameters.robocall_count
        robocalls = np.sort(generator.permutation(count)[: after - before])
        if len(robocalls):
            which, numbers = self._campaigns.of_calls(np.arange(before, after))
            campaigns[robocalls] = which
            called[robocalls] = self._campaigns.called(which, numbers, people, generator)
            from_carrier[robocalls] = self._campaigns.carriers[which]
            callers[robocalls] = self._campaigns.callers(which, people.numbers[called[robocalls]], generator)
        return campaigns, from_carrier, callers, called


def _outcomes(robocalls: NDArray[np.bool_], generator: np.random.Generator) -> NDArray[np.int8]:
    drawn = generator.random(len(robocalls))
    ordinary = np.searchsorted(np.cumsum(_ORDINARY_ODDS)[:-1], drawn, side="right")
    robocall = np.searchsorted(np.cumsum(_ROBOCALL_ODDS)[:-1], drawn, side="right")
    return np.where(robocalls, robocall, ordinary).astype(np.int8)
