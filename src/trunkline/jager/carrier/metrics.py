"""What a carrier's agent counts. It tells real from padding, so it is for the carrier's own eyes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import Counter, Histogram

from trunkline.errors import TrunklineError
from trunkline.service.metrics import SECONDS, Metrics

OK = "ok"
"""Outcome of what did not fail; what did has the code of its error."""

_STEPS = frozenset({"labels", "authorization", "waits for approval", "retrieval", "evidence"})
_LATENESS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)


class CarrierMetrics:
    """Counts of the label schedule, of contribution and of traces.

    Attributes:
        label_requests: Requests of the schedule, by outcome.
        label_seconds: Time from a label request to its checked answer.
        label_lateness: By how much requests of the schedule leave after their time.
        reading_failures: Readings of the sources that failed, by code.
        batches: Batches sent, by outcome.
        batch_seconds: Time from sending a batch to storing its receipt.
    """

    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        slots = Counter(
            "trunkline_carrier_label_slots",
            "Slots of answered label requests, by what was in them.",
            ("use",),
            registry=registry,
        )
        self._contribution_slots = slots.labels("contribution")
        self._trace_slots = slots.labels("trace")
        self._padding_slots = slots.labels("padding")
        self.label_requests = Counter(
            "trunkline_carrier_label_requests",
            "Requests of the label schedule.",
            ("outcome",),
            registry=registry,
        )
        self.label_seconds = Histogram(
            "trunkline_carrier_label_request_seconds",
            "Time from a label request to its checked answer.",
            buckets=SECONDS,
            registry=registry,
        )
        self.label_lateness = Histogram(
            "trunkline_carrier_label_lateness_seconds",
            "By how much requests of the schedule leave after their time.",
            buckets=_LATENESS,
            registry=registry,
        )
        self.reading_failures = Counter(
            "trunkline_carrier_reading_failures",
            "Readings of the sources that failed and are done again.",
            ("code",),
            registry=registry,
        )
        self.batches = Counter(
            "trunkline_carrier_batches", "Batches of records sent.", ("outcome",), registry=registry
        )
        self.batch_seconds = Histogram(
            "trunkline_carrier_batch_seconds",
            "Time from sending a batch to storing its receipt.",
            buckets=SECONDS,
            registry=registry,
        )
        self._traces = Counter("trunkline_carrier_traces", "Traces.", ("outcome",), registry=registry)
        self._trace_seconds = Histogram(
            "trunkline_carrier_trace_seconds",
            "Time of the steps of a trace.",
            ("step",),
            buckets=SECONDS,
            registry=registry,
        )

    def slots(self, *, trace: int, contribution: int, padding: int) -> None:
        """Count the slots of a label request that was answered."""
        self._trace_slots.inc(trace)
        self._contribution_slots.inc(contribution)
        self._padding_slots.inc(padding)

    @contextmanager
    def tracing(self, progress: Callable[[str], None]) -> Iterator[Callable[[str], None]]:
        """Measure a trace; the steps are those that it is told as progress.

        Args:
            progress: Is told what the trace tells.

        Yields:
            What to tell in its place.
        """
        step, began = "", perf_counter()

        def begin(text: str) -> None:
            nonlocal step, began
            now = perf_counter()
            if step:
                self._trace_seconds.labels(step).observe(now - began)
            step, began = text if text in _STEPS else "", now

        def told(text: str) -> None:
            begin(text)
            progress(text)

        outcome = TrunklineError.code
        try:
            yield told
            outcome = OK
        except TrunklineError as error:
            outcome = error.code
            raise
        finally:
            begin("")
            self._traces.labels(outcome).inc()
