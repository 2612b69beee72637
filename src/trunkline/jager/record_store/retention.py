"""Removing expired records, slowly and in the background.

Answers leave out expired records from the first minute of the day on which they expire; the sweep only
gives back their space. It looks at every key, so there is one a day, shortly after midnight UTC.
"""

import threading
from dataclasses import dataclass

import structlog

from trunkline.errors import StorageError, TrunklineError
from trunkline.jager.record_store.engine import RecordEngine
from trunkline.service.clock import Clock

SECONDS_A_DAY = 86_400

_FIRST_CURSOR = b"r"
_CHUNK = 1000
_PAUSE_S = 0.005
_LOOK_S = 3600.0

_logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class SweepHistory:
    """How the sweeps of a running store went.

    Attributes:
        removed: Entries removed since the start.
        seconds: How long the last complete sweep took.
        ended_at: When it ended, Unix time.
        failing: Whether the last one failed.
    """

    removed: int = 0
    seconds: float | None = None
    ended_at: float | None = None
    failing: bool = False

    def check(self) -> None:
        """Check that expired records are being removed.

        Raises:
            StorageError: The last sweep failed.
        """
        if self.failing:
            raise StorageError("the last sweep failed; the log says why")


def first_kept_day(now: float, retention_days: int) -> int:
    """Return the first day whose records are still kept."""
    return int(now) // SECONDS_A_DAY - retention_days


def sweep_once(
    engine: RecordEngine, before_day: int, stop: threading.Event, pause_s: float = _PAUSE_S
) -> int:
    """Go through the whole database once, in chunks with pauses, and return how many entries were removed.

    Raises:
        StorageError: The database failed; what was removed until then stays removed.
    """
    cursor: bytes | None = _FIRST_CURSOR
    removed = 0
    while cursor is not None and not stop.is_set():
        cursor, gone = engine.sweep(cursor, before_day, _CHUNK)
        removed += gone
        stop.wait(pause_s)
    return removed


def run_sweeps(
    engine: RecordEngine, retention_days: int, clock: Clock, stop: threading.Event, history: SweepHistory
) -> None:
    """Sweep once a day until told to stop; a sweep that failed is logged and tried again in the next hour."""
    swept: int | None = None
    while not stop.wait(_LOOK_S):
        before_day = first_kept_day(clock(), retention_days)
        if before_day == swept:
            continue
        began = clock()
        try:
            removed = sweep_once(engine, before_day, stop)
        except TrunklineError as error:
            history.failing = True
            _logger.warning("sweep failed", code=error.code, reason=str(error))
        else:
            swept = before_day
            history.failing = False
            history.removed += removed
            history.ended_at = clock()
            history.seconds = history.ended_at - began
            _logger.info("expired entries removed", count=removed)
