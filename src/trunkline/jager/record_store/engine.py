"""What a record store keeps, as an interface that several databases implement.

A record's key is idx | u32 day | record id: the day of its acceptance, so that what expires can be told
without reading it, and the same record sent twice has the same idx and id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from trunkline.jager.messages.record import INDEX_SIZE, RECORD_ID_SIZE

_DAY_END = INDEX_SIZE + 4


class Candidate(NamedTuple):
    """A verified record that may be stored already: its idx and id, and the first day it can be from."""

    idx: bytes
    record_id: bytes
    first_day: int


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record with the key it is stored under and the hour of its acceptance."""

    key: bytes
    hour: int
    record: bytes


@dataclass(frozen=True, slots=True)
class GrantUse:
    """A grant that is being answered: who uses it, today, for which indices."""

    grant_id: bytes
    requester_id: bytes
    day: int
    indices: tuple[bytes, ...]


class Sweep(NamedTuple):
    """One step of removing what has expired: where the next one begins, None at the end; what was removed."""

    cursor: bytes | None
    removed: int


class RecordEngine(Protocol):
    """The database of a record store; threads may share it.

    All methods may raise `StorageError`, and `UnavailableError` when a database elsewhere does not answer in
    time. Whether a write was done is then unknown; doing it again does no harm.
    """

    def days_of(self, candidates: Sequence[Candidate], today: int) -> list[int | None]:
        """Return the (first) day under which each record is stored already, or None."""
        ...

    def put_batch(self, records: Sequence[StoredRecord]) -> None:
        """Store records; on return they survive any crash."""
        ...

    def keys(self, indices: Sequence[bytes], first_day: int, limit: int) -> list[bytes]:
        """Return the keys of all records under the indices, from a day on, in the order of the keys.

        A record that is stored under two days, by two processes at once, counts as of the first.

        Raises:
            TooLargeError: There are more than `limit`.
        """
        ...

    def get(self, keys: Sequence[bytes]) -> list[StoredRecord | None]:
        """Return the records of keys, None for one that has expired meanwhile."""
        ...

    def serve_grant(self, use: GrantUse, quota: int) -> list[int]:
        """Count a grant, once however often it is answered, and its labels against the requester's quota.

        Returns:
            For each index, under how many other grants it had been served before this one.

        Raises:
            QuotaError: The requester has no quota left today.
        """
        ...

    def sweep(self, cursor: bytes, before_day: int, limit: int) -> Sweep:
        """Remove what is older than a day, looking at up to `limit` entries from the cursor on."""
        ...

    def check(self) -> None:
        """Raise `StorageError` or `UnavailableError` when the database cannot be used now."""
        ...

    def measurements(self) -> Mapping[str, float]:
        """Return what the database says of itself, by names of its own; cheap enough for every scrape."""
        ...

    def close(self) -> None:
        """Close the database."""
        ...


def record_key(idx: bytes, day: int, record_id: bytes) -> bytes:
    """Return the 52 bytes of a record key."""
    return idx + day.to_bytes(4, "big") + record_id


def key_parts(key: bytes) -> tuple[bytes, int, bytes]:
    """Return idx, day and record id of a record key."""
    return key[:INDEX_SIZE], int.from_bytes(key[INDEX_SIZE:_DAY_END], "big"), key[-RECORD_ID_SIZE:]
