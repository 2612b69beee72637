"""Migrations of the accountability authority's database."""
