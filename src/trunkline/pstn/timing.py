"""Times of the model: when calls begin, how long they set up, ring and last, and what clocks make of it.

All times are whole milliseconds, in microseconds since 1970, so that few CDR formats round them.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from trunkline.pstn.parameters import Parameters

_MS = 1_000
_SECOND = 1_000_000
_HOUR = 3_600_000_000
_DAY = 24 * _HOUR

# Calls by hour of the day in the country's middle, five hours behind UTC: our own guess of a usual day.
_PROFILE = np.array(
    [4, 2, 1, 1, 2, 6, 18, 42, 74, 95, 100, 97, 90, 92, 94, 95, 96, 92, 80, 66, 52, 36, 20, 9],
    dtype=np.float64,
)
_HOURS_BEHIND_UTC = 5

_SETUP_MEDIAN_MS, _SETUP_SPREAD, _SETUP_LIMIT_MS = 60.0, 0.8, 600.0
LONGEST_CALL_US = _HOUR + 300 * _SECOND
"""No call lasts longer than this, from its beginning to its end."""

_DRIFT_PARTS_PER_MILLION = 0.5


class DiurnalProfile:
    """When calls begin: a usual day, repeated over the period.

    Args:
        start_us: When the period begins.
        duration_us: How long it is.
    """

    def __init__(self, start_us: int, duration_us: int) -> None:
        edges = np.unique(
            np.concatenate(
                (
                    [start_us, start_us + duration_us],
                    np.arange(start_us // _HOUR + 1, (start_us + duration_us) // _HOUR + 1) * _HOUR,
                )
            )
        )
        edges = edges[edges <= start_us + duration_us]
        hours = (edges[:-1] // _HOUR - _HOURS_BEHIND_UTC) % 24
        ladder = np.concatenate(([0.0], np.cumsum(_PROFILE[hours] * np.diff(edges))))
        self._edges = (edges - start_us).astype(np.float64)
        self._ladder = ladder / ladder[-1]
        self._start_us = start_us

    def times(self, shares: NDArray[np.float64]) -> NDArray[np.int64]:
        """Tells when given shares (0 to 1) of all calls have begun."""
        return self._start_us + _whole_ms(np.interp(shares, self._ladder, self._edges))


def setup_delays(count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Draws how long it takes a carrier to hand a call on: at least 1 ms, at most 0.6 s."""
    return _lognormal(count, generator, _SETUP_MEDIAN_MS, _SETUP_SPREAD, _SETUP_LIMIT_MS)


def ringing_times(count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Draws how long phones ring: 7 s in the median, 45 s at most."""
    return _lognormal(count, generator, 7_000.0, 0.6, 45_000.0)


def talking_times(robocalls: NDArray[np.bool_], generator: np.random.Generator) -> NDArray[np.int64]:
    """Draws how long answered calls last: 75 s in the median, robocalls 9 s; an hour at most."""
    medians = np.where(robocalls, 9_000.0, 75_000.0)
    spread = np.where(robocalls, 0.7, 1.2)
    return _lognormal(len(robocalls), generator, medians, spread, 3_600_000.0)


@dataclass(frozen=True, eq=False)
class Clocks:
    """What the carriers' clocks show.

    Attributes:
        skew_us: By how much each clock is fast when the period begins.
        drift: By how much it gains, in parts.
        start_us: When the period begins.
    """

    skew_us: NDArray[np.int64]
    drift: NDArray[np.float64]
    start_us: int

    def read(self, carriers: NDArray[np.int32], times_us: NDArray[np.int64]) -> NDArray[np.int64]:
        """Tells what the clocks of some carriers show at some times."""
        gained = _whole_ms(self.drift[carriers] * (times_us - self.start_us))
        shown: NDArray[np.int64] = times_us + self.skew_us[carriers] + gained
        return shown


def make_clocks(parameters: Parameters, generator: np.random.Generator) -> Clocks:
    """Draws clock errors: normal ones at the beginning, and a drift that time servers did not take away."""
    skew_us = _whole_ms(generator.normal(0.0, 1.0, parameters.carriers) * parameters.clock_error_ms * _MS)
    drift = generator.uniform(-1, 1, parameters.carriers) * _DRIFT_PARTS_PER_MILLION / 1e6
    if parameters.clock_error_ms == 0:
        drift = np.zeros(parameters.carriers)
    return Clocks(skew_us, drift, parameters.start_us)


def local_times(times_us: NDArray[np.int64], zones: NDArray[np.int8], names: list[str]) -> NDArray[np.int64]:
    """Turns UTC into what clocks on the wall show.

    Args:
        times_us: UTC microseconds.
        zones: For each time, which zone.
        names: IANA names of the zones, whose offsets change at whole hours of UTC only.
    """
    if len(times_us) == 0:
        return times_us
    first, last = int(times_us.min()) // _HOUR, int(times_us.max()) // _HOUR
    offsets = np.array([[_offset_us(name, hour) for hour in range(first, last + 1)] for name in names])
    shown: NDArray[np.int64] = times_us + offsets[zones, times_us // _HOUR - first]
    return shown


def _offset_us(zone: str, hour: int) -> int:
    offset = datetime.fromtimestamp(hour * 3600, UTC).astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None  # noqa: S101 - the datetime has a zone
    return round(offset.total_seconds()) * _SECOND


def _lognormal(
    count: int,
    generator: np.random.Generator,
    median_ms: float | NDArray[np.float64],
    spread: float | NDArray[np.float64],
    limit_ms: float,
) -> NDArray[np.int64]:
    drawn = median_ms * np.exp(generator.normal(0.0, 1.0, count) * spread)
    return _whole_ms(np.clip(drawn, 1.0, limit_ms) * _MS)


def _whole_ms(times_us: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.round(times_us / _MS).astype(np.int64) * _MS
