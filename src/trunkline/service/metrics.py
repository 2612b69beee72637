"""Metrics of one service for Prometheus: what it counts and times, and what is read when somebody looks.

Nothing here tells carriers or calls apart: labels have values of small, fixed sets such as route templates,
HTTP statuses and error codes, never ones that a request brings along.
"""

from collections.abc import Callable, Mapping
from typing import Literal

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from trunkline import __version__
from trunkline.errors import TrunklineError

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Buckets of durations, from what one request takes to when its client gives up."""

SIZES = (1.0, 4.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0)
"""Buckets of the number of elements that are handled together."""

Value = float | None
"""None where there is nothing to tell now."""


class Metrics:
    """The metrics of one service, in a registry of their own.

    A process may run several services, and a test many; so nothing is registered for the whole process.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.read("trunkline_build_info", "The release.", lambda: {__version__: 1}, label="version")

    def read(
        self,
        name: str,
        documentation: str,
        value: Callable[[], Value | Mapping[str, float]],
        *,
        label: str | None = None,
        kind: Literal["gauge", "counter"] = "gauge",
    ) -> None:
        """Add a metric that is read at each scrape, and costs nothing in between.

        Args:
            name: Its name; that of a counter without `_total`.
            documentation: What it says.
            value: Reads it: a number, or with `label` one for each value of the label. Where it raises a
                `TrunklineError` the scrape has a gap.
            label: Name of its label, if it has one.
            kind: A counter only grows while the process lives.
        """
        self.registry.register(_Read(name, documentation, value, label, kind))

    def render(self) -> bytes:
        """Return everything in Prometheus's text format."""
        return generate_latest(self.registry)


class _Read(Collector):
    """A metric that is read when it is asked for."""

    def __init__(
        self,
        name: str,
        documentation: str,
        value: Callable[[], Value | Mapping[str, float]],
        label: str | None,
        kind: Literal["gauge", "counter"],
    ) -> None:
        self._name = name
        self._documentation = documentation
        self._value = value
        self._label = label
        self._kind = kind

    def describe(self) -> list[GaugeMetricFamily | CounterMetricFamily]:
        """Give the name without reading the value."""
        return [self._family()]

    def collect(self) -> list[GaugeMetricFamily | CounterMetricFamily]:
        """Read the value."""
        family = self._family()
        try:
            value = self._value()
        except TrunklineError:
            # The other metrics are needed most when something fails; readiness says what it is.
            return [family]
        if isinstance(value, Mapping):
            for label, one in value.items():
                family.add_metric([label], one)
        elif value is not None:
            family.add_metric([], value)
        return [family]

    def _family(self) -> GaugeMetricFamily | CounterMetricFamily:
        labels = () if self._label is None else (self._label,)
        if self._kind == "counter":
            return CounterMetricFamily(self._name, self._documentation, labels=labels)
        return GaugeMetricFamily(self._name, self._documentation, labels=labels)
