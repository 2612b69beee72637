import secrets
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "system"))
sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "jager" / "record_store"))

from cassandra_nodes import COUNT, Nodes, fetch_jars

from trunkline.jager.record_store.cassandra_schema import create_schema
from trunkline.jager.record_store.cassandra_session import open_session
from trunkline.jager.record_store.config import CassandraConfig

STORE_ID = bytes(range(16))
RETENTION_DAYS = 90


@pytest.fixture(scope="session")
def nodes():
    """Three nodes; whoever needs them all asks for `all_nodes`."""
    fetch_jars()
    folder = Path(tempfile.mkdtemp(prefix="tl-cassandra-"))
    nodes = Nodes(folder)
    try:
        nodes.start(*range(COUNT))
        nodes.create_role()
        yield nodes
    finally:
        nodes.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def all_nodes(nodes):
    """The nodes, all of them running, whatever other tests have done to them."""
    nodes.start_missing()
    return nodes


@pytest.fixture(scope="module")
def settings(all_nodes):
    """What a store's configuration says of a keyspace that nobody has used yet."""
    return all_nodes.settings(f"t{secrets.token_hex(6)}")


@pytest.fixture(scope="session")
def cluster(nodes):
    """A keyspace of a store's own, with all tables."""
    config = CassandraConfig.model_validate(nodes.settings(f"t{secrets.token_hex(6)}"))
    with open_session(config) as session:
        create_schema(
            session,
            store_id=STORE_ID,
            datacenter=config.datacenter,
            replication=3,
            retention_days=RETENTION_DAYS,
        )
    return config


@pytest.fixture(scope="session")
def session(cluster):
    with open_session(cluster) as session:
        yield session
