"""The accountability authority's database: the append-only log of openings, and verdicts for repetition.

A verdict leaves only after its openings stand in the log. The log is a hash chain whose head every verdict
carries, so that openings which are left out later are noticed by whoever holds a verdict.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa
from sqlalchemy import Engine

from trunkline.crypto.transcript import H
from trunkline.errors import QuotaError
from trunkline.jager.messages.accountability import OpeningReason
from trunkline.service.database import reading, storage_errors
from trunkline.telephony.providers import ProviderId

MONTH_S = 30 * 86_400
_START = bytes(32)

Kind = Literal["report", "disavowal"]

METADATA = sa.MetaData()
VERDICTS = sa.Table(
    "verdicts",
    METADATA,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("party", sa.LargeBinary, nullable=False),
    sa.Column("time", sa.Float, nullable=False),
    sa.Column("document", sa.LargeBinary),
)
"""`document` is forgotten after a month; whoever asked keeps it."""
OPENINGS = sa.Table(
    "openings",
    METADATA,
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("time", sa.Integer, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("party", sa.LargeBinary, nullable=False),
    sa.Column("case_commitment", sa.LargeBinary, nullable=False),
    sa.Column("grant_id", sa.LargeBinary, nullable=False),
    sa.Column("record_id", sa.LargeBinary, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("chain", sa.LargeBinary, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Occasion:
    """For whom, for what and when records are opened.

    Attributes:
        kind: Report or disavowal.
        party: Whose quota it counts against: the tracer, or the carrier that disavows.
        case_commitment: The case.
        grant_id: The grant under which the trace was made.
        time: Unix time.
    """

    kind: Kind
    party: ProviderId
    case_commitment: bytes
    grant_id: bytes
    time: float


class OpeningsStore:
    """The database. Safe to use from several threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def verdict(self, digest: bytes) -> bytes | None:
        """Return the verdict that answered the same request before, if it is still kept."""
        with reading(self._engine) as connection:
            return connection.execute(
                sa.select(VERDICTS.c.document).where(VERDICTS.c.digest == digest)
            ).scalar()

    def check_quota(self, digest: bytes, occasion: Occasion, limit: int) -> None:
        """Check that a party may still hand one in, before any work is done for it.

        Raises:
            QuotaError: It may not; the message says when it may again.
        """
        with reading(self._engine) as connection:
            _check_quota(connection, digest, occasion, limit)

    def log_openings(
        self, digest: bytes, occasion: Occasion, reasons: Mapping[bytes, OpeningReason], *, limit: int
    ) -> bytes:
        """Count a request and write its openings into the log, before anything of them leaves.

        A request that was cut short is counted once and its openings are logged again.

        Args:
            digest: The request.
            occasion: For whom, for what and when.
            reasons: What is opened, and why.
            limit: How many requests the party has within a month.

        Returns:
            The head of the chain.

        Raises:
            QuotaError: The quota is used up; nothing was logged.
        """
        with storage_errors(), self._engine.begin() as connection:
            connection.execute(sa.delete(VERDICTS).where(VERDICTS.c.digest == digest))
            _check_quota(connection, digest, occasion, limit)
            connection.execute(
                sa.insert(VERDICTS).values(
                    digest=digest, kind=occasion.kind, party=occasion.party.value, time=occasion.time
                )
            )
            last = connection.execute(
                sa.select(OPENINGS.c.position, OPENINGS.c.chain).order_by(OPENINGS.c.position.desc()).limit(1)
            ).one_or_none()
            position, chain = (0, _START) if last is None else (last.position, bytes(last.chain))
            rows = []
            for record_id, reason in sorted(reasons.items()):
                position += 1
                chain = _next(chain, occasion, record_id, reason)
                rows.append(
                    {
                        "position": position,
                        "time": int(occasion.time),
                        "kind": occasion.kind,
                        "party": occasion.party.value,
                        "case_commitment": occasion.case_commitment,
                        "grant_id": occasion.grant_id,
                        "record_id": record_id,
                        "reason": reason,
                        "chain": chain,
                    }
                )
            if rows:
                connection.execute(sa.insert(OPENINGS), rows)
        return chain

    def keep_verdict(self, digest: bytes, document: bytes, now: float) -> None:
        """Keep a verdict for repeated requests, and forget old ones."""
        with storage_errors(), self._engine.begin() as connection:
            connection.execute(
                sa.update(VERDICTS)
                .where(VERDICTS.c.time < now - MONTH_S, VERDICTS.c.document.is_not(None))
                .values(document=None)
            )
            connection.execute(
                sa.update(VERDICTS).where(VERDICTS.c.digest == digest).values(document=document)
            )


def _check_quota(connection: sa.Connection, digest: bytes, occasion: Occasion, limit: int) -> None:
    mine = (VERDICTS.c.kind == occasion.kind) & (VERDICTS.c.party == occasion.party.value)
    # The request itself may stand there already, cut short.
    others = (VERDICTS.c.time > occasion.time - MONTH_S) & (VERDICTS.c.digest != digest)
    used = list(
        connection.execute(sa.select(VERDICTS.c.time).where(mine, others).order_by(VERDICTS.c.time)).scalars()
    )
    if len(used) >= limit:
        wait = int(used[-limit] + MONTH_S - occasion.time) + 1
        raise QuotaError(f"{limit} {occasion.kind}s in 30 days are used up; the next is possible in {wait} s")


def _next(chain: bytes, occasion: Occasion, record_id: bytes, reason: OpeningReason) -> bytes:
    return H(
        "openings-log",
        chain,
        int(occasion.time).to_bytes(8, "big"),
        occasion.kind.encode(),
        occasion.party.value,
        occasion.case_commitment,
        occasion.grant_id,
        record_id,
        reason.encode(),
    )
