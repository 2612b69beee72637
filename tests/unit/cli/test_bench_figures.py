"""What the measuring commands work out beside their clocks: targets, schedules, shares of a profile."""

import os
import subprocess
from pathlib import Path

import pytest

from trunkline import _core
from trunkline.cli.bench import curve_share, pipeline
from trunkline.errors import ConfigurationError
from trunkline.jager.evaluation.pairing import REFERENCE_PAIRING_US


@pytest.mark.parametrize(("pairing_us", "slots"), [(REFERENCE_PAIRING_US, 375), (942.0, 188)])
def test_label_schedule_is_a_quarter_above_the_machines_target(monkeypatch, pairing_us, slots):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0, 1})
    assert pipeline.settings(pairing_us)["labels"] == {"batch": slots, "interval_ms": 250}


def test_label_schedule_of_one_core_is_half_as_large(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0})
    assert pipeline.settings(REFERENCE_PAIRING_US)["labels"]["batch"] == 188


@pytest.mark.parametrize(
    ("library", "part"),
    [
        ("[kernel.kallsyms]", "kernel"),
        ("/lib/modules/6.1/net/tls.ko", "kernel"),
        ("/usr/lib/libpython3.11.so.1.0", "python"),
        ("/usr/bin/python3.11", "python"),
        ("/usr/lib/libsqlite3.so.0", "libraries"),
        ("[unknown]", "libraries"),
    ],
)
def test_sample_outside_of_the_core_counts_for_its_library(library, part):
    assert curve_share.part_of_library(library) == part


def test_frames_of_the_core_count_for_the_arithmetic_they_are_inlined_into():
    dalek = "fe_mul\n/x/curve25519-dalek-5.0.0/src/field.rs:1:0\ncore::evaluate\n/y/oprf.rs:2:0"
    blst = "__mulx_mont_384\n??:0:0"
    ours = "core::hash\n/y/transcript.rs:3:0"
    start = "_init\n??:0:0"
    assert [curve_share.part_of_frames(block) for block in (dalek, blst, ours, start)] == [
        "dalek",
        "blst",
        "core",
        "core",
    ]


def test_profile_with_symbols_of_another_build_is_refused(tmp_path):
    other = tmp_path / "lib_core.so"
    other.write_bytes(Path("/bin/true").read_bytes())
    with pytest.raises(ConfigurationError, match="another build"), curve_share.curve_profile({}, other):
        pass


def test_profile_without_symbols_is_refused(tmp_path):
    with (
        pytest.raises(ConfigurationError, match="run scripts/profile-curve"),
        curve_share.curve_profile({}, tmp_path / "nothing.so"),
    ):
        pass


def test_profile_of_a_process_without_the_core_is_refused():
    with subprocess.Popen(["sleep", "60"]) as stranger:
        try:
            with (
                pytest.raises(ConfigurationError, match="does not use the cryptographic core"),
                curve_share.curve_profile({"stranger": stranger.pid}, Path(str(_core.__file__))),
            ):
                pass
        finally:
            stranger.kill()
