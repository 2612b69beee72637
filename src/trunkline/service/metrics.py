"""Metrics of one service for Prometheus: what it counts and times, and what is read when somebody looks.

Nothing here tells carriers or calls apart: labels have values of small, fixed sets such as route templates,
HTTP statuses and error codes, never ones that a request brings along.
"""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from trunkline import __version__
from trunkline.errors import TrunklineError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
REFUSAL_KEY = "trunkline.refusal"
"""Where a request's ASGI scope has the code of the error that it was answered with."""

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Buckets of durations, from what one request takes to when its client gives up."""

SIZES = (1.0, 4.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0)
"""Buckets of the number of elements that are handled together."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

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


class RequestMetrics:
    """Counts and times the requests to one service."""

    def __init__(self, metrics: Metrics) -> None:
        self._requests = Counter(
            "trunkline_http_requests",
            "Requests answered, by route and status; 0 where the client went away.",
            ("route", "method", "status"),
            registry=metrics.registry,
        )
        self._seconds = Histogram(
            "trunkline_http_request_seconds",
            "Time from a request's head to the end of its answer.",
            ("route",),
            buckets=SECONDS,
            registry=metrics.registry,
        )
        self._refusals = Counter(
            "trunkline_http_refusals",
            "Requests answered with a problem document, by its code.",
            ("route", "code"),
            registry=metrics.registry,
        )
        self._running = 0
        metrics.read("trunkline_http_requests_running", "Requests being answered.", lambda: self._running)
        # Looking a child up by its labels takes longer than counting.
        self._found: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def begin(self) -> float:
        """Note a request's beginning; give the result to `end`."""
        self._running += 1
        return time.perf_counter()

    def end(self, began: float, scope: "Scope", status: int) -> None:
        """Note that a request was answered, or given up."""
        seconds = time.perf_counter() - began
        self._running -= 1
        # The template, and nothing of the address itself, which may have the identifier of a request.
        route = getattr(scope.get("route"), "path", "unknown")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        key = (route, method, status)
        found = self._found.get(key)
        if found is None:
            found = self._requests.labels(route, method, str(status)), self._seconds.labels(route)
            self._found[key] = found
        found[0].inc()
        found[1].observe(seconds)
        code = scope.get(REFUSAL_KEY)
        if code is not None:
            self._refusals.labels(route, code).inc()


class RequestMeter:
    """The middleware that measures requests; pure ASGI, as it is in the way of every one."""

    def __init__(self, application: "ASGIApp", requests: RequestMetrics) -> None:
        self.app = application
        self._requests = requests

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer a request and measure it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 0

        async def noting(message: "Message") -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        began = self._requests.begin()
        try:
            await self.app(scope, receive, noting)
        except Exception:
            # It is answered by what stands around all middleware.
            status = TrunklineError.status
            scope[REFUSAL_KEY] = TrunklineError.code
            raise
        finally:
            self._requests.end(began, scope, status)
