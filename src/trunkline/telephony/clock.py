"""From a switch's clock reading to UTC, with the two hours a year in which that is not obvious."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from trunkline.errors import CdrError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DATETIME = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[ T](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
_EPOCH_SECONDS = re.compile(r"(\d{9,11})(?:\.(\d{1,9}))?", re.ASCII)
# 2001-01-01 to 2100-01-01: outside, a clock reading is another field, or a default such as 2000-01-01.
_EARLIEST_US = 978_307_200_000_000
_LATEST_US = 4_102_444_800_000_000

NONEXISTENT = "local time that does not exist (clocks were set forward): check time_zone"
AMBIGUOUS = "local time occurs twice (clocks were set back): the first was taken; let the switch log UTC"


@dataclass(frozen=True, slots=True)
class Reading:
    """The UTC times that a clock reading can mean: one, or two in the hour that clocks are set back.

    Attributes:
        first_us: The earlier one, in microseconds since 1970.
        second_us: The later one; the same if there is no doubt.
    """

    first_us: int
    second_us: int

    @property
    def ambiguous(self) -> bool:
        """Whether there are two."""
        return self.first_us != self.second_us

    def at_or_after(self, bound_us: int) -> int:
        """Return the earliest candidate not before a bound; the later one if both are before it."""
        return self.first_us if self.first_us >= bound_us else self.second_us

    def nearest(self, time_us: int) -> int:
        """Return the candidate nearest to a time."""
        return min(self.first_us, self.second_us, key=lambda candidate: abs(candidate - time_us))


@dataclass(frozen=True, slots=True)
class SourceClock:
    """The clock of one source.

    Attributes:
        zone: The time zone in which it writes local times.
        offset_us: What must be added to its reading to get true time.
    """

    zone: ZoneInfo
    offset_us: int = 0

    def read(self, text: str) -> Reading:
        """Read `YYYY-MM-DD hh:mm:ss[.ffffff][zone]`, or seconds since 1970 with or without a fraction.

        Raises:
            CdrError: It is neither, the local time does not exist, or it lies before 2001 or after 2099.
        """
        return _read(self, text)

    def _read(self, text: str) -> Reading:
        matched = _EPOCH_SECONDS.fullmatch(text)
        if matched:
            return self.reading(int(matched[1]) * 1_000_000 + _fraction_us(matched[2]))
        matched = _DATETIME.fullmatch(text)
        if not matched:
            raise CdrError("a time is neither a date and time nor seconds since 1970")
        try:
            moment = datetime.fromisoformat(f"{text[:10]}T{text[11:19]}{matched[8] or ''}")
        except ValueError as error:
            raise CdrError("a time is not one that the calendar has") from error
        return self.localise(moment + timedelta(microseconds=_fraction_us(matched[7])))

    def localise(self, moment: datetime) -> Reading:
        """Turn a date and time into UTC; without a zone of its own it is in the source's.

        Raises:
            CdrError: The local time does not exist, or lies before 2001 or after 2099.
        """
        if moment.tzinfo is not None:
            return self.reading((moment - _EPOCH) // _MICROSECOND)
        try:
            readings = _utc_readings(self.zone, moment.replace(microsecond=0))
        except OverflowError as error:
            raise CdrError("a time is not one that the calendar has") from error
        if readings is None:
            raise CdrError(NONEXISTENT)
        first, second = (reading + moment.microsecond for reading in readings)
        return self.reading(first, second)

    def reading(self, first_us: int, second_us: int | None = None) -> Reading:
        """Apply the offset to UTC readings.

        Raises:
            CdrError: The time lies before 2001 or after 2099.
        """
        if not _EARLIEST_US <= first_us + self.offset_us < _LATEST_US:
            raise CdrError("a time lies before the year 2001 or after 2099: check time_zone and the columns")
        second = first_us if second_us is None else second_us
        return Reading(first_us + self.offset_us, second + self.offset_us)


# The calls of one second are written together: most of their times were read just before.
_read = lru_cache(maxsize=4096)(SourceClock._read)


@lru_cache(maxsize=4096)  # for times with fractions, which seldom come again
def _utc_readings(zone: ZoneInfo, second: datetime) -> tuple[int, int] | None:
    """Both readings of a local second, in UTC microseconds; None if the clock skipped it."""
    first, last = (
        (second.replace(tzinfo=zone, fold=fold).astimezone(UTC) - _EPOCH) // _MICROSECOND for fold in (0, 1)
    )
    back = (_EPOCH + timedelta(microseconds=first)).astimezone(zone).replace(tzinfo=None)
    return (first, last) if back == second else None


def _fraction_us(digits: str | None) -> int:
    return int((digits or "").ljust(6, "0")[:6])
