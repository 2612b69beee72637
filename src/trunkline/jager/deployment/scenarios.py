"""What happens to a trace when carriers are missing or lie: six scenarios on one real call.

Each scenario tells the same call once more, some days before, as rows of call records that every carrier but
the missing ones writes, and in which the lying one names another trunk. Nothing below the call records
knows of it: the rows go through the same agents, labels and signatures as all others.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from trunkline.errors import InputError

CUSTOMERS = "customers"
SUBSCRIBERS = "subscribers"
SHORTEST_PATH = 5
"""Carriers that a call needs so that all scenarios can be told with it."""

_DAY_US = 86_400_000_000

Kind = Literal["missing", "lie"]
Name = Literal[
    "one-missing",
    "origin-and-second-missing",
    "two-middle-missing",
    "transit-false-previous",
    "transit-claims-origin",
    "originator-blames",
]


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it happened.

    Attributes:
        src: Caller in E.164, or empty if withheld.
        dst: Called number in E.164.
        path: The carriers in order.
        times_us: When the call reached each of them, UTC microseconds.
    """

    src: str
    dst: str
    path: Sequence[str]
    times_us: Sequence[int]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of one carrier's call records."""

    time_us: int
    src: str
    dst: str
    incoming: str
    outgoing: str

    def to_json(self) -> str:
        """The row as a line of the JSON-lines source that `SOURCE_MAP` reads."""
        return json.dumps(
            {
                "time": f"{self.time_us / 1e6:.6f}",
                "src": self.src,
                "dst": self.dst,
                "in": self.incoming,
                "out": self.outgoing,
                "disposition": "ANSWERED",
            }
        )


@dataclass(frozen=True, slots=True)
class Scenario:
    """One telling of the call.

    Attributes:
        name: Stable name.
        kind: Whether carriers are missing or one lies.
        title: For people.
        rows: The rows by carrier.
        tracer: The carrier that traces: the one where the call ended.
        dishonest: The carrier that lies, if one does.
        blamed: The carrier that a lie names although it was not in the call.
    """

    name: Name
    kind: Kind
    title: str
    rows: Mapping[str, Row]
    tracer: str
    dishonest: str | None = None
    blamed: str | None = None

    @property
    def own_row(self) -> Row:
        """The tracer's own row."""
        return self.rows[self.tracer]


def scenarios(call: Call, bystander: str, titles: Mapping[str, str]) -> list[Scenario]:
    """The six scenarios.

    Args:
        call: A call over at least `SHORTEST_PATH` carriers, each once.
        bystander: A carrier that was not in it.
        titles: The carriers' names for people.

    Raises:
        InputError: The call's path is too short, or the bystander was in it.
    """
    path = list(call.path)
    if len(path) < SHORTEST_PATH or len(set(path)) != len(path) or bystander in path:
        raise InputError(
            f"the scenarios need a call over {SHORTEST_PATH} carriers and one that was not in it"
        )
    first, second, third = path[:3]
    name = {key: titles.get(key, key) for key in (*path, bystander)}
    told = [_tell(call, day) for day in range(1, 7)]
    last = path[-1]
    return [
        Scenario(
            "one-missing",
            "missing",
            f"{name[third]}, in the middle, contributes nothing",
            _without(told[0], third),
            last,
        ),
        Scenario(
            "origin-and-second-missing",
            "missing",
            f"{name[first]}, where the call began, and {name[second]} contribute nothing",
            _without(told[1], first, second),
            last,
        ),
        Scenario(
            "two-middle-missing",
            "missing",
            f"{name[second]} and {name[third]}, neighbours in the middle, contribute nothing",
            _without(told[2], second, third),
            last,
        ),
        Scenario(
            "transit-false-previous",
            "lie",
            f"{name[third]} says it got the call from {name[bystander]}; it got it from {name[second]}",
            {**told[3], third: replace(told[3][third], incoming=bystander)},
            last,
            dishonest=third,
            blamed=bystander,
        ),
        Scenario(
            "transit-claims-origin",
            "lie",
            f"{name[third]} says a customer of its own made the call; it got it from {name[second]}",
            {**told[4], third: replace(told[4][third], incoming=CUSTOMERS)},
            last,
            dishonest=third,
        ),
        Scenario(
            "originator-blames",
            "lie",
            f"{name[first]}, where the call began, says it got it from {name[bystander]}",
            {**told[5], first: replace(told[5][first], incoming=bystander)},
            last,
            dishonest=first,
            blamed=bystander,
        ),
    ]


def _tell(call: Call, day: int) -> dict[str, Row]:
    """The honest rows of the call, some days before."""
    before = [CUSTOMERS, *call.path[:-1]]
    after = [*call.path[1:], SUBSCRIBERS]
    return {
        carrier: Row(time_us - day * _DAY_US, call.src, call.dst, incoming, outgoing)
        for carrier, time_us, incoming, outgoing in zip(call.path, call.times_us, before, after, strict=True)
    }


def _without(rows: Mapping[str, Row], *missing: str) -> dict[str, Row]:
    return {carrier: row for carrier, row in rows.items() if carrier not in missing}
