"""The tables of the outbox. Nothing in them tells a number; `sources.state` may hold rows of open calls."""

from sqlalchemy import BLOB, Column, Float, Integer, MetaData, String, Table

METADATA = MetaData()

SOURCES = Table(
    "sources",
    METADATA,
    Column("name", String, primary_key=True),
    Column("state", BLOB, nullable=False),
)
"""How far each source is read."""

POOL = Table(
    "pool",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("record", BLOB, nullable=False),
    Column("due_at", Float, nullable=False, index=True),
    sqlite_autoincrement=True,
)
"""Records that wait out their delay."""

BATCHES = Table(
    "batches",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("records", BLOB, nullable=False),
    Column("dummies", BLOB, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Float, nullable=False),
    Column("sealed_at", Float, nullable=False),
    sqlite_autoincrement=True,
)
"""Batches that are sealed and not acknowledged; `dummies` has a byte for each record, 1 for a dummy."""

RECEIPTS = Table(
    "receipts",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("received_at", Float, nullable=False, index=True),
    Column("receipt", BLOB, nullable=False),
    sqlite_autoincrement=True,
)
"""What the store signed for."""

QUARANTINE = Table(
    "quarantine",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("record", BLOB, nullable=False),
    Column("reason", Integer, nullable=False),
    Column("refused_at", Float, nullable=False),
    sqlite_autoincrement=True,
)
"""Records that the store refused for a reason which signing again does not cure."""

COUNTS = Table(
    "counts",
    METADATA,
    Column("name", String, primary_key=True),
    Column("value", Integer, nullable=False),
)
"""Totals since the outbox was made."""
