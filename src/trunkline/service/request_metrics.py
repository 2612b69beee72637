"""Counting and timing the requests to a service."""

import time

from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trunkline.errors import TrunklineError
from trunkline.service.metrics import SECONDS, Metrics

REFUSAL_KEY = "trunkline.refusal"
"""Where a request's ASGI scope has the code of the error that it was answered with."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestMetrics:
    """Counts and times the requests to one service."""

    def __init__(self, metrics: Metrics) -> None:
        self._requests = Counter(
            "trunkline_http_requests",
            "Requests answered, by route and status; 499 where the client went away.",
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

    def end(self, began: float, scope: Scope, status: int) -> None:
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

    def __init__(self, application: ASGIApp, requests: RequestMetrics) -> None:
        self.app = application
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request and measure it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 0

        async def noting(message: Message) -> None:
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
