"""Requests, quotas and the authorization log."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "requests",
        sa.Column("id", sa.LargeBinary, primary_key=True),
        sa.Column("requester", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
        sa.Column("labels", sa.Integer, nullable=False),
        sa.Column("details_commitment", sa.LargeBinary, nullable=False),
        sa.Column("case_commitment", sa.LargeBinary, nullable=False),
        sa.Column("body", sa.LargeBinary),
        sa.Column("grant_id", sa.LargeBinary, unique=True),
        sa.Column("grant", sa.LargeBinary),
        sa.Column("idx_digest", sa.LargeBinary),
        sa.Column("salt", sa.LargeBinary),
        sa.Column("log_index", sa.Integer),
    )
    op.create_index("ix_requests_requester_digest", "requests", ["requester", "digest"])
    op.create_index("ix_requests_state_expires_at", "requests", ["state", "expires_at"])
    op.create_index(
        "ix_requests_bodies", "requests", ["expires_at"], sqlite_where=sa.text("body IS NOT NULL")
    )
    op.create_table(
        "log",
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("entry", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "quota",
        sa.Column("party", sa.LargeBinary, primary_key=True),
        sa.Column("day", sa.Integer, primary_key=True),
        sa.Column("used", sa.Integer, nullable=False),
    )
