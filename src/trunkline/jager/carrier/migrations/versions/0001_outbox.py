"""The outbox as it first was."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "sources",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("state", sa.BLOB, nullable=False),
    )
    op.create_table(
        "pool",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("record", sa.BLOB, nullable=False),
        sa.Column("due_at", sa.Float, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_pool_due_at", "pool", ["due_at"])
    op.create_table(
        "batches",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("records", sa.BLOB, nullable=False),
        sa.Column("dummies", sa.BLOB, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at", sa.Float, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "receipts",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("received_at", sa.Float, nullable=False),
        sa.Column("receipt", sa.BLOB, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_receipts_received_at", "receipts", ["received_at"])
    op.create_table(
        "quarantine",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("record", sa.BLOB, nullable=False),
        sa.Column("reason", sa.Integer, nullable=False),
        sa.Column("refused_at", sa.Float, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "counts",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("value", sa.Integer, nullable=False),
    )
