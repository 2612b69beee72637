"""Twice the cores: one measurement, pinned to one core and to two in turn.

Processes and threads inherit the cores of the thread that starts them, so a measurement that starts its
services itself runs all of them, and its own load, on the same cores.
"""

import os
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from trunkline.cli.output import bar
from trunkline.errors import ConfigurationError

PAIRS = 5


def measure_linearity(rate: Callable[[], float], pairs: int = PAIRS) -> dict[str, Any]:
    """Measures a rate on one core and on two, alternating, and compares the pairs.

    Args:
        rate: Starts everything anew, measures once, ends everything, and returns a rate.
        pairs: How many pairs; which of the two comes first alternates.

    Returns:
        `one_core` and `two_cores`, the rates in the order they were measured, and `ratio`, the median over
        the pairs of two cores' rate to one core's.

    Raises:
        ConfigurationError: This process may use only one core.
    """
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        raise ConfigurationError("this comparison needs two cores; this process may use only one")
    rates: dict[int, list[float]] = {1: [], 2: []}
    with bar("pairs", 2 * pairs) as progress:
        for pair in range(pairs):
            for count in (1, 2) if pair % 2 == 0 else (2, 1):
                with pinned(cores[:count]):
                    rates[count].append(rate())
                progress.advance()
    ratios = [two / one for one, two in zip(rates[1], rates[2], strict=True)]
    return {
        "one_core": [round(one, 1) for one in rates[1]],
        "two_cores": [round(two, 1) for two in rates[2]],
        "ratio": round(statistics.median(ratios), 2),
    }


@contextmanager
def pinned(cores: list[int]) -> Iterator[None]:
    """Keeps this thread, and all that it starts meanwhile, on some cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
