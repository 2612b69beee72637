"""Migrations of the membership authority's database."""
