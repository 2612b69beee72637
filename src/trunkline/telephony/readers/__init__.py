"""Readers of the forms in which switches write call records: one line or table row in, one `Row` out."""
