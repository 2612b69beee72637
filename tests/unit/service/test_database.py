import subprocess
import sys

import pytest
import sqlalchemy
from sqlalchemy import text

from trunkline.errors import StorageError
from trunkline.service.database import open_database, reading, storage_errors

REVISION = """
from alembic import op
import sqlalchemy as sa
revision = "{revision}"
down_revision = {down}
def upgrade():
    op.create_table("t{revision}", sa.Column("a", sa.Integer, primary_key=True))
"""


@pytest.fixture
def migrations(tmp_path, monkeypatch):
    """A room's migrations package; the function adds a revision."""
    versions = tmp_path / "room_migrations" / "versions"
    versions.mkdir(parents=True)
    (versions.parent / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)

    def add(number):
        down = f'"{number - 1:04}"' if number > 1 else None
        (versions / f"{number:04}_x.py").write_text(REVISION.format(revision=f"{number:04}", down=down))

    add(1)
    yield add
    sys.modules.pop("room_migrations", None)


def tables(engine):
    return set(sqlalchemy.inspect(engine).get_table_names())


def test_database_is_made_and_migrated_and_kept_private(tmp_path, migrations):
    engine = open_database(tmp_path / "d.sqlite", migrations="room_migrations")
    assert tables(engine) == {"alembic_version", "t0001"}
    assert (tmp_path / "d.sqlite").stat().st_mode & 0o077 == 0
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2


def test_older_database_is_migrated_and_keeps_its_rows(tmp_path, migrations):
    engine = open_database(tmp_path / "d.sqlite", migrations="room_migrations")
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO t0001 VALUES (7)"))
    engine.dispose()
    migrations(2)
    engine = open_database(tmp_path / "d.sqlite", migrations="room_migrations")
    assert tables(engine) == {"alembic_version", "t0001", "t0002"}
    with engine.connect() as connection:
        assert connection.execute(text("SELECT a FROM t0001")).scalars().all() == [7]


def test_database_of_a_newer_release_is_refused(tmp_path, migrations):
    migrations(2)
    open_database(tmp_path / "d.sqlite", migrations="room_migrations").dispose()
    (tmp_path / "room_migrations" / "versions" / "0002_x.py").unlink()
    with pytest.raises(StorageError, match="newer release"):
        open_database(tmp_path / "d.sqlite", migrations="room_migrations")


def test_current_database_is_opened_without_loading_alembic(tmp_path, migrations):
    # Thirteen processes start together in a local deployment; Alembic would double the time of each.
    open_database(tmp_path / "d.sqlite", migrations="room_migrations").dispose()
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from trunkline.service.database import open_database\n"
        "open_database(Path(sys.argv[1], 'd.sqlite'), migrations='room_migrations')\n"
        "sys.exit('alembic' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False).returncode == 0


def test_package_without_revisions_is_refused(tmp_path, migrations):
    (tmp_path / "room_migrations" / "versions" / "0001_x.py").unlink()
    with pytest.raises(StorageError, match="no revisions"):
        open_database(tmp_path / "d.sqlite", migrations="room_migrations")


def test_file_that_is_no_database_is_a_storage_error(tmp_path, migrations):
    (tmp_path / "d.sqlite").write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(StorageError, match="not a database"):
        open_database(tmp_path / "d.sqlite", migrations="room_migrations")


def test_missing_directory_is_a_storage_error(tmp_path, migrations):
    with pytest.raises(StorageError, match="storage failed"):
        open_database(tmp_path / "none" / "d.sqlite", migrations="room_migrations")


def test_transaction_holds_the_write_lock_from_its_first_read(tmp_path, migrations):
    # Without it two requests could both read "one left" of a quota and both take it.
    engine = open_database(tmp_path / "d.sqlite", migrations="room_migrations")
    with engine.begin() as first:
        first.execute(text("SELECT 1"))
        with reading(engine) as second:
            second.execute(text("PRAGMA busy_timeout = 1"))
            assert second.execute(text("SELECT count(*) FROM t0001")).scalar() == 0
            with pytest.raises(StorageError, match="locked"), storage_errors():
                second.execute(text("INSERT INTO t0001 VALUES (1)"))


def test_full_disk_is_a_storage_error_and_constraints_are_not(tmp_path, migrations):
    engine = open_database(tmp_path / "d.sqlite", migrations="room_migrations")
    with engine.connect() as connection:
        connection.execute(text("PRAGMA max_page_count = 1"))
        with pytest.raises(StorageError, match="full"), storage_errors():
            connection.execute(text("CREATE TABLE big AS SELECT randomblob(100000) AS x"))
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO t0001 VALUES (1)"))
    with pytest.raises(sqlalchemy.exc.IntegrityError), storage_errors(), engine.begin() as connection:
        connection.execute(text("INSERT INTO t0001 VALUES (1)"))
