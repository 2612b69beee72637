"""A generated network through real processes: its records are contributed, and every answered call traced."""

import pytest
from real_processes import answer_of, short_folder, trunkline

pytestmark = pytest.mark.network


def test_demo_on_generated_network_finds_every_origin(tmp_path):
    # The model's records are worth something only if the system takes them for those of real switches.
    network = tmp_path / "network"
    size = ("--carriers", "6", "--subscribers", "50", "--calls", "24", "--hours", "0.1", "--campaigns", "2")
    generated = answer_of(
        trunkline("pstn", "generate", "--out", network, *size, "--format", "mixed", "--json")
    )
    assert generated["calls"] == 24
    assert generated["records"] > 24
    assert generated["bytes"] > 0
    assert generated["peak_memory_bytes"] > 0
    with short_folder() as temporary:
        result = answer_of(trunkline("demo", "--lab", network, "--json", TMPDIR=str(temporary)))
    assert result["calls"] == 24
    assert result["answered"] > 8
    assert result["traced"] == result["origin_correct"] == result["path_correct"] == result["answered"]
    assert result["records_found"] == result["records_expected"]
    assert result["false_faults"] == 0
