"""What carriers write down of calls: one record a carrier and call, true or not, and a list of what is not.

The caller ID of a record is the one that the carrier received: what a carrier drops or rewrites, those after
it never see. Lies change records after that; the calls themselves stay as they happened.
"""

from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from trunkline.pstn.behaviour import Carriers, Connections, Handling, Lie
from trunkline.pstn.calls import NO_CAMPAIGN, WITHHELD, Calls
from trunkline.pstn.parameters import Parameters

SUBSCRIBERS = -1
"""In the place of a neighbour: the carrier's own subscribers. Campaign k's access line is -2 - k."""

PLACES = 256
"""More carriers than any route has."""

_STREAM = 200
_Self = TypeVar("_Self", bound="Columns")


class Columns:
    """A dataclass whose fields are columns of one length."""

    __slots__ = ()

    def only(self: _Self, chosen: NDArray[np.bool_]) -> _Self:
        """Some of the rows."""
        return type(self)(*(getattr(self, field.name)[chosen] for field in fields(self)))  # type: ignore[arg-type]  # subclasses are dataclasses

    def and_also(self: _Self, other: _Self) -> _Self:
        """These rows and those of another one."""
        pairs = ((getattr(self, field.name), getattr(other, field.name)) for field in fields(self))  # type: ignore[arg-type]  # likewise
        return type(self)(*map(np.concatenate, pairs))


@dataclass(frozen=True, eq=False)
class Records(Columns):
    """Records of some calls, by all carriers, in no order.

    Attributes:
        carriers: Who wrote each.
        numbers: Different for all records of one carrier, over the whole run.
        before: Whom the call came from, a carrier or an access line.
        after: Whom it went to.
        callers: Caller ID, `WITHHELD` if none.
        called: Called number.
        arrival_us: When the call arrived, by the carrier's clock.
        answer_us: When it was answered, by that clock; 0 if it was not.
        end_us: When it ended, by that clock.
        outcomes: How it ended, an `Outcome`.
    """

    carriers: NDArray[np.int32]
    numbers: NDArray[np.int64]
    before: NDArray[np.int32]
    after: NDArray[np.int32]
    callers: NDArray[np.int64]
    called: NDArray[np.int64]
    arrival_us: NDArray[np.int64]
    answer_us: NDArray[np.int64]
    end_us: NDArray[np.int64]
    outcomes: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.carriers)


@dataclass(frozen=True, eq=False)
class Untruths:
    """Records that are false, missing or invented.

    Attributes:
        calls: Number of the call in the run.
        carriers: Who lies.
        kinds: How, a `Lie`.
    """

    calls: NDArray[np.int64]
    carriers: NDArray[np.int32]
    kinds: NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class _Claim(Columns):
    """Records before times and numbers are filled in: who says what of which call."""

    calls: NDArray[np.int64]
    carriers: NDArray[np.int32]
    before: NDArray[np.int32]
    after: NDArray[np.int32]
    callers: NDArray[np.int64]
    arrival_us: NDArray[np.int64]
    marks: NDArray[np.int64]


def write_records(
    calls: Calls, carriers: Carriers, connections: Connections, parameters: Parameters
) -> tuple[Records, Untruths]:
    """Tells what all carriers write down of some calls.

    Args:
        calls: What happened.
        carriers: What carriers are like.
        connections: Who is connected to whom.
        parameters: What the run is generated from.
    """
    generator = np.random.default_rng([parameters.seed, _STREAM, calls.first])
    claims, untruths = _with_lies(
        _true_claims(calls, carriers), calls, carriers, connections, parameters, generator
    )
    claims = claims.only(carriers.participates[claims.carriers])
    # A carrier that writes no records tells no lies either.
    heard = carriers.participates[untruths.carriers]
    untruths = Untruths(untruths.calls[heard], untruths.carriers[heard], untruths.kinds[heard])
    return _records(claims, calls, carriers), untruths


def received_callers(calls: Calls, carriers: Carriers) -> NDArray[np.int64]:
    """Tells for each hop which caller ID the carrier receives."""
    lengths = np.diff(calls.offsets)
    shown = calls.callers.copy()
    received = np.empty(len(calls.hops), dtype=np.int64)
    for place in range(int(lengths.max())):
        going = np.flatnonzero(lengths > place)
        hops = calls.offsets[going] + place
        received[hops] = shown[going]
        at = calls.hops[hops]
        shown[going] = np.select(
            [carriers.handling[at] == Handling.DROPPED, carriers.handling[at] == Handling.REWRITTEN],
            [np.full(len(at), WITHHELD), carriers.main_number[at]],
            shown[going],
        )
    return received


