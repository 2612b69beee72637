"""Whether a service can do its work now: named checks, whose names are all that anybody outside learns."""

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from trunkline.errors import NotReadyError, StorageError, TrunklineError

DISK_FLOOR = 256 * 1024 * 1024
"""Free bytes below which a service says that it is not ready, while it can still write."""

_logger = structlog.get_logger(__name__)

Check = Callable[[], None]
"""Raises a `TrunklineError` that says, for the operator's log, what is wrong."""


class Checks:
    """The checks of one service. Safe to use from several threads."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        """Prepare.

        Args:
            checks: Each under a name that may be told to everybody, such as `database`.
        """
        self._checks = dict(checks)
        self._lock = threading.Lock()
        self._failing: frozenset[str] = frozenset()

    def results(self) -> dict[str, bool]:
        """Make all checks and return which of them succeed."""
        results = {}
        for name, check in self._checks.items():
            try:
                check()
            except TrunklineError as error:
                results[name] = False
                self._note(name, error)
            else:
                results[name] = True
                self._note(name, None)
        return results

    def require(self) -> None:
        """Make all checks.

        Raises:
            NotReadyError: Some failed; it names them.
        """
        failing = [name for name, good in self.results().items() if not good]
        if failing:
            raise NotReadyError(f"not ready: {', '.join(failing)}")

    def _note(self, name: str, error: TrunklineError | None) -> None:
        """Log a check's reason when it begins to fail, and not each time that somebody looks."""
        with self._lock:
            was_failing = name in self._failing
            self._failing = self._failing - {name} if error is None else self._failing | {name}
        if error is not None and not was_failing:
            _logger.warning("not ready", check=name, code=error.code, reason=str(error))
        elif error is None and was_failing:
            _logger.info("ready again", check=name)


def free_bytes(directory: Path) -> int:
    """Return how much may still be written to the file system of a directory.

    Raises:
        StorageError: It cannot be looked at.
    """
    try:
        found = os.statvfs(directory)
    except OSError as error:
        raise StorageError(f"cannot look at {directory}: {error.strerror}") from error
    return found.f_bavail * found.f_frsize


def disk_check(directory: Path) -> Check:
    """Return the check that the disk of a directory has room."""

    def check() -> None:
        free = free_bytes(directory)
        if free < DISK_FLOOR:
            raise StorageError(
                f"the disk of {directory} has {free} bytes left, less than {DISK_FLOOR}; free space"
            )

    return check
