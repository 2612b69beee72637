"""Revisions of the labels authority's database."""
