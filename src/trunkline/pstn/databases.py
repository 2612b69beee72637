"""Turns the finished CSV files of proxies that keep their accounting in SQLite into databases."""

import csv
import sqlite3
from contextlib import closing
from pathlib import Path

from trunkline.errors import StorageError
from trunkline.pstn.cdr_text import Form


def make_database(folder: Path, form: Form) -> None:
    """Makes a carrier's database from its CSV files and removes those; done again, it changes nothing.

    Args:
        folder: The carrier's folder.
        form: Its format.

    Raises:
        StorageError: There is no room, or the folder cannot be written to.
    """
    database = folder / form.database
    try:
        if not database.exists():
            part = database.with_suffix(".part")
            part.unlink(missing_ok=True)
            # The file is nobody's until it has its name, so a crash needs no journal.
            with closing(sqlite3.connect(part, isolation_level=None)) as connection:
                connection.execute("PRAGMA journal_mode = off")
                connection.execute("PRAGMA synchronous = off")
                connection.execute("BEGIN")
                for file in form.files:
                    _fill(connection, folder / file)
                connection.execute("COMMIT")
            part.replace(database)
        for file in form.files:
            (folder / file).unlink(missing_ok=True)
    except (OSError, sqlite3.OperationalError) as error:
        raise StorageError(
            f"making {database} failed: {error}; make room and run the same command again"
        ) from error


def _fill(connection: sqlite3.Connection, path: Path) -> None:
    with path.open(newline="", encoding="utf-8") as file:
        lines = csv.reader(file)
        columns = next(lines)
        definition = ", ".join(f"{column} TEXT" for column in columns)
        # The names are those of our own headers.
        connection.execute(f"CREATE TABLE {path.stem} (id INTEGER PRIMARY KEY, {definition})")
        marks = ", ".join("?" for _ in columns)
        insert = f"INSERT INTO {path.stem} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - likewise
        connection.executemany(insert, lines)
