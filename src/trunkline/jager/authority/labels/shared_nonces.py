"""Nonces in the database that several label servers share: a request is good at one of them, once."""

import hashlib
import threading

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from trunkline.errors import ReplayError
from trunkline.service.database import single_statements
from trunkline.service.nonces import NONCE_LIFETIME_S

_PRUNE_INTERVAL_S = 15

_nonce = sa.Table(
    "nonce",
    sa.MetaData(),
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("at", sa.Float(53), nullable=False),
)
_add = (
    insert(_nonce)
    .values(digest=sa.bindparam("digest"), at=sa.bindparam("at"))
    .on_conflict_do_nothing()
    .returning(_nonce.c.at)
)
_forget = sa.delete(_nonce).where(_nonce.c.at < sa.bindparam("before"))


class SharedNonces:
    """The nonces of the last five minutes, of all servers together."""

    def __init__(self, database: sa.Engine) -> None:
        self._database = database
        self._pruning = threading.Lock()
        self._next_prune = 0.0

    def remember(self, key_id: str, nonce: str, now: float) -> None:
        """Note a nonce of a request whose signature has been verified.

        Raises:
            ReplayError: This key has used it in the last five minutes, here or at another server.
            StorageError: It cannot be stored; the request must not be served.
        """
        digest = hashlib.sha256(f"{key_id} {nonce}".encode()).digest()[:16]
        with single_statements(self._database) as connection:
            if connection.execute(_add, {"digest": digest, "at": now}).scalar() is None:
                raise ReplayError("the request's nonce was used before; sign each request anew")
            if now >= self._next_prune and self._pruning.acquire(blocking=False):
                try:
                    connection.execute(_forget, {"before": now - NONCE_LIFETIME_S})
                    self._next_prune = now + _PRUNE_INTERVAL_S
                finally:
                    self._pruning.release()
