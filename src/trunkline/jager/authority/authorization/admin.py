"""What the authorization authority's operator decides by hand, on the data directory of a running service."""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from trunkline.errors import DecodingError, NotFoundError
from trunkline.jager.authority.authorization.store import APPROVED, DENIED, LOG, PENDING, REQUESTS
from trunkline.jager.messages.authorization import AuthorizationEntry, log_commitment
from trunkline.service.database import open_database, reading, storage_errors
from trunkline.telephony.providers import ProviderId

DATABASE_NAME = "authorization.sqlite"
MIGRATIONS = "trunkline.jager.authority.authorization.migrations"


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """A request that waits for a person, as far as the authority knows what it is about."""

    id: str
    requester: ProviderId
    created_at: float
    labels: int
    details_commitment: bytes
    case_commitment: bytes


@dataclass(frozen=True, slots=True)
class LogOpening:
    """What opens one entry of the authorization log to an auditor.

    The auditor gets the indices from the case that is audited, not from here, and calls `check`.

    Attributes:
        entry: The log's entry.
        log_index: Its index.
        requester: Who asked.
        salt: The salt of the entry's commitment.
        idx_digest: Digest of the set of indices, as the grant has it.
        details_commitment: The requester's commitment to the call, which the requester opens.
        case_commitment: The requester's commitment to the case, which the requester opens.
    """

    entry: AuthorizationEntry
    log_index: int
    requester: ProviderId
    salt: bytes
    idx_digest: bytes
    details_commitment: bytes
    case_commitment: bytes

    def check(self, indices: list[bytes]) -> None:
        """Check that the entry is about this requester and exactly these indices.

        Raises:
            DecodingError: It is not.
        """
        if self.entry.commitment != log_commitment(self.salt, self.requester, indices):
            raise DecodingError("the log entry is about another requester or other indices")


def list_pending(data_dir: Path, *, now: float) -> list[PendingRequest]:
    """Return the requests that wait for a person, the oldest first.

    Args:
        data_dir: The configuration's `data_dir`.
        now: Unix time.
    """
    query = (
        sa.select(REQUESTS)
        .where(REQUESTS.c.state == PENDING, REQUESTS.c.expires_at > now)
        .order_by(REQUESTS.c.created_at)
    )
    with reading(_database(data_dir)) as connection:
        return [
            PendingRequest(
                id=row.id.hex(),
                requester=ProviderId(row.requester),
                created_at=row.created_at,
                labels=row.labels,
                details_commitment=row.details_commitment,
                case_commitment=row.case_commitment,
            )
            for row in connection.execute(query)
        ]


def approve(data_dir: Path, request_id: str, *, now: float) -> None:
    """Approve a pending request; its grant is issued when the requester asks for the answer.

    Raises:
        NotFoundError: No such request is pending.
    """
    _decide(data_dir, request_id, APPROVED, now)


def deny(data_dir: Path, request_id: str, *, now: float) -> None:
    """Deny a pending request.

    Raises:
        NotFoundError: No such request is pending.
    """
    _decide(data_dir, request_id, DENIED, now)


def audit(data_dir: Path, grant_id: str) -> LogOpening:
    """Open the log entry of a grant to an auditor.

    Raises:
        NotFoundError: No such grant was given.
    """
    query = (
        sa.select(REQUESTS, LOG.c.entry)
        .join(LOG, LOG.c.position == REQUESTS.c.log_index)
        .where(REQUESTS.c.grant_id == _identifier(grant_id))
    )
    with reading(_database(data_dir)) as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFoundError("no such grant was given here")
    return LogOpening(
        entry=AuthorizationEntry.decode(row.entry),
        log_index=row.log_index,
        requester=ProviderId(row.requester),
        salt=row.salt,
        idx_digest=row.idx_digest,
        details_commitment=row.details_commitment,
        case_commitment=row.case_commitment,
    )


def _decide(data_dir: Path, request_id: str, state: str, now: float) -> None:
    with storage_errors(), _database(data_dir).begin() as connection:
        changed = connection.execute(
            sa.update(REQUESTS)
            .where(
                REQUESTS.c.id == _identifier(request_id),
                REQUESTS.c.state == PENDING,
                REQUESTS.c.expires_at > now,
            )
            .values(state=state)
        )
        if not changed.rowcount:
            raise NotFoundError("no such request waits for a decision")


def _identifier(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise NotFoundError("an identifier is written as 32 hexadecimal digits") from error


def _database(data_dir: Path) -> sa.Engine:
    path = data_dir / "authorization" / DATABASE_NAME
    if not path.exists():
        raise NotFoundError(f"{data_dir} holds no data of an authorization authority")
    return open_database(path, migrations=MIGRATIONS)
