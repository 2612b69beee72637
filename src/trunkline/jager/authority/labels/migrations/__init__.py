"""Migrations of the labels authority's database."""
