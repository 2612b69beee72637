"""`trunkline pstn generate` as a command."""

import json
import sys

import pytest
from typer.testing import CliRunner

from trunkline.cli.main import app
from trunkline.errors import ConfigurationError, InputError

SMALL = ("--carriers", "5", "--subscribers", "50", "--calls", "30", "--hours", "1")


def run(*words: object):
    return CliRunner().invoke(app, ["pstn", "generate", *map(str, words)], catch_exceptions=False)


def test_generate_prints_figures_of_what_is_on_disk(tmp_path):
    result = run("--out", tmp_path / "n", *SMALL, "--json")
    figures = json.loads(result.stdout.splitlines()[-1])
    assert figures["calls"] == 30
    assert figures["robocalls"] == 3
    rows = [len(path.read_text().splitlines()) for path in tmp_path.glob("n/carriers/*/Master.csv")]
    assert figures["records"] == sum(rows)
    growing = [
        *tmp_path.glob("n/carriers/*/Master.csv"),
        tmp_path / "n/ground-truth.csv",
        tmp_path / "n/untruths.csv",
    ]
    assert figures["bytes"] == sum(path.stat().st_size for path in growing)
    assert 10_000_000 < figures["peak_memory_bytes"] < 4 << 30
    assert figures["records_per_second"] > 0


def test_generate_with_impossible_parameters_writes_nothing(tmp_path):
    with pytest.raises(InputError, match="more calls than 50 subscribers"):
        run("--out", tmp_path / "n", *SMALL, "--calls", "1000000")
    assert not (tmp_path / "n").exists()


def test_generate_without_its_packages_says_what_to_install(tmp_path, monkeypatch):
    # A carrier's installation has no numpy.
    monkeypatch.setitem(sys.modules, "trunkline.pstn.generate", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'trunkline\[pstn\]'"):
        run("--out", tmp_path / "n", *SMALL)
