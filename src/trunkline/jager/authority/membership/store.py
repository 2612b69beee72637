"""The membership authority's database: nonces, members, credentials, revocations and the join log."""

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from trunkline.errors import ConflictError, PolicyError
from trunkline.jager.authority.transparency_log import append_entry, log_table
from trunkline.jager.messages.membership import IssuanceEntry, JoinEntry, JoinRequest
from trunkline.telephony.providers import ProviderId

NONCE_LIFETIME_S = 300
NONCES_PER_CARRIER = 16

METADATA = sa.MetaData()

NONCES = sa.Table(
    "nonces",
    METADATA,
    sa.Column("nonce", sa.LargeBinary, primary_key=True),
    sa.Column("carrier", sa.LargeBinary, nullable=False, index=True),
    sa.Column("issued_at", sa.Float, nullable=False),
    sa.Column("used_for", sa.LargeBinary),
)
"""Nonces of the last five minutes; `used_for` is the digest of the one request that used it."""

MEMBERS = sa.Table(
    "members",
    METADATA,
    sa.Column("s_point", sa.LargeBinary, primary_key=True),
    sa.Column("carrier", sa.LargeBinary, nullable=False, index=True),
    sa.Column("active", sa.Boolean, nullable=False),
)
"""Every S that was ever registered, and whose it is; a carrier has one active S at most."""

CREDENTIALS = sa.Table(
    "credentials",
    METADATA,
    sa.Column("s_point", sa.LargeBinary, primary_key=True),
    sa.Column("period", sa.Integer, primary_key=True),
    sa.Column("credential", sa.LargeBinary, nullable=False),
    sa.Column("log_index", sa.Integer, nullable=False),
)

REVOCATIONS = sa.Table(
    "revocations",
    METADATA,
    sa.Column("carrier", sa.LargeBinary, primary_key=True),
    sa.Column("revoked_at", sa.Float, nullable=False),
)

LOG = log_table(METADATA)


def add_nonce(connection: sa.Connection, carrier: ProviderId, nonce: bytes, now: float) -> None:
    """Remember a nonce for a carrier; its oldest give way when it has too many."""
    connection.execute(sa.delete(NONCES).where(NONCES.c.issued_at < now - NONCE_LIFETIME_S))
    mine = (
        sa.select(NONCES.c.nonce)
        .where(NONCES.c.carrier == carrier.value)
        .order_by(NONCES.c.issued_at.desc())
        .offset(NONCES_PER_CARRIER - 1)
    )
    connection.execute(sa.delete(NONCES).where(NONCES.c.nonce.in_(mine)))
    connection.execute(sa.insert(NONCES).values(nonce=nonce, carrier=carrier.value, issued_at=now))


def use_nonce(
    connection: sa.Connection, carrier: ProviderId, nonce: bytes, digest: bytes, now: float
) -> None:
    """Use a nonce up for one request. The same request may come again, when its answer was lost.

    Raises:
        PolicyError: This carrier has no such nonce, it is older than five minutes, or another request
            has used it.
    """
    of_nonce = NONCES.c.nonce == nonce
    found = connection.execute(
        sa.select(NONCES.c.used_for).where(
            of_nonce, NONCES.c.carrier == carrier.value, NONCES.c.issued_at >= now - NONCE_LIFETIME_S
        )
    ).one_or_none()
    if found is None or found.used_for not in (None, digest):
        raise PolicyError("the join nonce is unknown, older than five minutes, or used: ask for a new one")
    connection.execute(sa.update(NONCES).where(of_nonce).values(used_for=digest))


def register(connection: sa.Connection, request: JoinRequest, now: float) -> None:
    """Register a carrier's S and log the signed request, unless both have been done before.

    Raises:
        ConflictError: S is another carrier's, or this carrier has another S.
    """
    owner = connection.execute(
        sa.select(MEMBERS.c.carrier, MEMBERS.c.active).where(MEMBERS.c.s_point == request.s_point)
    ).one_or_none()
    if owner is not None and owner.carrier != request.carrier_id.value:
        raise ConflictError("this S is registered to another carrier")
    if owner is not None and owner.active:
        return
    if active_s_point(connection, request.carrier_id) is not None:
        raise ConflictError(
            "the carrier is registered with another S; its operator asks the membership authority for a reset"
        )
    if owner is None:
        connection.execute(
            sa.insert(MEMBERS).values(s_point=request.s_point, carrier=request.carrier_id.value, active=True)
        )
    else:
        connection.execute(sa.update(MEMBERS).where(MEMBERS.c.s_point == request.s_point).values(active=True))
    append_entry(connection, LOG, JoinEntry(int(now), request).encode())


def active_s_point(connection: sa.Connection, carrier: ProviderId) -> bytes | None:
    """Return the S that a carrier is registered with, or None."""
    found: bytes | None = connection.execute(
        sa.select(MEMBERS.c.s_point).where(MEMBERS.c.carrier == carrier.value, MEMBERS.c.active)
    ).scalar_one_or_none()
    return found


def find_credential(connection: sa.Connection, s_point: bytes, period: int) -> tuple[bytes, int] | None:
    """Return the credential that was issued for S and a period, with its log index, or None."""
    found = connection.execute(
        sa.select(CREDENTIALS.c.credential, CREDENTIALS.c.log_index).where(
            CREDENTIALS.c.s_point == s_point, CREDENTIALS.c.period == period
        )
    ).one_or_none()
    return None if found is None else (found.credential, found.log_index)


def add_credential(
    connection: sa.Connection,
    carrier: ProviderId,
    s_point: bytes,
    period: int,
    credential: bytes,
    now: float,
) -> int:
    """Keep a credential in the place of any before it, log its issuance and return the log entry's index."""
    entry = IssuanceEntry(int(now), carrier, period, s_point)
    log_index = append_entry(connection, LOG, entry.encode())
    issued = {"credential": credential, "log_index": log_index}
    connection.execute(
        insert(CREDENTIALS)
        .values(s_point=s_point, period=period, **issued)
        .on_conflict_do_update(["s_point", "period"], set_=issued)
    )
    return log_index


def is_revoked(connection: sa.Connection, carrier: ProviderId) -> bool:
    """Tell whether a carrier's membership is revoked."""
    query = sa.select(REVOCATIONS.c.carrier).where(REVOCATIONS.c.carrier == carrier.value)
    return connection.execute(query).first() is not None
