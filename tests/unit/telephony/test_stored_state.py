"""A stored state that was damaged is refused as such, and a damaged database loses nothing beside it."""

import json
import sqlite3

import pytest
from cdr_cases import asterisk_row, read, source
from test_accounting import database, event, insert, sqlite_source

from trunkline.errors import StorageError
from trunkline.telephony import tables
from trunkline.telephony.follow import Follower, FollowState


@pytest.fixture
def followed(tmp_path):
    """A source with a call that is not complete, and its state as JSON."""
    path = tmp_path / "Master.csv"
    path.write_text(asterisk_row(trailing=("1795262400.7",)))
    cdr_source = source(path)
    return cdr_source, json.loads(Follower(cdr_source).poll(0).state.to_bytes())


def resume(followed, change):
    cdr_source, state = followed
    change(state)
    return Follower(cdr_source, FollowState.from_bytes(json.dumps(state).encode()))


def test_unchanged_state_is_resumed(followed):
    assert resume(followed, lambda state: None).poll(1, finish=True).rows_read == 0


@pytest.mark.parametrize("value", [{}, "1", None, 1.5, 1 << 63, -1])
def test_position_of_another_form_is_refused(followed, value):
    with pytest.raises(StorageError, match=r"Position|position"):
        resume(followed, lambda state: state["files"][0]["position"].update(offset=value))


@pytest.mark.parametrize(
    ("field", "value"), [("inode", {}), ("size", "9"), ("path", 1), ("head_length", 1.0)]
)
def test_file_of_another_form_is_refused(followed, field, value):
    with pytest.raises(StorageError, match="FollowedFile"):
        resume(followed, lambda state: state["files"][0].update({field: value}))


@pytest.mark.parametrize("length", [-1, 1 << 40])
def test_file_with_an_impossible_head_is_refused(followed, length):
    with pytest.raises(StorageError, match="a file that cannot be read"):
        resume(followed, lambda state: state["files"][0].update(head_length=length))


@pytest.mark.parametrize("path", ["Master\0.csv", "Master\ud800.csv"])
def test_file_with_an_impossible_path_is_refused(followed, path):
    with pytest.raises(StorageError, match="a file that cannot be read"):
        resume(followed, lambda state: state["files"][0].update(path=path))


@pytest.mark.parametrize("place", range(14))
def test_row_with_a_value_of_another_type_is_refused(followed, place):
    def change(state):
        state["pending"][0][1][0][place] = ["no"]

    with pytest.raises(StorageError, match="cannot be read"):
        resume(followed, change)


def test_row_with_a_value_too_many_is_refused(followed):
    with pytest.raises(StorageError, match="a row that cannot be read"):
        resume(followed, lambda state: state["pending"][0][1][0].append(""))


@pytest.mark.parametrize(
    "state", [b"[" * 100_000, b'{"version":1,"files":[],"tables":[],"pending":[[1e999,[]]],"told":[]}']
)
def test_state_that_json_can_hold_and_we_cannot_is_refused(state):
    with pytest.raises(StorageError, match="cannot be read"):
        FollowState.from_bytes(state)


def test_database_whose_schema_is_not_utf8_is_a_reject(tmp_path):
    path = tmp_path / "acc.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE acc (id INTEGER PRIMARY KEY, callid TEXT)")
    path.write_bytes(path.read_bytes().replace(b"callid TEXT", b"call\xff\xfe TEXT", 1))
    records, rejects = read(source(path, format="kamailio-sqlite"))
    assert records == []
    assert rejects


def test_database_that_states_absurd_sizes_is_a_reject(tmp_path, monkeypatch):
    # What SQLite answers when a damaged length asks for more memory than it takes.
    def refuse(uri, stack):
        raise MemoryError

    path = tmp_path / "acc.sqlite"
    database(path).close()
    monkeypatch.setattr(tables, "_try_to_read", refuse)
    records, rejects = read(sqlite_source(path))
    assert records == []
    assert "not a SQLite database, or a damaged one" in rejects[0].reason


def test_sqlite_row_with_text_that_is_not_utf8_loses_no_neighbour(tmp_path):
    path = tmp_path / "acc.sqlite"
    connection = database(path)
    for number, callid in enumerate("abc", 1):
        insert(connection, "acc", event(number, number, callid=callid))
    connection.execute("UPDATE acc SET sip_reason = CAST(X'4fff4b' AS TEXT) WHERE callid = 'b'")
    connection.commit()
    connection.close()
    records, rejects = read(sqlite_source(path))
    assert len(records) == 3
    assert rejects == []
