"""Revisions of the outbox."""
