import csv

import pytest

from trunkline.errors import StorageError
from trunkline.telephony import quarantine
from trunkline.telephony.model import Reject
from trunkline.telephony.quarantine import append_to_quarantine


def test_rejects_are_appended_under_one_header(tmp_path):
    path = tmp_path / "quarantine.csv"
    assert append_to_quarantine(path, [Reject("a.csv", 3, "no, really")]) == 1
    assert append_to_quarantine(path, [Reject("b.csv", 4, "x", "gate")]) == 1
    with path.open() as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["file", "line", "reason", "trunk"],
        ["a.csv", "3", "no, really", ""],
        ["b.csv", "4", "x", "gate"],
    ]
    assert path.stat().st_mode & 0o077 == 0


def test_quarantine_at_its_limit_is_put_aside_and_begun_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(quarantine, "SIZE_LIMIT", 50)
    path = tmp_path / "quarantine.csv"
    for line in range(1, 6):
        append_to_quarantine(path, [Reject("wrong.bin", line, "not a call record")])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["quarantine.csv", "quarantine.csv.old"]
    assert path.read_text().startswith("file,line,reason,trunk\n")
    assert "wrong.bin,5," in path.read_text()
    assert path.stat().st_size < 150


@pytest.mark.parametrize("value", ["=cmd()", "+1", "-1", "@x", "\t=1"])
def test_values_that_a_spreadsheet_would_run_are_defused(tmp_path, value):
    path = tmp_path / "quarantine.csv"
    append_to_quarantine(path, [Reject("a", 1, "x", value)])
    with path.open() as file:
        assert list(csv.reader(file))[1][3] == f"'{value}"


def test_line_feeds_cannot_make_rows(tmp_path):
    path = tmp_path / "quarantine.csv"
    append_to_quarantine(path, [Reject("a\r\nb,9,forged", 1, "x\udcff")])
    assert len(path.read_text().splitlines()) == 2


def test_nothing_to_say_makes_no_file(tmp_path):
    assert append_to_quarantine(tmp_path / "quarantine.csv", []) == 0
    assert not (tmp_path / "quarantine.csv").exists()


def test_file_that_cannot_be_written_is_a_typed_error(tmp_path):
    with pytest.raises(StorageError, match="cannot be written"):
        append_to_quarantine(tmp_path / "none" / "quarantine.csv", [Reject("a", 1, "x")])
