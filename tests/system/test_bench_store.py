"""`trunkline bench store` in small: the figures are there and make sense."""

import pytest
from real_processes import answer_of, trunkline

pytestmark = pytest.mark.network


def test_deep_store_is_filled_fed_looked_up_and_swept():
    figures = answer_of(trunkline("bench", "store", "--depth", "60000", "--records", "800", "--json"))
    assert (figures["depth"], figures["shallow"]["filled_to"], figures["deep"]["filled_to"]) == (
        60_000,
        3_000,
        59_200,
    )
    assert figures["shallow"]["records"] + figures["deep"]["records"] < 800
    assert abs(figures["target"] - 10_000 * 471 / figures["pairing_us"]) < 3
    assert figures["store_bytes_per_record"] > 738
    assert figures["lookups_during_ingest"]["count"] > 0
    assert figures["sweep"]["removed"] > 15_000
    assert figures["sweep"]["lookups"]["count"] > 0
