"""Revisions of the membership authority's database."""
