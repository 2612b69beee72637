"""What a record store keeps, opened as the configuration says: embedded, or in a cluster.

The driver of the cluster is loaded only when there is one.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import structlog

from trunkline.errors import ConfigurationError
from trunkline.jager.record_store.answers import AnswerCache, Answers
from trunkline.jager.record_store.config import CassandraConfig, RecordStoreConfig
from trunkline.jager.record_store.engine import RecordEngine
from trunkline.jager.record_store.rocks_engine import MOVED_FILE, RECORDS_FOLDER, RocksEngine
from trunkline.service.clock import Clock
from trunkline.service.nonces import Nonces, NonceStore

_logger = structlog.get_logger(__name__)


class Storage(NamedTuple):
    """The parts of an open storage."""

    engine: RecordEngine
    nonces: Nonces
    answers: Answers


@contextlib.contextmanager
def open_storage(config: RecordStoreConfig, clock: Clock) -> Iterator[Storage]:
    """Open the storage, and close it afterwards. The caller holds the lock of `data_dir`.

    Raises:
        ConfigurationError: The cluster lacks the tables, refuses the user, or the records have moved there.
        StorageError: The embedded database is damaged or in use.
        UnavailableError: The cluster does not answer.
    """
    opened = (
        _embedded(config.data_dir) if config.cassandra is None else _shared(config, config.cassandra, clock)
    )
    with opened as storage:
        yield storage


@contextlib.contextmanager
def _embedded(data_dir: Path) -> Iterator[Storage]:
    if (data_dir / MOVED_FILE).exists():
        raise ConfigurationError(
            "the records of this data_dir have moved to a cluster; add the table [record_store.cassandra] "
            "to the configuration"
        )
    with (
        contextlib.closing(RocksEngine(data_dir / RECORDS_FOLDER)) as engine,
        contextlib.closing(NonceStore(data_dir / "nonces.sqlite")) as nonces,
    ):
        yield Storage(engine, nonces, AnswerCache())


@contextlib.contextmanager
def _shared(config: RecordStoreConfig, cluster: CassandraConfig, clock: Clock) -> Iterator[Storage]:
    from trunkline.jager.record_store.cassandra_engine import CassandraEngine
    from trunkline.jager.record_store.cassandra_schema import check_schema
    from trunkline.jager.record_store.cassandra_session import open_session
    from trunkline.jager.record_store.cassandra_shared import SharedAnswers, SharedNonces
    from trunkline.jager.record_store.migration import EmbeddedBehindCluster, Migration, open_frozen

    with contextlib.ExitStack() as opened:
        session = opened.enter_context(open_session(cluster))
        check_schema(session, config.id)
        cluster_engine = CassandraEngine(session, retention_days=config.retention_days, clock=clock)
        engine: RecordEngine = cluster_engine
        if config.embedded_data_dir is not None:
            if Migration(session, config.id).state.done:
                _logger.info("all records are in the cluster; embedded_data_dir can be removed")
            else:
                embedded = opened.enter_context(open_frozen(config.embedded_data_dir))
                cluster_engine.take_over_grants(embedded)
                engine = EmbeddedBehindCluster(cluster_engine, embedded)
        yield Storage(engine, SharedNonces(session), SharedAnswers(session))
