"""Nonces that were seen, kept for five minutes and across restarts."""

import hashlib
import sqlite3
import threading
from pathlib import Path
from typing import Protocol

from trunkline.errors import ReplayError, StorageError

NONCE_LIFETIME_S = 300
_PRUNE_INTERVAL_S = 15


class Nonces(Protocol):
    """Where a service keeps the nonces it has seen; processes that answer the same requests share one."""

    def remember(self, key_id: str, nonce: str, now: float) -> None:
        """Note a nonce of a request whose signature has been verified.

        Raises:
            ReplayError: This key has used it in the last five minutes.
            StorageError: It cannot be stored; the request must not be served.
            UnavailableError: The same, for as long as a database is away.
        """
        ...


class NonceStore:
    """The nonces of the last five minutes, in an SQLite file.

    Nothing is synchronised to the disk: what was written survives the death of the process, and after the
    death of the machine the time check alone refuses what is older than a minute.
    """

    def __init__(self, path: Path) -> None:
        """Open the store, making its file when it is not there.

        Raises:
            StorageError: The file cannot be used.
        """
        self._lock = threading.Lock()
        self._next_prune = 0.0
        try:
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=5)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = OFF")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS seen (nonce BLOB PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID"
            )
            self._connection.execute("CREATE INDEX IF NOT EXISTS seen_at ON seen (at)")
        except sqlite3.Error as error:
            raise StorageError(f"cannot use the nonce store {path}: {error}") from error

    def remember(self, key_id: str, nonce: str, now: float) -> None:
        """Note a nonce of a request whose signature has been verified.

        Raises:
            ReplayError: This key has used it in the last five minutes.
            StorageError: It cannot be stored; the request must not be served.
        """
        digest = hashlib.sha256(f"{key_id} {nonce}".encode()).digest()[:16]
        with self._lock:
            try:
                if now >= self._next_prune:
                    self._connection.execute("DELETE FROM seen WHERE at < ?", (now - NONCE_LIFETIME_S,))
                    self._next_prune = now + _PRUNE_INTERVAL_S
                self._connection.execute("INSERT INTO seen VALUES (?, ?)", (digest, now))
            except sqlite3.IntegrityError as error:
                raise ReplayError("the request's nonce was used before; sign each request anew") from error
            except sqlite3.Error as error:
                raise StorageError(f"cannot store a nonce: {error}") from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
