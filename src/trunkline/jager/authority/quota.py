"""Quotas per party and day, kept in the database of the authority that grants them."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from trunkline.errors import QuotaError
from trunkline.telephony.providers import ProviderId

_DAY_S = 86_400
_KEPT_DAYS = 2


def quota_table(metadata: sa.MetaData) -> sa.Table:
    """Return the definition of the table `quota`; its migration makes the same."""
    return sa.Table(
        "quota",
        metadata,
        sa.Column("party", sa.LargeBinary, primary_key=True),
        sa.Column("day", sa.Integer, primary_key=True),
        sa.Column("used", sa.BigInteger, nullable=False),
    )


def reserve(
    connection: sa.Connection, table: sa.Table, party: ProviderId, amount: int, *, limit: int, now: float
) -> None:
    """Count an amount against a party's quota of the day.

    Nothing is counted if the quota does not suffice. One statement compares and counts, so it holds however
    many processes share the database, within a transaction of the caller or without. Days are those of UTC.

    Args:
        connection: A connection to the database, or a transaction.
        table: The table `quota`.
        party: Who asks.
        amount: How many labels.
        limit: How many a party has a day.
        now: Unix time.

    Raises:
        QuotaError: The quota does not suffice; the message says when it is renewed.
    """
    day = int(now) // _DAY_S
    statements = _statements(table, connection.dialect.name)
    of_today = {"of_party": party.value, "of_day": day}
    used = None
    if amount <= limit:
        used = connection.execute(
            statements.add, of_today | {"amount": amount, "most": limit - amount}
        ).scalar()
    if used is None:
        used = connection.execute(statements.used, of_today).scalar() or 0
        wait = (day + 1) * _DAY_S - int(now)
        raise QuotaError(
            f"{amount} labels are more than the {max(limit - used, 0)} left of today's quota of {limit}; "
            f"it is renewed at 00:00 UTC, in {wait} s"
        )
    if used == amount:
        connection.execute(statements.forget, {"before_day": day - _KEPT_DAYS})


class _Statements(NamedTuple):
    """What is executed for every request; building a statement takes longer than executing it."""

    used: sa.Select[int]
    forget: sa.Delete
    add: sa.Executable


@cache
def _statements(table: sa.Table, dialect: str) -> _Statements:
    party = sa.bindparam("of_party", type_=sa.LargeBinary())
    day = sa.bindparam("of_day", type_=sa.Integer())
    amount = sa.bindparam("amount", type_=sa.BigInteger())
    insert: Callable[[sa.Table], Any] = sqlite.insert
    if dialect == "postgresql":
        # Loaded when it is needed: it takes as long as the rest of a service's start.
        from sqlalchemy.dialects import postgresql

        insert = postgresql.insert
    add = insert(table).values(party=party, day=day, used=amount)
    return _Statements(
        used=sa.select(table.c.used).where(table.c.party == party, table.c.day == day),
        forget=sa.delete(table).where(table.c.day < sa.bindparam("before_day")),
        add=add.on_conflict_do_update(
            index_elements=[table.c.party, table.c.day],
            set_={"used": table.c.used + amount},
            where=table.c.used <= sa.bindparam("most", type_=sa.BigInteger()),
        ).returning(table.c.used),
    )
