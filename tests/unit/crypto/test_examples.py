"""The examples in the package's documentation run."""

import doctest

import trunkline.crypto


def test_package_example_runs_as_written() -> None:
    failed, attempted = doctest.testmod(trunkline.crypto)
    assert attempted > 10
    assert failed == 0
