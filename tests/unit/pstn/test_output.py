"""Generation that is ended, finds the disk full, or finds something else in its folder."""

import json
import shutil
import signal
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest
from generated import SMALL, files, network, table

from trunkline.errors import InputError, StorageError
from trunkline.pstn import generate as generation
from trunkline.pstn.generate import generate
from trunkline.pstn.output import NOTE_FILE, Output
from trunkline.pstn.parameters import Parameters
from trunkline.service.files import lock_directory

PART = 60

# Ends its own process, as a power button would, in the middle of writing to a carrier's file.
KILLED = """
import os, signal, sys
from pathlib import Path
from trunkline.pstn import generate as generation
from trunkline.pstn.output import Output
from trunkline.pstn.parameters import Parameters

generation.CHUNK = int(sys.argv[2])
append, writes = Output.append, 0

def append_or_die(self, name, text):
    global writes
    writes += 1
    if writes == int(sys.argv[3]):
        with (self.folder / name).open("a") as file:
            file.write(text[: len(text) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    append(self, name, text)

Output.append = append_or_die
generation.generate(Path(sys.argv[1]), Parameters(**eval(sys.argv[4])))
"""

# Files of at most so many bytes: the kernel refuses the rest, as it does on a full disk.
LIMITED = """
import resource, sys
from pathlib import Path
from trunkline.errors import StorageError
from trunkline.pstn import generate as generation
from trunkline.pstn.parameters import Parameters

generation.CHUNK = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
try:
    generation.generate(Path(sys.argv[1]), Parameters(**eval(sys.argv[4])))
except StorageError as error:
    print(error)
"""


def run(script: str, *arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", script, *map(str, arguments), repr(SMALL)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def interrupt(_done: int, _total: int) -> None:
    raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch):
    monkeypatch.setattr(generation, "CHUNK", PART)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> dict[str, bytes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generation, "CHUNK", PART)
        return files(network(tmp_path_factory.mktemp("whole") / "n"))


@pytest.mark.parametrize("writes", [1, 10, 60])
def test_killed_generation_run_again_gives_the_same_bytes(tmp_path, uninterrupted, writes):
    # Half a line left in a file, a part written twice, or another draw after the break shows here.
    folder = tmp_path / "n"
    assert run(KILLED, folder, PART, writes).returncode == -signal.SIGKILL
    left = json.loads((folder / NOTE_FILE).read_text())
    assert left["calls"] < SMALL["calls"]
    assert (writes > 10) == (left["calls"] > 0)
    network(folder)
    assert files(folder) == uninterrupted


def test_lines_of_all_parts_stand_in_the_order_in_which_switches_write_them(tmp_path):
    # Readers of a proxy put its tables together by time; and no switch writes a call before it has ended.
    folder = network(tmp_path / "n", format="kamailio-csv", hours=0.5)
    for path in folder.glob("carriers/*/acc.csv"):
        times = [row["time"] for row in table(path)]
        assert times == sorted(times)
        assert len(times) > PART // 2
    for path in folder.glob("carriers/*/acc_cdrs.csv"):
        times = [row["end_time"] for row in table(path)]
        assert times == sorted(times)


def test_generation_ended_while_files_are_set_up_begins_anew(tmp_path, uninterrupted, monkeypatch):
    def end(self: Output, name: str, header: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Output, "open_growing", end)
        with pytest.raises(KeyboardInterrupt):
            network(tmp_path / "n")
    network(tmp_path / "n")
    assert files(tmp_path / "n") == uninterrupted


def test_generation_killed_while_databases_are_made_goes_on(tmp_path, uninterrupted, monkeypatch):
    made = []

    def once(folder: Path, form: object) -> None:
        if made:
            (folder / "acc.part").write_bytes(b"half")
            raise KeyboardInterrupt
        made.append(folder)
        make_database(folder, form)

    make_database = generation.make_database
    monkeypatch.setattr(generation, "make_database", once)
    with pytest.raises(KeyboardInterrupt):
        network(tmp_path / "n")
    monkeypatch.setattr(generation, "make_database", make_database)
    network(tmp_path / "n")
    assert files(tmp_path / "n") == uninterrupted


def test_full_disk_ends_generation_with_advice_and_it_goes_on_later(tmp_path, uninterrupted):
    done = run(LIMITED, tmp_path / "n", PART, 30_000)
    assert "writing call records failed" in done.stdout
    assert "run the same command again" in done.stdout
    network(tmp_path / "n")
    assert files(tmp_path / "n") == uninterrupted


def test_too_little_room_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    usage = namedtuple("usage", ["total", "used", "free"])
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 99_000, 99_000))
    with pytest.raises(StorageError, match=r"400 calls need about [\d,]+ bytes, and 99,000 are free"):
        network(tmp_path / "n")
    assert files(tmp_path / "n") == {}
    # The same folder takes other parameters, then.
    monkeypatch.undo()
    network(tmp_path / "n", calls=10)


def test_estimate_of_room_is_about_what_is_written(tmp_path, monkeypatch):
    # An estimate far off lets a disk run full, or refuses what would fit.
    usage = namedtuple("usage", ["total", "used", "free"])
    parameters = Parameters(**(SMALL | {"calls": 5_000, "format": "asterisk-csv"}))
    monkeypatch.setattr(generation, "CHUNK", 5_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, 0))
    with pytest.raises(StorageError) as caught:
        generate(tmp_path / "n", parameters)
    told = int(str(caught.value).split("about ")[1].split(" ")[0].replace(",", ""))
    monkeypatch.undo()
    written = generate(tmp_path / "n", parameters).progress.bytes_written
    assert 1 <= told / written < 1.2


def test_finished_network_is_left_alone(tmp_path, uninterrupted):
    folder = network(tmp_path / "n")
    done = generate(folder, Parameters(**SMALL))
    assert done.new_records == 0
    assert done.progress.records > 0
    assert files(folder) == uninterrupted


def test_other_parameters_are_refused_in_the_same_folder(tmp_path):
    folder = network(tmp_path / "n")
    before = files(folder)
    with pytest.raises(InputError, match="generated from other parameters"):
        network(folder, seed=2)
    assert files(folder) == before


def test_folder_with_something_else_is_refused_untouched(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="is not empty and holds no generated network"):
        network(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "n").write_text("")
    with pytest.raises(InputError, match="is a file"):
        network(tmp_path / "n")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 1, "colour": 2}', '{"version": 2}'])
def test_note_that_cannot_be_read_is_refused(tmp_path, content):
    (tmp_path / NOTE_FILE).write_text(content)
    with pytest.raises(StorageError, match="remove the folder and begin anew"):
        network(tmp_path)


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b""), Path.unlink])
def test_file_that_lost_something_is_refused(tmp_path, damage):
    with pytest.raises(KeyboardInterrupt):
        generate(tmp_path / "n", Parameters(**SMALL), interrupt)
    damage(tmp_path / "n" / "ground-truth.csv")
    with pytest.raises(StorageError, match="is shorter than what was written to it"):
        network(tmp_path / "n")


def test_second_process_in_the_same_folder_is_refused(tmp_path):
    with lock_directory(tmp_path / "n"), pytest.raises(StorageError, match="in use by another process"):
        network(tmp_path / "n")
