"""The arithmetic behind Table 2: processors from a rate and a cost, bandwidth by the paper's equation (1)."""

import math

BITS = 8
SECONDS_A_DAY = 86_400


def vcpus(records_per_second: float, milliseconds: float) -> float:
    """Return how many processors a rate keeps busy; nothing is rounded, and nothing is idle.

    Args:
        records_per_second: The rate.
        milliseconds: Of one processor, for each record.
    """
    return records_per_second * milliseconds / 1_000


def whole_vcpus(records_per_second: float, records_per_vcpu: float) -> int:
    """Return whole processors, from a rate that one sustains: how the paper counts them."""
    return math.ceil(records_per_second / records_per_vcpu)


def equation_1_mbps(
    records_per_second: float, request_bytes: float, response_bytes: float, overhead: float = 0.0
) -> float:
    """Return the paper's equation (1), in megabits a second.

    Args:
        records_per_second: R_rec.
        request_bytes: S_req, of one record.
        response_bytes: S_res, of one record.
        overhead: O_http, as a fraction.
    """
    return records_per_second * (request_bytes + response_bytes) * BITS * (1 + overhead) / 1e6


def terabytes_per_day(records_per_second: float, record_bytes: float) -> float:
    """Return how much is stored a day, in 10^12 bytes."""
    return records_per_second * record_bytes * SECONDS_A_DAY / 1e12


def trace_labels(t_max_s: float, epoch_ms: float) -> int:
    """Return how many epochs lie within t_max of a moment: the labels of one trace."""
    return 2 * round(t_max_s * 1_000 / epoch_ms) + 1
