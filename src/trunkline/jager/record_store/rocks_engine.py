"""`RecordEngine` on RocksDB, embedded in one record store.

Records have one keyspace, so that a retrieval is one seek an index however many days are kept. The value is
u32 hour | the record without its idx.
"""

import threading
from collections.abc import Sequence
from pathlib import Path

from trunkline.errors import QuotaError, TooLargeError
from trunkline.jager.messages.record import INDEX_SIZE, RECORD_KEY_SIZE
from trunkline.jager.record_store.engine import Candidate, GrantUse, StoredRecord, Sweep
from trunkline.jager.record_store.rocksdb import KeyValueStore

_RECORDS = "records"
_GRANTS = "grants"
_IDX_START = 14  # version, suite, parameters reference and period stand before the idx
_IDX_END = _IDX_START + INDEX_SIZE
_DAY_END = INDEX_SIZE + 4
_LOOKUP_CHUNK = 1000


class RocksEngine:
    """`RecordEngine` on RocksDB, for one process on one machine."""

    def __init__(self, path: Path) -> None:
        """Open or make the database in a directory.

        Raises:
            StorageError: It is in use by another process, damaged, or cannot be made.
        """
        self._store = KeyValueStore(path, {_RECORDS: INDEX_SIZE, _GRANTS: 0})
        self._grants_lock = threading.Lock()

    def days_of(self, candidates: Sequence[Candidate], today: int) -> list[int | None]:
        """See `RecordEngine`. One look-up a day, which the filters answer without reading the disk."""
        keys: list[bytes] = []
        owners: list[tuple[int, int]] = []
        for position, candidate in enumerate(candidates):
            for day in range(max(candidate.first_day, 0), today + 1):
                keys.append(candidate.idx + _u32(day) + candidate.record_id)
                owners.append((position, day))
        found: list[int | None] = [None] * len(candidates)
        for start in range(0, len(keys), _LOOKUP_CHUNK):
            values = self._store.get(_RECORDS, keys[start : start + _LOOKUP_CHUNK])
            for (position, day), value in zip(owners[start : start + _LOOKUP_CHUNK], values, strict=True):
                if value is not None and found[position] is None:
                    found[position] = day
        return found

    def put_batch(self, records: Sequence[StoredRecord]) -> None:
        """See `RecordEngine`."""
        self._store.write(
            _RECORDS,
            (
                (stored.key, _u32(stored.hour) + stored.record[:_IDX_START] + stored.record[_IDX_END:])
                for stored in records
            ),
        )

    def keys(self, indices: Sequence[bytes], first_day: int, limit: int) -> list[bytes]:
        """See `RecordEngine`."""
        first = _u32(max(first_day, 0))
        found = self._store.keys_under(_RECORDS, [idx + first for idx in indices], limit + 1)
        if len(found) > limit:
            raise TooLargeError(f"there are more than {limit} records; ask for fewer labels at once")
        return found

    def get(self, keys: Sequence[bytes]) -> list[StoredRecord | None]:
        """See `RecordEngine`."""
        values = self._store.get(_RECORDS, keys)
        return [
            None if value is None else _stored(key, value) for key, value in zip(keys, values, strict=True)
        ]

    def serve_grant(self, use: GrantUse, quota: int) -> list[int]:
        """See `RecordEngine`.

        The keys of the family of grants, each with a value that begins with a day:
        `g` | grant id -> day, sequence number;  `i` | idx | sequence number -> day, served before;
        `q` | requester -> day, labels on that day;  `s` -> day, last sequence number.
        """
        with self._grants_lock:
            grant_key, quota_key = b"g" + use.grant_id, b"q" + use.requester_id
            known, used, last = self._store.get(_GRANTS, [grant_key, quota_key, b"s"])
            if known is not None:
                sequence = known[4:]
                values = self._store.get(_GRANTS, [b"i" + idx + sequence for idx in use.indices])
                return [0 if value is None else _number(value[4:]) for value in values]
            labels = _number(used[4:]) if used is not None and _number(used[:4]) == use.day else 0
            labels += len(use.indices)
            if labels > quota:
                raise QuotaError(
                    f"the quota of {quota} labels a day is used up; it is renewed at 00:00 UTC tomorrow"
                )
            sequence = (1 if last is None else _number(last[4:]) + 1).to_bytes(8, "big")
            before = [self._served_before(idx) for idx in use.indices]
            day = _u32(use.day)
            self._store.write(
                _GRANTS,
                [
                    (grant_key, day + sequence),
                    (quota_key, day + _u32(labels)),
                    (b"s", day + sequence),
                    *(
                        (b"i" + idx + sequence, day + _u32(count))
                        for idx, count in zip(use.indices, before, strict=True)
                    ),
                ],
            )
            return before

    def sweep(self, cursor: bytes, before_day: int, limit: int) -> Sweep:
        """See `RecordEngine`. A cursor is the family's first letter and a key of it."""
        family = _GRANTS if cursor[:1] == b"g" else _RECORDS
        chunk = self._store.scan(family, cursor[1:], b"\xff" * (RECORD_KEY_SIZE + 1), limit)
        if family == _RECORDS:
            expired = [key for key, _ in chunk if _number(key[INDEX_SIZE:_DAY_END]) < before_day]
        else:
            # The sequence number is kept however old it is, or numbers would be given out again.
            expired = [key for key, value in chunk if key != b"s" and _number(value[:4]) < before_day]
        if expired:
            self._store.write(family, deletes=expired, durable=False)
        if len(chunk) == limit:
            return Sweep(cursor[:1] + chunk[-1][0] + b"\x00", len(expired))
        return Sweep(b"g" if family == _RECORDS else None, len(expired))

    def check(self) -> None:
        """See `RecordEngine`."""
        self._store.check()

    def measurements(self) -> dict[str, float]:
        """See `RecordEngine`."""
        return self._store.measurements()

    def close(self) -> None:
        """See `RecordEngine`."""
        self._store.close()

    def _served_before(self, idx: bytes) -> int:
        last = self._store.last_below(_GRANTS, b"i" + idx + b"\xff" * 8)
        if last is None or last[0][: 1 + INDEX_SIZE] != b"i" + idx:
            return 0
        return _number(last[1][4:]) + 1


def _stored(key: bytes, value: bytes) -> StoredRecord:
    record = value[4 : 4 + _IDX_START] + key[:INDEX_SIZE] + value[4 + _IDX_START :]
    return StoredRecord(key, _number(value[:4]), record)


def _u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")
