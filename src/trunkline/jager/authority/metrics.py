"""Metrics that an authority's database tells: totals that survive a restart, and what waits."""

from collections.abc import Mapping
from typing import Any, Literal

import sqlalchemy as sa

from trunkline.service.database import reading
from trunkline.service.metrics import Metrics


def measure_database(
    metrics: Metrics,
    database: sa.Engine,
    name: str,
    documentation: str,
    query: sa.Select[Any],
    *,
    label: str | None = None,
    kind: Literal["gauge", "counter"] = "counter",
) -> None:
    """Add a metric that a query gives at each scrape.

    Args:
        metrics: Where to.
        database: The authority's own.
        name: The metric's name; that of a counter without `_total`.
        documentation: What it says.
        query: Gives one number, or with `label` rows of the label's value and a number. It must stay quick
            however long the authority has run.
        label: Name of the metric's label.
        kind: A counter only grows.
    """

    def one() -> float:
        with reading(database) as connection:
            return float(connection.execute(query).scalar() or 0)

    def several() -> Mapping[str, float]:
        with reading(database) as connection:
            return {str(value): float(number) for value, number in connection.execute(query)}

    metrics.read(name, documentation, one if label is None else several, label=label, kind=kind)


def measure_log(metrics: Metrics, database: sa.Engine, log: sa.Table) -> None:
    """Add the size of the authority's transparency log."""
    measure_database(
        metrics,
        database,
        "trunkline_log_entries",
        "Entries of the public log: joinings and credentials, or grants.",
        sa.select(sa.func.max(log.c.position) + 1),
    )
