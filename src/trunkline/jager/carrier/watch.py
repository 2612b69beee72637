"""What a carrier's agent shows to those who watch it: checks, and what is read at each scrape."""

import os
from collections.abc import Callable

from trunkline.errors import CdrError, StorageError, UnavailableError
from trunkline.jager.carrier.carrier import Carrier, named_sources
from trunkline.jager.metrics import party_checks
from trunkline.service.metrics import Metrics
from trunkline.service.monitoring import Watched
from trunkline.service.readiness import Checks
from trunkline.telephony.files import matching_paths


def watch(carrier: Carrier, clock: Callable[[], float]) -> Watched:
    """Return what an agent shows.

    Args:
        carrier: The agent's parts.
        clock: Unix time.

    Raises:
        ConfigurationError: The file of sources cannot be used any more.
    """
    sources = named_sources(carrier.config).values()

    def label_keys() -> None:
        parameters = carrier.parameters
        parameters.key_for_epoch(int(clock() * 1000) // parameters.resolution_ms)

    def credential() -> None:
        if not carrier.credentials.has(carrier.parameters.period_of(clock())):
            raise UnavailableError("there is no credential for this period; the log says why")

    def outbox() -> None:
        if carrier.outbox.waiting >= carrier.config.contribution.outbox_records:
            raise StorageError("the outbox is full; no call records are read until it has room")

    def readable() -> None:
        for source in sources:
            unreadable = [path for path in matching_paths(source.paths) if not os.access(path, os.R_OK)]
            if unreadable:
                raise CdrError(
                    f"cannot read {unreadable[0]}, as are {len(unreadable)} files; see their modes"
                )

    checks = {
        **party_checks(carrier.parameters, carrier.config.data_dir, clock),
        "label-keys": label_keys,
        "labels": carrier.schedule.check,
        "credential": credential,
        "outbox": outbox,
        "sources": readable,
    }
    _measure(carrier.metrics, carrier, clock)
    return Watched(carrier.metrics, Checks(checks))


def _measure(metrics: Metrics, carrier: Carrier, clock: Callable[[], float]) -> None:
    outbox = carrier.outbox

    def credential_end() -> float | None:
        period = carrier.parameters.period_of(clock())
        held = [one for one in (period, period + 1) if carrier.credentials.has(one)]
        return (held[-1] + 1) * carrier.parameters.period_s if held else None

    metrics.read(
        "trunkline_carrier_outbox_records",
        "Records without a receipt.",
        lambda: outbox.waiting,
    )
    metrics.read(
        "trunkline_carrier_outbox_records_limit",
        "How many may wait before reading pauses.",
        lambda: carrier.config.contribution.outbox_records,
    )
    metrics.read(
        "trunkline_carrier_outbox_overdue_seconds",
        "For how long the oldest record without a receipt could have left.",
        lambda: outbox.overdue_s(clock()),
    )
    metrics.read(
        "trunkline_carrier_counts",
        "Totals since the outbox was made: rows, calls, records, acknowledged, dummies, quarantined, ...",
        lambda: {count.value: float(value) for count, value in outbox.counts().items()},
        label="count",
        kind="counter",
    )
    metrics.read(
        "trunkline_carrier_labels_waiting",
        "Inputs that wait for a slot of the label schedule.",
        lambda: carrier.schedule.waiting,
    )
    metrics.read(
        "trunkline_carrier_credential_end_timestamp_seconds",
        "End of the last period that there is a credential for.",
        credential_end,
    )
