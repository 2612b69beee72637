"""Databases of services: SQLAlchemy Core on SQLite, or on PostgreSQL for what several processes share.

They are brought up to date by Alembic.

A room keeps its migrations in a package `migrations` with a sub-package `versions`; each file there is
named for its revision, which is a number: `0001_first.py` has the revision "0001". So the newest revision
is known without loading Alembic, which takes longer than all the rest of a service's start.
"""

import contextlib
import importlib.resources
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Engine, event

from trunkline.errors import StorageError
from trunkline.service.postgresql import postgresql_engine

_BUSY_TIMEOUT_MS = 5000
_MIGRATION_LOCK = 0x74726E6B
_AUTOCOMMIT = "AUTOCOMMIT"


def open_database(path_or_url: Path | str, *, migrations: str, durable: bool = True) -> Engine:
    """Open a database and bring it to the newest revision.

    Every transaction on SQLite takes the write lock when it begins, so what it read is still true when
    it writes. What only reads goes through `reading`, which waits for nobody.

    Args:
        path_or_url: An SQLite file, made when it is not there, or a URL that `postgresql_engine` takes.
        migrations: The package that holds the room's migrations.
        durable: Whether a committed transaction survives a power failure; without it, it only survives
            the death of the process.

    Raises:
        ConfigurationError: The URL, or what it needs, cannot be used.
        StorageError: The database is away, locked, full, damaged, or from a newer release.
    """
    if isinstance(path_or_url, Path):
        engine = sqlalchemy.create_engine(f"sqlite:///{path_or_url}")
        _configure_sqlite(engine, durable=durable)
    else:
        engine = postgresql_engine(path_or_url, durable=durable)
    with storage_errors():
        if isinstance(path_or_url, Path):
            # Before SQLite makes it with whatever the umask gives: databases hold what is nobody else's.
            path_or_url.touch(mode=0o600)
        _migrate(engine, migrations)
    return engine


@contextlib.contextmanager
def reading(engine: Engine) -> Iterator[sqlalchemy.Connection]:
    """Give a connection for single reads, outside of any transaction.

    Raises:
        StorageError: The database failed.
    """
    with single_statements(engine) as connection:
        yield connection


@contextlib.contextmanager
def single_statements(engine: Engine) -> Iterator[sqlalchemy.Connection]:
    """Give a connection each of whose statements is a transaction of its own, at one exchange a statement.

    Raises:
        StorageError: The database failed.
    """
    with storage_errors(), engine.connect().execution_options(isolation_level=_AUTOCOMMIT) as connection:
        yield connection


@contextlib.contextmanager
def storage_errors() -> Iterator[None]:
    """Turn failures of the database or the disk into `StorageError`.

    A violated constraint is no failure of the storage: `sqlalchemy.exc.IntegrityError` passes.
    """
    try:
        yield
    except sqlalchemy.exc.IntegrityError:
        raise
    except sqlalchemy.exc.SQLAlchemyError as error:
        # The text of SQLAlchemy's own errors quotes the statement's parameters; the driver's does not.
        cause = getattr(error, "orig", None) or type(error).__name__
        raise StorageError(f"the database failed: {cause}") from error
    except (sqlite3.Error, OSError) as error:
        raise StorageError(f"the storage failed: {error}") from error


def _configure_sqlite(engine: Engine, *, durable: bool) -> None:
    synchronous = "FULL" if durable else "OFF"

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout = {_BUSY_TIMEOUT_MS}",
            "journal_mode = WAL",
            f"synchronous = {synchronous}",
            "foreign_keys = ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def on_begin(connection: sqlalchemy.Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != _AUTOCOMMIT:
            connection.exec_driver_sql("BEGIN IMMEDIATE")


def _migrate(engine: Engine, migrations: str) -> None:
    versions = importlib.resources.files(migrations) / "versions"
    newest = max(
        (entry.name.partition("_")[0] for entry in versions.iterdir() if entry.name[:1].isdigit()),
        default=None,
    )
    if newest is None:
        raise StorageError(f"the package {migrations} has no revisions; the installation is damaged")
    current = _revision(engine)
    if current == newest:
        return
    if current is not None and current > newest:
        raise StorageError(
            f"the database has revision {current} of a newer release; this one knows {newest}: upgrade it"
        )
    from alembic import command
    from alembic.config import Config

    config = Config()
    with importlib.resources.as_file(versions) as folder:
        config.set_main_option("script_location", str(Path(__file__).parent / "migration"))
        config.set_main_option("version_locations", str(folder).replace("%", "%%"))
        config.set_main_option("path_separator", "newline")
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                # Processes that share a database may start together; one migrates, the others find it done.
                connection.execute(sqlalchemy.text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _revision(engine: Engine) -> str | None:
    with reading(engine) as connection:
        if not sqlalchemy.inspect(connection).has_table("alembic_version"):
            return None
        revision = connection.execute(sqlalchemy.text("SELECT version_num FROM alembic_version")).scalar()
        return None if revision is None else str(revision)
