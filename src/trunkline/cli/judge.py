"""`trunkline judge`: checks a verdict offline."""
