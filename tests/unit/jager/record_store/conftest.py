import pytest
from store_lab import Clock, Lab, make_keys

from trunkline.jager.record_store.rocks_engine import RocksEngine


@pytest.fixture(scope="session")
def keys():
    return make_keys()


@pytest.fixture
def lab(keys, tmp_path):
    return Lab(keys, tmp_path)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def engine(tmp_path):
    engine = RocksEngine(tmp_path / "records")
    yield engine
    engine.close()
