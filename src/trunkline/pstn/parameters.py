"""What a network is generated from, and which of it is impossible."""

import math
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from trunkline.errors import InputError

MAX_SUBSCRIBERS = 20_000_000
MAX_CALLS = 1_000_000_000
MAX_HOURS = 31 * 24.0
MAX_CAMPAIGNS = 50_000
MAX_CLOCK_ERROR_MS = 60_000.0
MIXED = "mixed"

_FIRST_YEAR, _LAST_YEAR = 2001, 2098
_CALLS_A_SUBSCRIBER_AND_HOUR = 60


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a network is generated from; the same ones give the same bytes.

    Attributes:
        carriers: Carriers of the network.
        subscribers: Telephone numbers in use.
        calls: Calls to generate.
        seed: Where all randomness comes from.
        m: Connections that each new carrier makes.
        start: When the first call may begin, UTC.
        hours: Within how many hours from then calls begin.
        format: The CDR format that all carriers write, or `mixed`: one format a carrier.
        robocalls: Share of the calls that belong to robocall campaigns.
        campaigns: Robocall campaigns, one after the other on a few lanes that run side by side.
        robocall_carriers: Share of the carriers, the smallest first, that campaigns enter the network by.
        participation: Share of the carriers that write records at all.
        liars: Share of the carriers that write false records.
        lies: Share of its calls that a lying carrier lies about.
        droppers: Share of the carriers that hand calls on without the caller ID.
        rewriters: Share of the carriers that hand calls on under a number of their own.
        clock_error_ms: Standard deviation of the carriers' clock errors.
    """

    carriers: int = 7_000
    subscribers: int = 1_000_000
    calls: int = 1_000_000
    seed: int = 1
    m: int = 2
    start: str = "2026-03-02T00:00:00Z"
    hours: float = 24.0
    format: str = "asterisk-csv"
    robocalls: float = 0.1
    campaigns: int = 50
    robocall_carriers: float = 0.1
    participation: float = 1.0
    liars: float = 0.0
    lies: float = 0.1
    droppers: float = 0.0
    rewriters: float = 0.0
    clock_error_ms: float = 100.0

    def __post_init__(self) -> None:
        self._check_sizes()
        self._check_shares()
        begin = self._begin()
        if begin.tzinfo is None or not _FIRST_YEAR <= begin.year <= _LAST_YEAR:
            raise InputError(
                f"the start needs a time zone, such as Z, and a year from {_FIRST_YEAR} to {_LAST_YEAR}"
            )

    @property
    def start_us(self) -> int:
        """When the first call may begin, UTC microseconds."""
        return round(self._begin().astimezone(UTC).timestamp()) * 1_000_000

    @property
    def duration_us(self) -> int:
        """Within how many microseconds from then calls begin."""
        return round(self.hours * 3_600_000_000)

    @property
    def robocall_count(self) -> int:
        """How many of the calls belong to campaigns."""
        return math.floor(self.calls * self.robocalls)

    def to_json(self) -> dict[str, Any]:
        """The parameters by name."""
        return asdict(self)

    def _begin(self) -> datetime:
        try:
            return datetime.fromisoformat(self.start)
        except ValueError as error:
            raise InputError("the start is not a date and time such as 2026-03-02T00:00:00Z") from error

    def _check_sizes(self) -> None:
        # Not above: that module needs packages that only the network model needs, this one none.
        from trunkline.pstn.carriers import MAX_CARRIERS

        if not 1 <= self.m < MAX_CARRIERS:
            raise InputError(f"a new carrier makes 1 to {MAX_CARRIERS - 1} connections")
        if not self.m + 1 <= self.carriers <= MAX_CARRIERS:
            raise InputError(
                f"with {self.m} connections each there must be {self.m + 1} to {MAX_CARRIERS} carriers"
            )
        if not self.carriers <= self.subscribers <= MAX_SUBSCRIBERS:
            raise InputError(f"subscribers: at least one a carrier, and {MAX_SUBSCRIBERS:,} at most")
        if not 0 < self.hours <= MAX_HOURS:
            raise InputError(f"hours: more than 0 and at most {MAX_HOURS:g}")
        if not 1 <= self.calls <= MAX_CALLS:
            raise InputError(f"calls: 1 to {MAX_CALLS:,}")
        if self.calls > self.subscribers * self.hours * _CALLS_A_SUBSCRIBER_AND_HOUR:
            raise InputError(
                f"more calls than {self.subscribers:,} subscribers can make in {self.hours:g} hours at one "
                "a minute: more subscribers, more hours, or fewer calls"
            )
        if not 0 <= self.campaigns <= MAX_CAMPAIGNS:
            raise InputError(f"campaigns: 0 to {MAX_CAMPAIGNS:,}")
        if self.robocall_count and not self.campaigns:
            raise InputError("robocalls belong to campaigns: at least one campaign, or robocalls at 0")
        if not 0 <= self.seed < 1 << 63:
            raise InputError("seed: 0 to 2^63 - 1")

    def _check_shares(self) -> None:
        shares = ("robocalls", "robocall_carriers", "participation", "liars", "lies", "droppers", "rewriters")
        for name in shares:
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name.replace('_', '-')}: a share from 0 to 1")
        if self.droppers + self.rewriters > 1:
            raise InputError("droppers and rewriters are different carriers: together at most 1")
        if not 0 <= self.clock_error_ms <= MAX_CLOCK_ERROR_MS:
            raise InputError(f"clock-error-ms: 0 to {MAX_CLOCK_ERROR_MS:g}")
