"""`RecordEngine` on RocksDB, embedded in one record store.

Records have one keyspace, so that a retrieval is one seek an index however many days are kept. The value is
u32 hour | the record without its idx.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from trunkline.errors import QuotaError, TooLargeError
from trunkline.jager.messages.record import INDEX_SIZE, RECORD_KEY_SIZE
from trunkline.jager.record_store.engine import Candidate, GrantUse, StoredRecord, Sweep
from trunkline.jager.record_store.rocksdb import KeyValueStore

RECORDS_FOLDER = "records"
"""The database's folder in a store's `data_dir`."""

MOVED_FILE = "moved-to-cluster"
"""A `data_dir` with this file takes no records any more."""

_RECORDS = "records"
_GRANTS = "grants"
_IDX_START = 14  # version, suite, parameters reference and period stand before the idx
_IDX_END = _IDX_START + INDEX_SIZE
_DAY_END = INDEX_SIZE + 4
_LOOKUP_CHUNK = 1000
_MUCH = 0.05
"""The share of records removed from which on the others are written anew to give back the space."""
_END = b"\xff" * (RECORD_KEY_SIZE + 1)


class ServedGrant(NamedTuple):
    """That an index was served under a grant, on a day, after so many other grants."""

    idx: bytes
    grant_id: bytes
    day: int
    place: int


class UsedQuota(NamedTuple):
    """How many labels a requester was last served on one day."""

    requester_id: bytes
    day: int
    labels: int


class RocksEngine:
    """`RecordEngine` on RocksDB, for one process on one machine."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open or make the database in a directory.

        Args:
            path: The directory.
            read_only: Open a database that is there and that nobody writes to; several processes may.

        Raises:
            StorageError: It is in use by another process, damaged, or cannot be made.
        """
        self._store = KeyValueStore(path, {_RECORDS: INDEX_SIZE, _GRANTS: 0}, read_only=read_only)
        self._grants_lock = threading.Lock()
        # Records that the sweep under way has looked at, and those removed since all tables were merged.
        self._swept = self._unmerged = 0

    def days_of(self, candidates: Sequence[Candidate], today: int) -> list[int | None]:
        """See `RecordEngine`.

        One step an index, which the filters answer without reading the disk, says that nearly all are new.
        The others are looked up day by day: there may be any number of records under one index.
        """
        starts = [one.idx + _u32(max(one.first_day, 0)) for one in candidates]
        keys: list[bytes] = []
        owners: list[tuple[int, int]] = []
        for position in self._store.occupied(_RECORDS, starts):
            candidate = candidates[position]
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
        self._store.put_all(
            _RECORDS,
            [
                (stored.key, _u32(stored.hour) + stored.record[:_IDX_START] + stored.record[_IDX_END:])
                for stored in records
            ],
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
        start = cursor[1:]
        if cursor[:1] == b"r":
            family = _RECORDS
            seen = self._store.scan_keys(family, start, limit)
            expired = [key for key in seen if _number(key[INDEX_SIZE:_DAY_END]) < before_day]
        else:
            family = _GRANTS
            entries = self._store.scan(family, start, _END, limit)
            seen = [key for key, _ in entries]
            # The sequence number is kept however old it is, or numbers would be given out again.
            expired = [key for key, value in entries if key != b"s" and _number(value[:4]) < before_day]
        if expired:
            self._store.write(family, deletes=expired, durable=False)
        if family == _RECORDS:
            self._merge_if_worth_it(start, len(seen), len(expired), is_last=len(seen) < limit)
        if len(seen) == limit:
            return Sweep(cursor[:1] + seen[-1] + b"\x00", len(expired))
        return Sweep(b"g" if family == _RECORDS else None, len(expired))

    def page(self, start: bytes, limit: int) -> list[StoredRecord]:
        """Return up to `limit` records in the order of their keys, from a key on."""
        pairs = self._store.scan(_RECORDS, start, _END, limit)
        return [_stored(key, value) for key, value in pairs]

    def served_grants(self) -> Iterator[ServedGrant]:
        """Give what is known of answered grants, index by index, the earlier grants of each first."""
        grant_of = {value[4:]: key[1:] for key, value in self._entries(b"g")}
        for key, value in self._entries(b"i"):
            grant_id = grant_of.get(key[1 + INDEX_SIZE :])
            if grant_id is not None:  # the grant and its indices expire together, but are swept one by one
                yield ServedGrant(key[1 : 1 + INDEX_SIZE], grant_id, _number(value[:4]), _number(value[4:]))

    def used_quotas(self) -> Iterator[UsedQuota]:
        """Give what requesters have used of their quotas."""
        for key, value in self._entries(b"q"):
            yield UsedQuota(key[1:], _number(value[:4]), _number(value[4:]))

    def _entries(self, letter: bytes) -> Iterator[tuple[bytes, bytes]]:
        start, end = letter, bytes([letter[0] + 1])
        while chunk := self._store.scan(_GRANTS, start, end, _LOOKUP_CHUNK):
            yield from chunk
            start = chunk[-1][0] + b"\x00"

    def snapshot(self, path: Path) -> None:
        """Make a copy of everything as it is now in a new folder of the same file system, by hard links."""
        self._store.snapshot(path)

    def verify(self, step: Callable[[int], None]) -> None:
        """Read everything, and with it check all checksums; `step` is told how many more entries were read.

        Raises:
            StorageError: Something is damaged.
        """
        self._store.verify(step)

    def _merge_if_worth_it(self, start: bytes, seen: int, removed: int, *, is_last: bool) -> None:
        """At the end of a sweep, have the space of removed records given back if it is much by now."""
        if not start:
            self._swept = 0
        self._swept += seen
        self._unmerged += removed
        if is_last and self._unmerged > self._swept * _MUCH:
            self._store.merge(_RECORDS)
            self._unmerged = 0

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
