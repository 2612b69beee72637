"""The clock that services take as an argument, so that tests can set the time."""

from collections.abc import Callable

Clock = Callable[[], float]
"""Seconds since 1970 in UTC, without leap seconds; `time.time` in production."""
