"""Nonces, members, credentials, revocations and the join log."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "nonces",
        sa.Column("nonce", sa.LargeBinary, primary_key=True),
        sa.Column("carrier", sa.LargeBinary, nullable=False),
        sa.Column("issued_at", sa.Float, nullable=False),
        sa.Column("used_for", sa.LargeBinary),
    )
    op.create_index("ix_nonces_carrier", "nonces", ["carrier"])
    op.create_table(
        "members",
        sa.Column("s_point", sa.LargeBinary, primary_key=True),
        sa.Column("carrier", sa.LargeBinary, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
    )
    op.create_index("ix_members_carrier", "members", ["carrier"])
    op.create_table(
        "credentials",
        sa.Column("s_point", sa.LargeBinary, primary_key=True),
        sa.Column("period", sa.Integer, primary_key=True),
        sa.Column("credential", sa.LargeBinary, nullable=False),
        sa.Column("log_index", sa.Integer, nullable=False),
    )
    op.create_table(
        "revocations",
        sa.Column("carrier", sa.LargeBinary, primary_key=True),
        sa.Column("revoked_at", sa.Float, nullable=False),
    )
    op.create_table(
        "log",
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("entry", sa.LargeBinary, nullable=False),
    )
