"""The yardstick of every measurement."""

from trunkline.jager.evaluation.pairing import measure_pairing_us


def test_a_pairing_takes_a_plausible_time() -> None:
    # From a machine ten times faster than any to one that is a hundred times slower.
    assert 20 < measure_pairing_us() < 50_000
