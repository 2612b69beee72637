"""A deployment in miniature for the carrier's tests."""

import time

import pytest
from carrier_miniature import Miniature


@pytest.fixture(scope="session")
def keys():
    """Keys are slow to make and never change; each test gets its own services around them."""
    return Miniature.make_keys()


@pytest.fixture
def miniature(keys):
    return Miniature(keys, now=time.time())
