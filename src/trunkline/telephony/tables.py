"""Following the accounting tables of a SQLite database as they grow.

The database belongs to a switch that is writing to it: it is opened read-only and read in one transaction,
so that the tables agree with each other.
"""

import hashlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from trunkline.errors import CdrError
from trunkline.telephony.model import Reject
from trunkline.telephony.readers.accounting import AccountingReader
from trunkline.telephony.readers.base import LINE_LIMIT, Position, Skip, with_position
from trunkline.telephony.rows import Row
from trunkline.telephony.stored import restore

ACCOUNTING_TABLES = ("acc", "missed_calls", "acc_cdrs")
_COPY_LIMIT = 1 << 30
_BUSY_SECONDS = 5.0
_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
# Names and messages that quote a damaged database need not be UTF-8, and a size in it may be absurd.
_DAMAGE = (sqlite3.Error, UnicodeDecodeError, MemoryError)
NOT_A_DATABASE = "the file is not a SQLite database, or a damaged one"
TOO_LONG = "the row is longer than its limit of 64 KiB"
UNREADABLE = "the table cannot be read: the database is damaged, or locked by its writer"
NO_TABLES = "the database has none of the tables acc, missed_calls, acc_cdrs"


@dataclass(slots=True)
class FollowedTable:
    """One table that is followed by its row number.

    Attributes:
        path: The database.
        table: The table.
        position: `line` is the number of the last row that was read.
        last_hash: Hash of that row, which tells an emptied and refilled table from one that grew.
    """

    path: str
    table: str
    position: Position
    last_hash: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Any) -> Self:
        """Read what `to_json` wrote.

        Raises:
            StorageError: It is anything else.
        """
        return restore(cls, with_position(values))


@dataclass(frozen=True, slots=True)
class TableItem:
    """One row that was read, not yet taken; see `files.Item`."""

    time_us: int
    outcome: Row | Skip | Reject
    followed: FollowedTable
    position: Position
    row_hash: str


@contextmanager
def open_read_only(path: str) -> Iterator[sqlite3.Connection]:
    """Open a database read-only, also in write-ahead mode and in a folder that cannot be written to.

    All that is read is of one moment: the connection is in a transaction.

    Raises:
        CdrError: The file is missing, locked by its writer, or not a database.
    """
    with ExitStack() as stack:
        try:
            connection = _connect(path, stack)
        except (*_DAMAGE, OSError) as error:
            raise CdrError(NOT_A_DATABASE if Path(path).is_file() else "the database is missing") from error
        yield connection


def _connect(path: str, stack: ExitStack) -> sqlite3.Connection:
    """Open a database in one of three ways; the stack closes and removes what that needed."""
    address = "file:" + quote(str(Path(path).absolute()))
    connection = _try_to_read(f"{address}?mode=ro", stack)
    if connection is not None:
        return connection
    if Path(f"{path}-journal").exists():
        # What is in the file is half of a change; only its writer can undo it.
        raise CdrError(UNREADABLE)
    # A database in write-ahead mode needs its -shm file, which cannot be made in a read-only folder.
    log = Path(f"{path}-wal")
    if not log.exists() or log.stat().st_size == 0:
        connection = _try_to_read(f"{address}?immutable=1", stack)
    elif Path(path).stat().st_size + log.stat().st_size > _COPY_LIMIT:
        raise CdrError("the database is in write-ahead mode in a read-only folder and too large to copy")
    else:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="trunkline-cdr-"))
        copy = Path(folder) / "copy.sqlite"
        shutil.copyfile(path, copy)
        shutil.copyfile(log, f"{copy}-wal")
        connection = _try_to_read(f"file:{quote(str(copy))}", stack)
    if connection is None:
        raise sqlite3.DatabaseError
    return connection


def _try_to_read(uri: str, stack: ExitStack) -> sqlite3.Connection | None:
    with ExitStack() as opened:
        try:
            connection = opened.enter_context(closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS)))
            # SQLite takes any bytes as text, and one bad field must not cost the rows behind it.
            connection.text_factory = _decoded
            # The first look takes the lock, and the transaction keeps it until the last row is read.
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", None) in _LOCKED:
                raise CdrError(UNREADABLE) from error
            return None
        stack.enter_context(opened.pop_all())
        return connection


def accounting_tables(connection: sqlite3.Connection) -> list[str]:
    """Return which of the accounting tables a database has.

    Raises:
        CdrError: The list of tables cannot be read.
    """
    try:
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    except _DAMAGE as error:
        raise CdrError(UNREADABLE) from error
    names = {name for (name,) in found}
    return [table for table in ACCOUNTING_TABLES if table in names]


def read_table(
    connection: sqlite3.Connection,
    followed: FollowedTable,
    reader: AccountingReader,
    limit: int,
) -> Iterator[TableItem]:
    """Yield at most `limit` rows of one table after its position.

    Args:
        connection: The database, in a transaction.
        followed: The table. Its position is not changed; the items carry the new ones.
        reader: The source's reader.
        limit: How many rows.
    """
    try:
        yield from _read_rows(connection, followed, reader, limit)
    except _DAMAGE:
        reject = Reject(followed.position.file, 0, UNREADABLE)
        yield TableItem(0, reject, followed, followed.position, followed.last_hash)


def _read_rows(
    connection: sqlite3.Connection,
    followed: FollowedTable,
    reader: AccountingReader,
    limit: int,
) -> Iterator[TableItem]:
    query = f"SELECT rowid, * FROM {followed.table} WHERE rowid > ? ORDER BY rowid LIMIT ?"  # noqa: S608 - a constant
    first_after = 0 if _was_emptied(connection, followed) else followed.position.line
    cursor = connection.execute(query, (first_after, limit))
    names = [column[0] for column in cursor.description][1:]
    time_us = 0
    for number, *values in cursor:
        position = Position(followed.position.file, line=number)
        outcome = _read_row(dict(zip(names, values, strict=True)), reader, position)
        if isinstance(outcome, Row):
            time_us = outcome.end_us or time_us
        yield TableItem(time_us, outcome, followed, position, _hash(values))


def _read_row(values: dict[str, Any], reader: AccountingReader, position: Position) -> Row | Skip | Reject:
    fields = {name: _text(value) for name, value in values.items()}
    if sum(len(text) for text in fields.values()) > LINE_LIMIT:
        return Reject(position.file, position.line, TOO_LONG)
    try:
        return reader.read_fields(fields, position)
    except CdrError as error:
        return Reject(position.file, position.line, str(error))


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return _decoded(value)
    return repr(value) if isinstance(value, float) else str(value)


def _was_emptied(connection: sqlite3.Connection, followed: FollowedTable) -> bool:
    """Tell whether the rows that were read are gone and row numbers began anew."""
    last = followed.position.line
    if last == 0:
        return False
    row = connection.execute(f"SELECT * FROM {followed.table} WHERE rowid = ?", (last,)).fetchone()  # noqa: S608
    if row is not None:
        return _hash(list(row)) != followed.last_hash
    highest = connection.execute(f"SELECT max(rowid) FROM {followed.table}").fetchone()[0]  # noqa: S608
    return highest is None or highest < last


def _hash(values: list[Any]) -> str:
    return hashlib.sha256(repr(values).encode()).hexdigest()[:32]
