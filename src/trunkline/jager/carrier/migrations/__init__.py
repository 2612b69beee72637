"""The schema of the outbox, as Alembic migrations."""
