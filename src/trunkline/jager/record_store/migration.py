"""Moving an embedded store's records to a cluster while they are served.

From the moment the store runs on the cluster, everything is written there, and what is not there yet is read
from the embedded database, to which nobody writes any more. Meanwhile the records are copied in the order of
their keys; how far that has come is kept in the cluster. Then each one is read back and compared.
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from trunkline.errors import ConfigurationError, StorageError, TooLargeError
from trunkline.jager.messages.record import INDEX_SIZE, RECORD_ID_SIZE
from trunkline.jager.record_store.cassandra_engine import CassandraEngine
from trunkline.jager.record_store.cassandra_schema import check_schema
from trunkline.jager.record_store.cassandra_session import Session, open_session
from trunkline.jager.record_store.config import RecordStoreConfig
from trunkline.jager.record_store.engine import Candidate, GrantUse, StoredRecord, Sweep
from trunkline.jager.record_store.rocks_engine import MOVED_FILE, RECORDS_FOLDER, RocksEngine
from trunkline.service.clock import Clock
from trunkline.service.files import lock_directory, write_atomically

_PAGE = 500
_PASSES = 3

Progress = Callable[[float], None]


class State(NamedTuple):
    """How far a migration has come.

    Attributes:
        verifying: Whether all records have been copied, and they are being compared.
        done: Whether they have been compared, too.
        cursor: The key from which the copying or the comparing goes on.
        copied: How many records have been copied.
        verified: How many have been found the same in the cluster.
        repaired: How many were found missing or different there, and were copied once more.
    """

    verifying: bool = False
    done: bool = False
    cursor: bytes = b""
    copied: int = 0
    verified: int = 0
    repaired: int = 0


class Migration:
    """Copies the records of one embedded database to the cluster, from where it was interrupted."""

    def __init__(self, session: Session, store_id: bytes) -> None:
        """Prepare.

        Args:
            session: The cluster, whose schema has been checked.
            store_id: The store's identifier.
        """
        self._session = session
        self._store_id = store_id
        self._read = session.prepare("SELECT state FROM {keyspace}.migrations WHERE store = ?")
        self._write = session.prepare("INSERT INTO {keyspace}.migrations (store, state) VALUES (?, ?)")

    @property
    def state(self) -> State:
        """How far it has come.

        Raises:
            UnavailableError: Too few nodes answer.
        """
        rows = self._session.run(self._read, (self._store_id,))
        if not rows:
            return State()
        kept = json.loads(rows[0][0])
        return State(**(kept | {"cursor": bytes.fromhex(kept["cursor"])}))

    def run(self, embedded: RocksEngine, cluster: CassandraEngine, progress: Progress) -> State:
        """Copy, compare, and return the state at the end; what was done before is not done again.

        Args:
            embedded: The embedded database, opened for reading.
            cluster: Where the records go.
            progress: Called with the share that is done, 0 to 1.

        Raises:
            StorageError: A database fails, or the cluster loses what it acknowledged.
            UnavailableError: Too few nodes answer; run it again, it goes on from here.
        """
        state = self.state
        while not state.done:
            progress((state.verifying + _share(state.cursor)) / 2)
            page = embedded.page(state.cursor, _PAGE)
            state = self._compared(page, cluster, state) if state.verifying else _copied(page, cluster, state)
            if page:
                state = state._replace(cursor=page[-1].key + b"\x00")
            elif not state.verifying:
                state = state._replace(verifying=True, cursor=b"")
            else:
                state = state._replace(done=True)
            self._save(state)
        progress(1.0)
        return state

    @staticmethod
    def _compared(page: Sequence[StoredRecord], cluster: CassandraEngine, state: State) -> State:
        different = list(page)
        for _ in range(_PASSES):
            there = cluster.get([stored.key for stored in different])
            different = [
                stored
                for stored, found in zip(different, there, strict=True)
                if stored != found and cluster.keeps(stored)
            ]
            if not different:
                break
            cluster.put_batch(different)
            state = state._replace(repaired=state.repaired + len(different))
        else:
            raise StorageError(
                "records that the cluster acknowledged are not there; look into its nodes' logs"
            )
        return state._replace(verified=state.verified + len(page))

    def _save(self, state: State) -> None:
        kept = json.dumps(state._asdict() | {"cursor": state.cursor.hex()})
        self._session.run(self._write, (self._store_id, kept))


class EmbeddedBehindCluster:
    """`RecordEngine` while records move: the cluster, and what is still only in the embedded database."""

    def __init__(self, cluster: CassandraEngine, embedded: RocksEngine) -> None:
        """Prepare; both stay the caller's.

        Args:
            cluster: Where everything is written, and read first.
            embedded: The database that is only read from here on.
        """
        self._cluster = cluster
        self._embedded = embedded

    def days_of(self, candidates: Sequence[Candidate], today: int) -> list[int | None]:
        """See `RecordEngine`."""
        # The embedded database is the older one: its day is the first.
        days = self._embedded.days_of(candidates, today)
        unknown = [one for one, day in zip(candidates, days, strict=True) if day is None]
        found = iter(self._cluster.days_of(unknown, today))
        return [next(found) if day is None else day for day in days]

    def put_batch(self, records: Sequence[StoredRecord]) -> None:
        """See `RecordEngine`."""
        self._cluster.put_batch(records)

    def keys(self, indices: Sequence[bytes], first_day: int, limit: int) -> list[bytes]:
        """See `RecordEngine`."""
        both = {
            *self._cluster.keys(indices, first_day, limit),
            *self._embedded.keys(indices, first_day, limit),
        }
        first: dict[bytes, bytes] = {}
        for key in sorted(both):
            first.setdefault(key[:INDEX_SIZE] + key[-RECORD_ID_SIZE:], key)
        if len(first) > limit:
            raise TooLargeError(f"there are more than {limit} records; ask for fewer labels at once")
        return list(first.values())

    def get(self, keys: Sequence[bytes]) -> list[StoredRecord | None]:
        """See `RecordEngine`."""
        found = self._cluster.get(keys)
        missing = [key for key, stored in zip(keys, found, strict=True) if stored is None]
        embedded = iter(self._embedded.get(missing))
        return [next(embedded) if stored is None else stored for stored in found]

    def serve_grant(self, use: GrantUse, quota: int) -> list[int]:
        """See `RecordEngine`. What the embedded database had counted was taken over at the start."""
        return self._cluster.serve_grant(use, quota)

    def sweep(self, cursor: bytes, before_day: int, limit: int) -> Sweep:
        """See `RecordEngine`."""
        return self._cluster.sweep(cursor, before_day, limit)

    def check(self) -> None:
        """See `RecordEngine`."""
        self._cluster.check()
        self._embedded.check()

    def measurements(self) -> Mapping[str, float]:
        """See `RecordEngine`."""
        return self._cluster.measurements()

    def close(self) -> None:
        """See `RecordEngine`."""


def migrate_embedded(config: RecordStoreConfig, progress: Progress, clock: Clock = time.time) -> State:
    """Run the migration of a store's configuration to its end, beside the store or without it.

    Raises:
        ConfigurationError: It names no cluster or no embedded database, or the cluster lacks the tables.
        StorageError: The embedded store still runs, or a database fails.
        UnavailableError: Too few nodes answer; run it again, it goes on from there.
    """
    if config.cassandra is None or config.embedded_data_dir is None:
        raise ConfigurationError("set `embedded_data_dir` to the data_dir of the embedded store")
    with open_session(config.cassandra) as session:
        check_schema(session, config.id)
        cluster = CassandraEngine(session, retention_days=config.retention_days, clock=clock)
        with open_frozen(config.embedded_data_dir) as embedded:
            cluster.take_over_grants(embedded)
            return Migration(session, config.id).run(embedded, cluster, progress)


@contextlib.contextmanager
def open_frozen(data_dir: Path) -> Iterator[RocksEngine]:
    """Open an embedded store's database for reading, after making sure that no store writes to it again.

    Raises:
        StorageError: A store runs on it, or there is none.
    """
    if not (data_dir / RECORDS_FOLDER).is_dir():
        raise StorageError("there is no embedded database in `embedded_data_dir`")
    if not (data_dir / MOVED_FILE).exists():
        with lock_directory(data_dir):
            write_atomically(data_dir / MOVED_FILE, b"the records of this store are in a cluster now\n")
    with contextlib.closing(RocksEngine(data_dir / RECORDS_FOLDER, read_only=True)) as embedded:
        yield embedded


def _copied(page: Sequence[StoredRecord], cluster: CassandraEngine, state: State) -> State:
    cluster.put_batch(page)
    return state._replace(copied=state.copied + len(page))


def _share(cursor: bytes) -> float:
    """How much of all keys lies before one; they begin with a hash."""
    return int.from_bytes(cursor[:4].ljust(4, b"\x00"), "big") / (1 << 32)
