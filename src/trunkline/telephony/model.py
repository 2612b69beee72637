"""The model of a call at one carrier, as it comes out of every CDR source."""

from dataclasses import dataclass
from enum import Enum

from trunkline.telephony.numbers import Party
from trunkline.telephony.providers import ProviderId


class TimeKind(Enum):
    """What the time of a record is."""

    ARRIVAL = "arrival"
    """The INVITE's arrival at this carrier."""
    ANSWER = "answer"
    """The answer or failure of the call: the switch's record has no earlier time."""


class Attempt(Enum):
    """Whether a record's next hop is the last that was tried."""

    FINAL = "final"
    TRIED = "tried"


@dataclass(frozen=True, slots=True)
class RowLocation:
    """Where a record comes from: a file (with the table's name after a colon) and a line or row number."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call at this carrier, on its way to one next hop, under one called number.

    Attributes:
        src: The caller as this switch received it.
        dst: The called party; a carrier that changes the called number has a record for each.
        arrival_us: UTC microseconds; when the INVITE arrived, unless `time_kind` says otherwise.
        time_kind: What `arrival_us` is.
        previous: The carrier that handed the call over. None only if the trunk is listed as the carrier's
            own customers or subscribers.
        next: The carrier the call was handed to. None if it ended at own subscribers or, with
            `released_here`, at this carrier.
        attempt: Whether another next hop was tried after this one.
        answered: Whether the call was answered by way of this next hop.
        released_here: This carrier refused the call or had no route: there is no next hop.
        customer: The own customer whose access line the call came from, if the table names one.
        location: The row, for the carrier's own use.
    """

    src: Party
    dst: Party
    arrival_us: int
    time_kind: TimeKind
    previous: ProviderId | None
    next: ProviderId | None
    attempt: Attempt
    answered: bool
    released_here: bool
    customer: str | None
    location: RowLocation


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that gave no record, or that needs a person's eye; the reason carries no content of the row.

    Attributes:
        file: The file, with the table's name after a colon.
        line: Line or row number; 0 where the whole file is meant.
        reason: What is wrong and what to do, the same words for the same thing.
        trunk: The trunk that is in no table, where that is the reason; long digit strings are masked.
    """

    file: str
    line: int
    reason: str
    trunk: str = ""
