"""Batches know when they were sealed, so that one which nobody takes is noticed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column; of older batches no earlier time is known than when they are tried next."""
    op.add_column("batches", sa.Column("sealed_at", sa.Float, nullable=False, server_default="0"))
    op.execute("UPDATE batches SET sealed_at = due_at")
