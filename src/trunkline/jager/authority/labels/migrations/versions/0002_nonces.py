"""Nonces that several label servers have seen; one server alone keeps them in a file of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "nonce",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("at", sa.Float(53), nullable=False),
    )
    op.create_index("nonce_at", "nonce", ["at"])
