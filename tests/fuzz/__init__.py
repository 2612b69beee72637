"""Fuzzing of everything that reads bytes of other parties: what comes out is a value or a typed error."""
