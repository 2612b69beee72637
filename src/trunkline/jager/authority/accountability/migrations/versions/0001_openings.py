"""Verdicts, and the append-only log of openings."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables, and refuse that an opening is changed or forgotten."""
    op.create_table(
        "verdicts",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("party", sa.LargeBinary, nullable=False),
        sa.Column("time", sa.Float, nullable=False),
        sa.Column("document", sa.LargeBinary),
    )
    op.create_index("ix_verdicts_party", "verdicts", ["kind", "party", "time"])
    op.create_index("ix_verdicts_time", "verdicts", ["time"])
    op.create_table(
        "openings",
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("time", sa.Integer, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("party", sa.LargeBinary, nullable=False),
        sa.Column("case_commitment", sa.LargeBinary, nullable=False),
        sa.Column("grant_id", sa.LargeBinary, nullable=False),
        sa.Column("record_id", sa.LargeBinary, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("chain", sa.LargeBinary, nullable=False),
    )
    for action in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER openings_no_{action.lower()} BEFORE {action} ON openings "
            "BEGIN SELECT RAISE(ABORT, 'the log of openings is append-only'); END"
        )
