"""The main job: a lab goes in, every answered call's origin comes out, and nothing is left running."""

import hashlib
import signal
import subprocess
from pathlib import Path

import pytest
from lab_shapes import TRUTH, chain_lab, copy_lab
from real_processes import TRUNKLINE, answer_of, eventually, processes_in, short_folder, trunkline

pytestmark = pytest.mark.network


def contents(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mtime_ns,
        )
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_demo_on_read_only_lab_traces_every_answered_call_and_leaves_nothing(tmp_path):
    # Any mistake anywhere in the protocol that touches an honest call shows here.
    lab = copy_lab(tmp_path / "lab")
    for path in (*lab.rglob("*"), lab):
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = contents(lab)
    with short_folder() as temporary:
        result = answer_of(trunkline("demo", "--lab", lab, "--json", TMPDIR=str(temporary)))
        assert processes_in(temporary) == []
        assert list(temporary.iterdir()) == []
    assert result.pop("seconds") > 0
    assert result == {
        "calls": 124,
        "answered": 82,
        "traced": 82,
        "origin_correct": 82,
        "path_correct": 82,
        "records_expected": 318,
        "records_found": 318,
        "false_faults": 0,
    }
    assert contents(lab) == before


def test_demo_on_lab_without_truth_traces_all_the_same(tmp_path):
    # A demo that needed the truth would be no trace but a lookup.
    lab = chain_lab(tmp_path / "lab", 3)
    (lab / TRUTH).unlink()
    with short_folder() as temporary:
        done = trunkline("demo", "--lab", lab, "--json", TMPDIR=str(temporary))
    result = answer_of(done)
    assert set(result) == {"traced", "seconds"}
    assert result["traced"] == 3
    assert "Carrier b1 → Carrier b2 → Carrier b3 → Carrier b4 → Carrier b5" in done.stderr


def test_demo_killed_takes_all_its_processes_with_it(tmp_path):
    # Without the parent-death signal, services of a killed demo would stay for ever.
    lab = chain_lab(tmp_path / "lab", 3)
    with short_folder() as temporary, (tmp_path / "output").open("wb") as output:
        command = ["env", f"TMPDIR={temporary}", str(TRUNKLINE), "demo", "--lab", str(lab)]
        demo = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            eventually(
                lambda: any("jager.carrier" in line for line in processes_in(temporary)), "agents of the demo"
            )
        finally:
            demo.send_signal(signal.SIGKILL)
            demo.wait()
        eventually(lambda: processes_in(temporary) == [], "the end of what a killed demo had started")


def test_demo_on_folder_that_is_no_lab_says_so(tmp_path):
    # A user who names the wrong folder gets an error to act on, no traceback and nothing running.
    done = trunkline("demo", "--lab", tmp_path, "--json")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "carriers.toml" in done.stderr
