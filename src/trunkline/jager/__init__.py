"""jager."""
