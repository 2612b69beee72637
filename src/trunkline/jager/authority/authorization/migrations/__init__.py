"""Migrations of the authorization authority's database."""
