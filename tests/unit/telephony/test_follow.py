"""Following files: growth, rotation, crashes, bounds."""

import os
import shutil

import pytest
from cdr_cases import asterisk_row, poll_to_end, read_batches, source
from hypothesis import given, settings
from hypothesis import strategies as st

from trunkline.errors import ConfigurationError, StorageError
from trunkline.telephony.follow import Follower, FollowState

SETTLED = 10_000_000


def row(number: int, **changes) -> str:
    """A call of its own; the caller's last digits are its number."""
    return asterisk_row(
        src=f"512555{number:04}",
        incoming=f"PJSIP/east-{number:08x}",
        trailing=(f"17952624{number % 60:02}.{number}",),
        **changes,
    )


def numbers(batches) -> list[int]:
    return [int(record.src.text[-4:]) for batch in batches for record in batch.records]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "Master.csv"


def collect(follower, now_us=0):
    """Poll twice, far enough apart for every call to be complete."""
    return poll_to_end(follower, now_us) + poll_to_end(follower, now_us + SETTLED)


def test_growing_file_gives_each_call_once(path):
    path.write_text(row(1))
    follower = Follower(source(path))
    assert numbers(collect(follower)) == [1]
    with path.open("a") as file:
        file.write(row(2) + row(3))
    assert numbers(collect(follower, 2 * SETTLED)) == [2, 3]


def test_call_waits_until_no_more_rows_of_it_may_follow(path):
    path.write_text(asterisk_row(disposition="BUSY", trailing=("1795262400.7",)))
    follower = Follower(source(path, settle_ms=2000))
    assert follower.poll(0).records == []
    with path.open("a") as file:
        file.write(
            asterisk_row(outgoing="PJSIP/north-2", start="2026-11-21 12:00:01", trailing=("1795262400.7",))
        )
    assert follower.poll(1_999_999).records == []
    assert follower.poll(3_999_998).records == []
    assert len(follower.poll(3_999_999).records) == 2


def test_partial_last_line_waits_for_its_end(path):
    whole = row(1)
    path.write_text(whole[:50])
    follower = Follower(source(path))
    assert follower.poll(0).rows_read == 0
    with path.open("a") as file:
        file.write(whole[50:])
    assert numbers(collect(follower)) == [1]


def test_partial_last_line_of_a_finished_file_counts(path):
    path.write_text(row(1) + row(2).rstrip("\n"))
    assert numbers(read_batches(source(path))) == [1, 2]


def test_file_renamed_and_made_anew_is_read_to_its_end_first(path):
    path.write_text(row(1))
    follower = Follower(source(path))
    collect(follower)
    with path.open("a") as file:
        file.write(row(2) + row(3).rstrip("\n"))
    path.rename(path.with_name("Master.csv.1"))
    path.write_text(row(4))
    assert numbers(collect(follower, 2 * SETTLED)) == [2, 3, 4]
    assert numbers(collect(follower, 4 * SETTLED)) == []


def test_file_copied_and_truncated_is_read_to_its_end_first(path):
    path.write_text(row(1))
    follower = Follower(source(path))
    collect(follower)
    with path.open("a") as file:
        file.write(row(2))
    shutil.copy(path, path.with_name("Master.csv-20261121"))
    os.truncate(path, 0)
    with path.open("a") as file:
        file.write(row(3))
    assert numbers(collect(follower, 2 * SETTLED)) == [2, 3]


def test_file_truncated_and_grown_beyond_what_was_read_is_noticed(path):
    path.write_text(row(1))
    follower = Follower(source(path))
    collect(follower)
    shutil.copy(path, path.with_name("Master.csv.1"))
    os.truncate(path, 0)
    with path.open("a") as file:
        file.write(row(2) + row(3) + row(4))
    assert numbers(collect(follower, 2 * SETTLED)) == [2, 3, 4]


def test_rotated_files_that_match_the_pattern_are_not_read_twice(tmp_path):
    pattern = source(tmp_path / "Master.csv*")
    first, second, third = (tmp_path / f"Master.csv{suffix}" for suffix in ("", ".1", ".2"))
    first.write_text(row(1))
    follower = Follower(pattern)
    batches = collect(follower)
    first.rename(second)
    first.write_text(row(2))
    batches += collect(follower, 2 * SETTLED)
    second.rename(third)
    first.rename(second)
    first.write_text(row(3))
    batches += collect(follower, 4 * SETTLED)
    assert numbers(batches) == [1, 2, 3]


def test_file_that_vanished_before_its_end_was_read_is_reported(path):
    path.write_text("".join(row(number) for number in range(10)))
    follower = Follower(source(path))
    follower.poll(0, limit=5)
    path.unlink()
    path.write_text(row(11) + row(12))
    batches = collect(follower, SETTLED)
    assert "the file was replaced" in batches[0].rejects[0].reason
    assert numbers(batches)[-2:] == [11, 12]


def test_missing_file_is_reported_once_and_read_when_it_comes(path):
    follower = Follower(source(path))
    (reject,) = follower.poll(0).rejects
    assert "no file matches" in reject.reason
    assert follower.poll(1).rejects == []
    path.write_text(row(1))
    assert numbers(collect(follower)) == [1]
    path.unlink()
    assert "no file matches" in follower.poll(3 * SETTLED).rejects[0].reason


