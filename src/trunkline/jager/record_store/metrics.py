"""What a record store counts: records, not who brings them; answers, not who asks."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client import Counter, Histogram

from trunkline.jager.messages.contribution import RejectReason
from trunkline.jager.record_store.engine import RecordEngine
from trunkline.jager.record_store.retention import SweepHistory
from trunkline.service.metrics import SECONDS, SIZES, Metrics

if TYPE_CHECKING:
    from trunkline.jager.record_store.ingest import Ingest

STORED = "stored"
REPEATED = "repeated"
"""Outcome of a record that was in the store already."""


class StoreMetrics:
    """Counts of ingest and retrieval.

    Attributes:
        batch_records: How many records are taken together.
        verification_seconds: Time to verify a batch's signatures.
        storing_seconds: Time to look a batch up and to write it durably.
        failed_batches: Batches of which nothing was stored for certain.
        answers: New answers to grants.
        answered_labels: The labels of those grants.
        answered_records: The records in those answers.
    """

    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        self.batch_records = Histogram(
            "trunkline_store_batch_records",
            "Records that are verified and written together.",
            buckets=SIZES,
            registry=registry,
        )
        self.verification_seconds = Histogram(
            "trunkline_store_verification_seconds",
            "Time to verify the group signatures of a batch.",
            buckets=SECONDS,
            registry=registry,
        )
        self.storing_seconds = Histogram(
            "trunkline_store_storing_seconds",
            "Time to look a batch up and to write what is new durably.",
            buckets=SECONDS,
            registry=registry,
        )
        self.failed_batches = Counter(
            "trunkline_store_failed_batches",
            "Batches that were not acknowledged, by the code of the error.",
            ("code",),
            registry=registry,
        )
        self.answers = Counter(
            "trunkline_store_answers", "New answers to grants, pages counted once.", registry=registry
        )
        self.answered_labels = Counter(
            "trunkline_store_answered_labels", "Labels of the grants that were answered.", registry=registry
        )
        self.answered_records = Counter(
            "trunkline_store_answered_records", "Records in those answers.", registry=registry
        )
        records = Counter(
            "trunkline_store_records",
            "Records that came in: stored, repeated (they were here already), or why they were rejected.",
            ("outcome",),
            registry=registry,
        )
        self._stored = records.labels(STORED)
        self._repeated = records.labels(REPEATED)
        self._rejected = {reason: records.labels(reason.name.lower()) for reason in RejectReason}

    def taken(self, *, new: int, repeated: int) -> None:
        """Count records that are durable now."""
        self._stored.inc(new)
        self._repeated.inc(repeated)

    def rejected(self, reasons: Iterable[RejectReason]) -> None:
        """Count records that were not taken."""
        for reason in reasons:
            self._rejected[reason].inc()


def measure_store(metrics: Metrics, engine: RecordEngine, ingest: "Ingest", sweeps: SweepHistory) -> None:
    """Add what is read at each scrape.

    Args:
        metrics: Where to.
        engine: Says how its database is.
        ingest: Says what waits.
        sweeps: Says how expired records are removed.
    """
    metrics.read(
        "trunkline_store_waiting_records",
        "Records that wait to be verified.",
        lambda: ingest.waiting_records,
    )
    metrics.read(
        "trunkline_store_waiting_records_limit",
        "How many may wait; contributions beyond it are put off.",
        lambda: ingest.waiting_limit,
    )
    metrics.read(
        "trunkline_store_swept_entries",
        "Expired entries removed.",
        lambda: sweeps.removed,
        kind="counter",
    )
    metrics.read("trunkline_store_sweep_seconds", "How long the last sweep took.", lambda: sweeps.seconds)
    metrics.read(
        "trunkline_store_sweep_end_timestamp_seconds",
        "When the last sweep that did not fail ended.",
        lambda: sweeps.ended_at,
    )
    metrics.read(
        "trunkline_store_database",
        "What the database says of itself; docs/monitoring.md says what each measure is.",
        engine.measurements,
        label="measure",
    )