def _true_claims(calls: Calls, carriers: Carriers) -> _Claim:
    of_hop = calls.of_hop
    before, after = np.roll(calls.hops, 1), np.roll(calls.hops, -1)
    campaigns = calls.campaigns
    before[calls.offsets[:-1]] = np.where(campaigns == NO_CAMPAIGN, SUBSCRIBERS, -2 - campaigns)
    after[calls.offsets[1:] - 1] = SUBSCRIBERS
    received = received_callers(calls, carriers)
    return _Claim(of_hop, calls.hops, before, after, received, calls.arrival_us, calls.place_of_hop)


def _with_lies(
    true: _Claim,
    calls: Calls,
    carriers: Carriers,
    connections: Connections,
    parameters: Parameters,
    generator: np.random.Generator,
) -> tuple[_Claim, Untruths]:
    kinds = np.where(
        generator.random(len(true.carriers)) < parameters.lies, carriers.lie[true.carriers], np.int8(-1)
    )
    other_before = connections.other_than(true.carriers, true.before, generator)
    other_after = connections.other_than(true.carriers, true.after, generator)
    # What the chosen lie comes to may be the truth, as when an origin claims to be one.
    said_before = np.select(
        [kinds == Lie.FALSE_PREVIOUS, (kinds == Lie.CLAIMS_ORIGIN) & (true.before >= 0)],
        [other_before, np.full_like(other_before, SUBSCRIBERS)],
        true.before,
    )
    said_after = np.select(
        [kinds == Lie.FALSE_NEXT, (kinds == Lie.CLAIMS_END) & (true.after >= 0)],
        [other_after, np.full_like(other_after, SUBSCRIBERS)],
        true.after,
    )
    omitted = kinds == Lie.OMITTED
    false = omitted | (said_before != true.before) | (said_after != true.after)
    told = _Claim(
        true.calls, true.carriers, said_before, said_after, true.callers, true.arrival_us, true.marks
    )
    contradicted = kinds == Lie.CONTRADICTED
    contradicted &= (other_before != true.before) | (other_after != true.after)
    second = _Claim(
        true.calls,
        true.carriers,
        other_before,
        other_after,
        true.callers,
        true.arrival_us,
        true.marks + PLACES,
    ).only(contradicted)
    invented = _inventions(true.carriers[kinds == Lie.INVENTED], calls, connections, generator)
    untruths = Untruths(
        calls=calls.first + np.concatenate((true.calls[false], second.calls, invented.calls)),
        carriers=np.concatenate((true.carriers[false], second.carriers, invented.carriers)),
        kinds=np.concatenate(
            (
                kinds[false],
                np.full(len(second.calls), Lie.CONTRADICTED, dtype=np.int8),
                np.full(len(invented.calls), Lie.INVENTED, dtype=np.int8),
            )
        ),
    )
    return told.only(~omitted).and_also(second).and_also(invented), untruths


def _inventions(
    inventors: NDArray[np.int32], calls: Calls, connections: Connections, generator: np.random.Generator
) -> _Claim:
    """Makes for each inventor a record of some other call, if it had no part in that one."""
    which = generator.integers(0, len(calls), len(inventors))
    before = connections.other_than(inventors, inventors, generator)
    after = connections.other_than(inventors, before, generator)
    claims = _Claim(
        which,
        inventors,
        before,
        np.where(after == before, np.int32(SUBSCRIBERS), after),
        calls.callers[which],
        calls.arrival_us[calls.offsets[which]] + 1_000 * generator.integers(1, 1_000, len(which)),
        np.full(len(which), 2 * PLACES - 1),
    )
    size = (
        int(calls.hops.max()) + 1
        if len(inventors) == 0
        else max(int(calls.hops.max()), int(inventors.max())) + 1
    )
    keys = claims.calls * size + claims.carriers
    new = ~np.isin(keys, calls.of_hop * size + calls.hops)
    first = np.zeros(len(keys), dtype=np.bool_)
    first[np.unique(keys, return_index=True)[1]] = True
    return claims.only(new & first)


def _records(claims: _Claim, calls: Calls, carriers: Carriers) -> Records:
    clocks, at = carriers.clocks, claims.carriers
    answer_us = calls.answer_us[claims.calls]
    # An invented record may begin after its call was over; its writer takes care that it does not show.
    end_us = np.maximum(calls.end_us[claims.calls], claims.arrival_us)
    return Records(
        carriers=at,
        numbers=(calls.first + claims.calls) * 2 * PLACES + claims.marks,
        before=claims.before,
        after=claims.after,
        callers=claims.callers,
        called=calls.called[claims.calls],
        arrival_us=clocks.read(at, claims.arrival_us),
        answer_us=np.where(answer_us == 0, 0, clocks.read(at, np.maximum(answer_us, claims.arrival_us))),
        end_us=clocks.read(at, end_us),
        outcomes=calls.outcomes[claims.calls],
    )
