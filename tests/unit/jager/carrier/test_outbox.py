"""The outbox: what is stored is never lost, and what is read is never read again."""

import importlib
import sqlite3

import pytest
import sqlalchemy
from alembic.migration import MigrationContext
from alembic.operations import Operations

from trunkline.errors import StorageError
from trunkline.jager.carrier.outbox import RECEIPTS_KEPT_S, Count, Outbox, Settlement

RECORDS = [bytes([number]) * 714 for number in range(5)]


@pytest.fixture
def outbox(tmp_path):
    box = Outbox(tmp_path / "outbox.sqlite")
    yield box
    box.close()


def _seal(outbox, numbers=2, now=10.0):
    pooled = outbox.due(now, numbers)
    dummy = b"\xff" * 714
    records = b"".join(item.record for item in pooled) + dummy
    return outbox.seal([item.number for item in pooled], records, bytes([0] * len(pooled) + [1]), now)


def test_add_stores_records_and_state_together(tmp_path, outbox):
    outbox.add("one", b"state", RECORDS, [1.0] * 5, {Count.ROWS: 7})
    again = Outbox(tmp_path / "outbox.sqlite")
    assert again.states() == {"one": b"state"}
    assert again.waiting == outbox.waiting == 5
    assert again.counts()[Count.ROWS] == 7
    assert again.counts()[Count.RECORDS] == 5


def test_add_that_fails_midway_leaves_the_state_as_it_was(outbox):
    outbox.add("one", b"before", [], [], {})
    with pytest.raises(Exception, match=r"NULL|NOT NULL|constraint|shorter|longer"):
        outbox.add("one", b"after", [RECORDS[0], None], [1.0, 1.0], {})
    assert outbox.states() == {"one": b"before"}
    assert outbox.waiting == 0


def test_due_gives_only_records_whose_delay_is_over(outbox):
    outbox.add("one", b"", RECORDS, [5.0, 1.0, 9.0, 2.0, 30.0], {})
    assert [item.record[0] for item in outbox.due(5.0, 10)] == [1, 3, 0]
    assert len(outbox.due(5.0, 2)) == 2
    outbox.make_due_by(6.0)
    assert len(outbox.due(6.0, 10)) == 5


def test_sealed_batch_survives_a_restart_as_it_was(tmp_path, outbox):
    outbox.add("one", b"", RECORDS, [1.0] * 5, {})
    batch = _seal(outbox)
    again = Outbox(tmp_path / "outbox.sqlite")
    assert again.next_batch(10.0, []) == batch
    assert again.waiting == 5
    assert len(again.due(10.0, 10)) == 3


def test_next_batch_skips_those_in_flight_and_postponed(outbox):
    outbox.add("one", b"", RECORDS, [1.0] * 5, {})
    first, second = _seal(outbox), _seal(outbox)
    assert outbox.next_batch(10.0, [first.number]) == second
    outbox.postpone(first, 50.0)
    assert outbox.next_batch(10.0, []) == second
    found = outbox.next_batch(50.0, [])
    assert found is not None
    assert (found.number, found.attempts) == (first.number, 1)


def test_settle_keeps_the_receipt_and_what_was_refused(outbox):
    outbox.add("one", b"", RECORDS, [1.0] * 5, {})
    batch = _seal(outbox, numbers=3)
    outcome = Settlement(acknowledged=1, again=RECORDS[1], again_at=99.0, quarantined=((RECORDS[2], 6),))
    outbox.settle(batch, b"receipt", outcome, 10.0)
    assert outbox.next_batch(1e9, []) is None
    assert outbox.waiting == 3
    counts = outbox.counts()
    assert (counts[Count.ACKNOWLEDGED], counts[Count.SIGNED_AGAIN], counts[Count.QUARANTINED]) == (1, 1, 1)
    assert counts[Count.DUMMIES] == 1


def test_settle_twice_counts_once(outbox):
    outbox.add("one", b"", RECORDS, [1.0] * 5, {})
    batch = _seal(outbox)
    for _ in range(2):
        outbox.settle(batch, b"receipt", Settlement(acknowledged=2), 10.0)
    assert outbox.counts()[Count.ACKNOWLEDGED] == 2
    assert outbox.waiting == 3


def test_settle_drops_receipts_that_no_store_needs_any_more(outbox):
    outbox.add("one", b"", RECORDS, [1.0] * 5, {})
    outbox.settle(_seal(outbox), b"old", Settlement(acknowledged=2), 10.0)
    outbox.settle(_seal(outbox), b"new", Settlement(acknowledged=2), 11.0 + RECEIPTS_KEPT_S)
    assert outbox.receipts_kept() == 1


def test_outbox_of_another_kind_of_file_is_a_storage_error(tmp_path):
    (tmp_path / "outbox.sqlite").write_bytes(b"no database " * 1000)
    with pytest.raises(StorageError, match="not a database"):
        Outbox(tmp_path / "outbox.sqlite")


def test_full_disk_is_a_storage_error_and_changes_nothing(outbox):
    outbox.add("one", b"before", RECORDS, [1.0] * 5, {})
    with outbox._engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StorageError, match="full"):
        outbox.add("one", b"after", RECORDS * 100, [1.0] * 500, {})
    assert outbox.states() == {"one": b"before"}
    assert outbox.waiting == 5
    assert len(outbox.due(1e12, 1000)) == 5


def test_overdue_is_the_time_since_the_first_record_might_have_left(outbox):
    assert outbox.overdue_s(100.0) == 0.0
    outbox.add("one", b"", RECORDS, [50.0, 70.0, 90.0, 200.0, 300.0], {})
    assert outbox.overdue_s(40.0) == 0.0
    assert outbox.overdue_s(100.0) == 50.0


def test_overdue_batch_that_is_tried_again_and_again_stays_overdue(outbox):
    # The time of its next attempt says nothing of how long it has waited.
    outbox.add("one", b"", RECORDS, [1.0] * 5, {})
    batch = _seal(outbox, 5)
    outbox.postpone(batch, 500.0)
    assert outbox.overdue_s(100.0) == 90.0


def test_outbox_of_the_release_before_is_taken_over_with_its_batches(tmp_path):
    path = tmp_path / "old.sqlite"
    with sqlite3.connect(path) as old:
        context = MigrationContext.configure(sqlalchemy.create_engine(f"sqlite:///{path}").connect())
        with Operations.context(context):
            importlib.import_module("trunkline.jager.carrier.migrations.versions.0001_outbox").upgrade()
        context.connection.commit()
        old.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        old.execute("INSERT INTO alembic_version VALUES ('0001')")
        old.execute(
            "INSERT INTO batches VALUES (1, ?, ?, 3, 50.0)", (b"".join(RECORDS), bytes([0, 0, 0, 0, 1]))
        )
    box = Outbox(path)
    assert (box.waiting, box.overdue_s(80.0)) == (4, 30.0)
    box.close()
