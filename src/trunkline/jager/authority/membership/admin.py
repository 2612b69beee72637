"""What the membership authority's operator decides by hand, on the data directory of a running service."""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from trunkline.errors import NotFoundError
from trunkline.jager.authority.membership.store import MEMBERS, REVOCATIONS
from trunkline.service.database import open_database, storage_errors
from trunkline.telephony.providers import ProviderId

DATABASE_NAME = "membership.sqlite"
MIGRATIONS = "trunkline.jager.authority.membership.migrations"


def reset_member(data_dir: Path, carrier: ProviderId) -> None:
    """Let a member that lost its member secret join again with a new one.

    The old S stays in the log and stays registered to the carrier: what was signed with it can be opened.

    Args:
        data_dir: The configuration's `data_dir`.
        carrier: The member.

    Raises:
        NotFoundError: The carrier is no member.
    """
    with storage_errors(), _database(data_dir).begin() as connection:
        changed = connection.execute(
            sa.update(MEMBERS)
            .where(MEMBERS.c.carrier == carrier.value, MEMBERS.c.active)
            .values(active=False)
        )
        if not changed.rowcount:
            raise NotFoundError("the carrier is no member, or is reset already")


def revoke_member(data_dir: Path, carrier: ProviderId, *, now: float) -> None:
    """Issue no more credentials to a carrier; those it has end with their period and its grace."""
    with storage_errors(), _database(data_dir).begin() as connection:
        connection.execute(
            insert(REVOCATIONS).values(carrier=carrier.value, revoked_at=now).on_conflict_do_nothing()
        )


def reinstate_member(data_dir: Path, carrier: ProviderId) -> None:
    """Issue credentials to a revoked carrier again.

    Raises:
        NotFoundError: The carrier is not revoked.
    """
    with storage_errors(), _database(data_dir).begin() as connection:
        removed = connection.execute(sa.delete(REVOCATIONS).where(REVOCATIONS.c.carrier == carrier.value))
        if not removed.rowcount:
            raise NotFoundError("the carrier is not revoked")


def _database(data_dir: Path) -> sa.Engine:
    path = data_dir / "membership" / DATABASE_NAME
    if not path.exists():
        raise NotFoundError(f"{data_dir} holds no data of a membership authority")
    return open_database(path, migrations=MIGRATIONS)
