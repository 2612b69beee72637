"""Revisions of the accountability authority's database."""
