"""`trunkline bench labels` in small: the figures are there and make sense."""

import pytest
from real_processes import answer_of, error_of, trunkline

pytestmark = pytest.mark.network


def test_labels_are_counted_checked_and_set_beside_the_yardstick():
    figures = answer_of(trunkline("bench", "labels", "--seconds", "1", "--batch", "64", "--json"))
    assert figures["labels"] > 0
    assert figures["labels"] % 64 == 0
    assert (
        abs(figures["labels_per_second"] - figures["labels"] / figures["seconds"]) < 0.01 * figures["labels"]
    )
    assert figures["checked_batches"] > 0
    assert (
        abs(figures["required"] - 1.2e6 / figures["ristretto_multiplication_us"]) < 0.01 * figures["required"]
    )
    assert figures["goal"] == 30_000
    assert figures["pairing_us"] > figures["ristretto_multiplication_us"]
    assert set(figures["cpu_ms_per_label"]) == {"labels", "client", "total"}


def test_core_of_another_build_cannot_name_samples(tmp_path):
    other = tmp_path / "lib_core.so"
    other.write_bytes(b"no core")
    done = trunkline("bench", "labels", "--seconds", "1", "--profile", other, "--json")
    assert error_of(done)["error"] == "configuration"
