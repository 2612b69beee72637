"""Revisions of the authorization authority's database."""
