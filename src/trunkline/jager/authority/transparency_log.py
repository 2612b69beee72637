"""An append-only log as a Merkle tree with signed heads, in the database of the authority that keeps it.

An entry is written in the transaction of what it is about, so it stands in the log before that leaves the
authority. The tree is in memory and is read on from committed entries only: a transaction that is rolled
back leaves no trace in a signed head.
"""

import threading
from functools import cache

import sqlalchemy as sa

from trunkline.crypto.ed25519 import SigningKey
from trunkline.errors import InputError
from trunkline.jager.messages.log import ENTRIES_LIMIT, InclusionProof, LogEntries, LogHead, LogName
from trunkline.service.database import reading
from trunkline.service.merkle import MerkleTree

_CHUNK = 10_000
_LAST_POSITION = (1 << 62) - 1  # what the database can be asked for, with some room


def log_table(metadata: sa.MetaData) -> sa.Table:
    """Return the definition of the table `log`; its migration makes the same."""
    return sa.Table(
        "log",
        metadata,
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("entry", sa.LargeBinary, nullable=False),
    )


def append_entry(connection: sa.Connection, table: sa.Table, entry: bytes) -> int:
    """Append an entry within the caller's transaction and return its index.

    The transaction holds the database's write lock, so indices have no gaps and are given once.
    """
    find_last, add = _appending(table)
    last = connection.execute(find_last).scalar()
    position = 0 if last is None else int(last) + 1
    connection.execute(add, {"position": position, "entry": entry})
    return position


@cache
def _appending(table: sa.Table) -> tuple[sa.Select[int], sa.Insert]:
    """The statements of every entry; building one takes longer than executing it."""
    return sa.select(sa.func.max(table.c.position)), sa.insert(table)


class TransparencyLog:
    """Heads, proofs and entries of one log. Safe to use from several threads."""

    def __init__(
        self, engine: sa.Engine, table: sa.Table, key: SigningKey, name: LogName, params_hash: bytes
    ) -> None:
        """Open a log.

        Args:
            engine: The authority's database.
            table: The table `log` in it.
            key: The authority's key, which the public parameters name.
            name: Which log it is.
            params_hash: Hash of the public parameters.
        """
        self._engine = engine
        self._table = table
        self._key = key
        self._name: LogName = name
        self._params_hash = params_hash
        self._tree = MerkleTree()
        self._lock = threading.Lock()
        with self._lock:
            self._read_on()

    def head(self, now: float) -> LogHead:
        """Return the signed head of the log as it is now."""
        with self._lock:
            self._read_on()
            head = LogHead(size=self._tree.size, root=self._tree.root(), time=int(now))
        return head.sign(self._key, self._name, self._params_hash)

    def proof(self, index: int, size: int) -> InclusionProof:
        """Return the proof that an entry is in the log of a size.

        Raises:
            InputError: There is no such entry, or the log has never had this size.
        """
        with self._lock:
            self._read_on()
            path = self._tree.inclusion_proof(index, size)
        return InclusionProof(index=index, size=size, path=tuple(path))

    def entries(self, start: int, end: int) -> LogEntries:
        """Return the entries from `start` up to but without `end`, at most 1,000 and as many as there are.

        Raises:
            InputError: The interval is empty or begins before the first entry.
        """
        if not 0 <= start < end or start > _LAST_POSITION:
            raise InputError("log entries are asked for from a start up to but without a later end")
        found = self._read(start, min(end, start + ENTRIES_LIMIT))
        return LogEntries(start=start, entries=tuple(found))

    def _read_on(self) -> None:
        while entries := self._read(self._tree.size, self._tree.size + _CHUNK):
            for entry in entries:
                self._tree.append(entry)

    def _read(self, start: int, end: int) -> list[bytes]:
        position = self._table.c.position
        query = sa.select(self._table.c.entry).where(position >= start, position < end).order_by(position)
        with reading(self._engine) as connection:
            return list(connection.execute(query).scalars())
