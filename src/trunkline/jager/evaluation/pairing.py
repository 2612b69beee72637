"""The yardstick of every measurement: what a plain pairing costs on this machine, right now."""

import time

from trunkline._core import BenchPairings

REFERENCE_PAIRING_US = 471.0
"""Microseconds of a plain pairing with blst on the machine of the prototype's figures."""

_ROUNDS = 10
_PAIRINGS = 64


def measure_pairing_us() -> float:
    """Measures a plain pairing with the library that the protocol uses.

    Returns:
        Microseconds of processor time, of the fastest of some rounds: other work on the machine can only make
        a round slower.
    """
    fastest = float("inf")
    for _ in range(_ROUNDS):
        run = BenchPairings(_PAIRINGS).run
        began = time.process_time()
        run()
        fastest = min(fastest, (time.process_time() - began) * 1e6 / _PAIRINGS)
    return fastest
