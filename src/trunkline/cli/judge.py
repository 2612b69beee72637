"""`trunkline judge`: checks a verdict offline."""


def judge() -> None:
    """X."""