def test_line_that_is_too_long_is_passed_over_with_bounded_memory(path):
    path.write_text(row(1) + "x" * 200_000)
    follower = Follower(source(path))
    batches = collect(follower)
    with path.open("a") as file:
        file.write("y" * 100_000 + "\n" + row(2))
    batches += collect(follower, 2 * SETTLED)
    assert numbers(batches) == [1, 2]
    (reject,) = [reject for batch in batches for reject in batch.rejects]
    assert (reject.line, reject.reason[:16]) == (2, "the line is long")


def test_line_numbers_count_every_line(path):
    path.write_text(row(1) + "\n" + "junk\n" + row(2))
    (batch,) = read_batches(source(path))
    assert [record.location.line for record in batch.records] == [1, 4]
    assert [reject.line for reject in batch.rejects] == [3]
    assert batch.skipped == {"empty line": 1}
    assert batch.rows_read == 4


def test_poll_reads_no_more_than_its_limit(path):
    path.write_text("".join(row(number) for number in range(25)))
    follower = Follower(source(path))
    batches = [follower.poll(0, limit=10, finish=True) for _ in range(5)]
    assert [batch.rows_read for batch in batches] == [10, 10, 5, 0, 0]
    assert max(len(batch.records) for batch in batches) <= 10
    assert sorted(numbers(batches)) == list(range(25))


def test_rows_in_waiting_are_bounded_however_long_the_file(path, monkeypatch):
    monkeypatch.setattr("trunkline.telephony.assembly.READY_LIMIT", 40)
    path.write_text("".join(row(number) for number in range(300)))
    follower = Follower(source(path))
    waiting = []
    batches = []
    for _ in range(40):
        batches.append(follower.poll(0, limit=10))
        waiting.append(len(batches[-1].state.pending))
    assert max(waiting) <= 50
    batches += poll_to_end(follower, 0, finish=True)
    assert sorted(numbers(batches)) == list(range(300))


def crash_and_resume(cdr_source, steps, crashes):
    """Poll with a crash before some of the states are stored; only stored batches count."""
    # A file that was never seen cannot be known again after rotation, so the first batch is stored.
    follower = Follower(cdr_source)
    stored = [follower.poll(0)]
    stored_state = stored[0].state
    for number, (append, now_us) in enumerate(steps):
        append()
        batch = follower.poll(now_us, limit=7)
        if number in crashes:
            follower = Follower(cdr_source, FollowState.from_bytes(stored_state.to_bytes()))
            continue
        stored_state = batch.state
        stored.append(batch)
    stored += poll_to_end(
        Follower(cdr_source, FollowState.from_bytes(stored_state.to_bytes())), 10**12, finish=True
    )
    return numbers(stored)


@settings(max_examples=40, deadline=None)
@given(st.sets(st.integers(0, 29)), st.integers(0, 29), st.booleans())
def test_crash_at_any_moment_neither_loses_nor_doubles_a_call(tmp_path_factory, crashes, rotation, copied):
    path = tmp_path_factory.mktemp("follow") / "Master.csv"
    path.write_text(row(30))
    text = "".join(
        row(number, disposition="BUSY") + row(number, outgoing="", disposition="BUSY") for number in range(30)
    )
    size = len(text) // 30 + 1
    parts = [text[start : start + size] for start in range(0, len(text), size)]

    def append(number):
        def write():
            if number == rotation:
                if copied:
                    shutil.copy(path, path.with_name("Master.csv.1"))
                    os.truncate(path, 0)
                else:
                    path.rename(path.with_name("Master.csv.1"))
            with path.open("a") as file:
                file.write(parts[number])

        return write

    # A rotation in the middle of a line would tear the row in two: that is the rotating program's doing.
    if rotation and not "".join(parts[:rotation]).endswith("\n"):
        torn = "".join(parts[:rotation]).rpartition("\n")
        parts[rotation - 1] = parts[rotation - 1][: len(parts[rotation - 1]) - len(torn[2])]
        parts[rotation] = torn[2] + parts[rotation]
    steps = [(append(number), number * 1_000_000) for number in range(len(parts))]
    assert sorted(crash_and_resume(source(path), steps, crashes)) == list(range(31))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not json",
        b"[]",
        b'{"version":2}',
        b'{"version":1}',
        b'{"version":1,"files":[],"tables":[],"pending":[1],"told":[]}',
    ],
)
def test_state_that_cannot_be_read_is_a_typed_error(data):
    with pytest.raises(StorageError, match="contribute it anew"):
        FollowState.from_bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        b'{"version":1,"files":[{}],"tables":[],"pending":[],"told":[]}',
        b'{"version":1,"files":[],"tables":[{"path":1}],"pending":[],"told":[]}',
        b'{"version":1,"files":[],"tables":[],"pending":[[0,[["no such kind"]]]],"told":[]}',
    ],
)
def test_state_with_foreign_content_is_a_typed_error(path, data):
    with pytest.raises(StorageError, match="cannot be read"):
        Follower(source(path), FollowState.from_bytes(data))


def test_source_whose_options_do_not_fit_is_refused_at_once(path):
    with pytest.raises(ConfigurationError, match=r"freeswitch\.template"):
        Follower(source(path, format="freeswitch-csv"))


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("trunkline.telephony.files._FILE_LIMIT", 2)
    for number in range(3):
        (tmp_path / f"{number}.csv").write_text(row(number))
    (reject,) = Follower(source(tmp_path / "*.csv")).poll(0).rejects
    assert "move finished files away" in reject.reason
