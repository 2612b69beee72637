"""The authorization authority's database: requests, their grants, quotas and the authorization log."""

from dataclasses import dataclass

import sqlalchemy as sa

from trunkline.jager.authority.quota import quota_table
from trunkline.jager.authority.transparency_log import log_table
from trunkline.telephony.providers import ProviderId

PENDING_LIFETIME_S = 7 * 86_400

PENDING = "pending"
APPROVED = "approved"
DENIED = "denied"
GRANTED = "granted"

METADATA = sa.MetaData()

REQUESTS = sa.Table(
    "requests",
    METADATA,
    sa.Column("id", sa.LargeBinary, primary_key=True),
    sa.Column("requester", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("expires_at", sa.Float, nullable=False),
    sa.Column("labels", sa.Integer, nullable=False),
    sa.Column("details_commitment", sa.LargeBinary, nullable=False),
    sa.Column("case_commitment", sa.LargeBinary, nullable=False),
    sa.Column("body", sa.LargeBinary),
    sa.Column("grant_id", sa.LargeBinary, unique=True),
    sa.Column("grant", sa.LargeBinary),
    sa.Column("idx_digest", sa.LargeBinary),
    sa.Column("salt", sa.LargeBinary),
    sa.Column("log_index", sa.Integer),
    sa.Index("ix_requests_requester_digest", "requester", "digest"),
    sa.Index("ix_requests_state_expires_at", "state", "expires_at"),
    # Granted requests are kept for audits; those that still have a body are few.
    sa.Index("ix_requests_bodies", "expires_at", sqlite_where=sa.text("body IS NOT NULL")),
)
"""One row a request. `body` holds labels and is kept only while a person decides and until the grant ends."""

LOG = log_table(METADATA)
QUOTA = quota_table(METADATA)


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """A request as it stands now."""

    id: bytes
    state: str
    body: bytes | None
    grant: bytes | None


# Built once: building a statement takes longer than executing it.
_EXPIRED = REQUESTS.c.expires_at <= sa.bindparam("now")
_DROP_UNDECIDED = sa.delete(REQUESTS).where(_EXPIRED, REQUESTS.c.state.in_((PENDING, APPROVED, DENIED)))
_DROP_BODIES = sa.update(REQUESTS).where(_EXPIRED, REQUESTS.c.body.is_not(None)).values(body=None)
_FIND = sa.select(REQUESTS.c.id, REQUESTS.c.state, REQUESTS.c.body, REQUESTS.c.grant).where(
    REQUESTS.c.requester == sa.bindparam("by"), REQUESTS.c.expires_at > sa.bindparam("now")
)
_FIND_BY_DIGEST = _FIND.where(REQUESTS.c.digest == sa.bindparam("wanted"))
_FIND_BY_ID = _FIND.where(REQUESTS.c.id == sa.bindparam("wanted"))

ADD = sa.insert(REQUESTS)
"""Adds a request; executed with its columns."""

CHANGE = sa.update(REQUESTS).where(REQUESTS.c.id == sa.bindparam("of_id"))
"""Changes the request `of_id`; executed with that and the columns to change."""


def drop_expired(connection: sa.Connection, now: float) -> None:
    """Forget the bodies of requests that ended, and requests that nobody decided on in time."""
    connection.execute(_DROP_UNDECIDED, {"now": now})
    connection.execute(_DROP_BODIES, {"now": now})


def find_live(
    connection: sa.Connection,
    requester: ProviderId,
    now: float,
    *,
    digest: bytes | None = None,
    request_id: bytes | None = None,
) -> StoredRequest | None:
    """Return a requester's request that has not expired, by the digest of its body or by its identifier."""
    statement, wanted = (_FIND_BY_ID, request_id) if digest is None else (_FIND_BY_DIGEST, digest)
    values = {"by": requester.value, "now": now, "wanted": wanted}
    row = connection.execute(statement, values).one_or_none()
    return None if row is None else StoredRequest(row.id, row.state, row.body, row.grant)
