"""`RecordEngine` on an Apache Cassandra cluster that several record-store processes share.

A record's row has its key as the primary key, and as its timestamp the hour of acceptance: writing it again
changes nothing. It lives until the end of its last day, counted from its key, so that a later copy of the
row prolongs nothing. The value is u32 hour | the record without its idx.
"""

from collections.abc import Iterator, Mapping, Sequence

from trunkline.errors import TooLargeError
from trunkline.jager.messages.record import INDEX_SIZE
from trunkline.jager.record_store.cassandra_grants import GrantTable
from trunkline.jager.record_store.cassandra_session import Session
from trunkline.jager.record_store.engine import (
    Candidate,
    GrantUse,
    StoredRecord,
    Sweep,
    key_parts,
    record_key,
)
from trunkline.jager.record_store.rocks_engine import RocksEngine
from trunkline.service.clock import Clock

_IDX_START = 14  # version, suite, parameters reference and period stand before the idx
_IDX_END = _IDX_START + INDEX_SIZE
_HOUR_US = 3600 * 1_000_000
_DAY_S = 86_400


class CassandraEngine:
    """`RecordEngine` on a cluster; it holds nothing of its own, so any number of processes may have one."""

    def __init__(self, session: Session, *, retention_days: int, clock: Clock) -> None:
        """Prepare the statements; the session stays the caller's.

        Args:
            session: The cluster, whose schema has been checked.
            retention_days: How many days records are kept after the day of their acceptance.
            clock: The time that a record's time to live counts from.

        Raises:
            UnavailableError: Too few nodes answer.
        """
        self._session = session
        self._retention_days = retention_days
        self._clock = clock
        self._grants = GrantTable(session, self._time_to_live)
        self._put = session.prepare(
            "INSERT INTO {keyspace}.records (idx, day, id, value) VALUES (?, ?, ?, ?)"
            " USING TTL ? AND TIMESTAMP ?"
        )
        self._find = session.prepare(
            "SELECT day FROM {keyspace}.records WHERE idx = ? AND day IN ? AND id = ?"
        )
        self._list = session.prepare(
            "SELECT day, id FROM {keyspace}.records WHERE idx = ? AND day >= ? LIMIT ?"
        )
        self._get = session.prepare(
            "SELECT value FROM {keyspace}.records WHERE idx = ? AND day = ? AND id = ?"
        )
        self._probe = session.prepare("SELECT value FROM {keyspace}.about WHERE name = 'version'")

    def days_of(self, candidates: Sequence[Candidate], today: int) -> list[int | None]:
        """See `RecordEngine`."""
        # Tomorrow too: another process's clock may be past midnight already.
        lookups = (
            (one.idx, list(range(max(one.first_day, 0), today + 2)), one.record_id) for one in candidates
        )
        return [
            min((day for (day,) in rows), default=None) for rows in self._session.each(self._find, lookups)
        ]

    def put_batch(self, records: Sequence[StoredRecord]) -> None:
        """See `RecordEngine`. They are on the disks of a quorum of their replicas when this returns.

        One statement a record and no batch of the cluster's: those gather at one node what belongs to many.
        """
        for _ in self._session.each(self._put, self._rows(records)):
            pass

    def _rows(self, records: Sequence[StoredRecord]) -> Iterator[tuple[bytes, int, bytes, bytes, int, int]]:
        for stored in records:
            idx, day, record_id = key_parts(stored.key)
            time_to_live = self._time_to_live(day)
            if time_to_live > 0:  # 0 would mean for ever
                value = _u32(stored.hour) + stored.record[:_IDX_START] + stored.record[_IDX_END:]
                yield idx, day, record_id, value, time_to_live, stored.hour * _HOUR_US

    def keeps(self, stored: StoredRecord) -> bool:
        """Whether the record is still to be kept."""
        return self._time_to_live(key_parts(stored.key)[1]) > 0

    def keys(self, indices: Sequence[bytes], first_day: int, limit: int) -> list[bytes]:
        """See `RecordEngine`. Two processes that took one record at midnight count as the first of them."""
        found: list[bytes] = []
        lookups = [(idx, max(first_day, 0), limit + 1) for idx in indices]
        for idx, rows in zip(indices, self._session.each(self._list, lookups), strict=True):
            ids: set[bytes] = set()
            for day, record_id in rows:
                if record_id in ids:
                    continue
                ids.add(record_id)
                found.append(record_key(idx, day, record_id))
                if len(found) > limit:
                    raise TooLargeError(f"there are more than {limit} records; ask for fewer labels at once")
        return found

    def get(self, keys: Sequence[bytes]) -> list[StoredRecord | None]:
        """See `RecordEngine`."""
        found: list[StoredRecord | None] = []
        lookups = [key_parts(key) for key in keys]
        for key, rows in zip(keys, self._session.each(self._get, lookups), strict=True):
            values = [value for (value,) in rows]
            found.append(_stored(key, values[0]) if values else None)
        return found

    def serve_grant(self, use: GrantUse, quota: int) -> list[int]:
        """See `RecordEngine`."""
        return self._grants.serve(use, quota)

    def take_over_grants(self, embedded: RocksEngine) -> None:
        """Continue the counting of grants where an embedded database has left it."""
        self._grants.take_over(embedded.served_grants(), embedded.used_quotas())

    def sweep(self, cursor: bytes, before_day: int, limit: int) -> Sweep:
        """See `RecordEngine`. The cluster removes what is past its time to live by itself."""
        return Sweep(None, 0)

    def check(self) -> None:
        """See `RecordEngine`."""
        self._session.run(self._probe)

    def measurements(self) -> Mapping[str, float]:
        """See `RecordEngine`."""
        return {"nodes": float(self._session.nodes), "nodes_up": float(self._session.nodes_up)}

    def close(self) -> None:
        """See `RecordEngine`. The session is closed by who opened it."""

    def _time_to_live(self, day: int) -> int:
        """The seconds until something of a day has been kept for the whole retention."""
        return (day + self._retention_days + 1) * _DAY_S - int(self._clock())


def _stored(key: bytes, value: bytes) -> StoredRecord:
    record = value[4 : 4 + _IDX_START] + key[:INDEX_SIZE] + value[4 + _IDX_START :]
    return StoredRecord(key, int.from_bytes(value[:4], "big"), record)


def _u32(number: int) -> bytes:
    return number.to_bytes(4, "big")
