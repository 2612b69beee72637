"""The listener for monitoring: `/metrics`, `/health` and `/ready`, apart from what the world may reach.

One thread answers one connection after the other, and gives each a short time: whoever can reach it, it never
takes more of the service than that.
"""

import json
import socket
import threading
import time
from http import HTTPStatus
from typing import Self

import structlog

from trunkline.errors import ConfigurationError, NotReadyError
from trunkline.service.config import MonitoringAddress
from trunkline.service.metrics import CONTENT_TYPE, Metrics
from trunkline.service.problems import problem_document
from trunkline.service.readiness import Checks

MAX_HEAD = 8192
MAX_TIME_S = 2.0
_BACKLOG = 16
_JSON = "application/json"
_TEXT = "text/plain; charset=utf-8"

_logger = structlog.get_logger(__name__)


class Watched:
    """What a service shows to those who watch it. An application has it as `state.watched`.

    Attributes:
        metrics: Its metrics; the results of the checks become one of them.
        checks: Whether it can do its work.
    """

    def __init__(self, metrics: Metrics, checks: Checks) -> None:
        self.metrics = metrics
        self.checks = checks
        metrics.read(
            "trunkline_check_ok",
            "Whether each check of readiness succeeds.",
            checks.results,
            label="check",
        )


class Monitor:
    """Answers those who watch a service; listens from its construction to the end of its `with` block."""

    def __init__(self, address: MonitoringAddress, watched: Watched) -> None:
        """Begin to listen.

        Args:
            address: Where.
            watched: What is answered.

        Raises:
            ConfigurationError: The address cannot be listened on.
        """
        self._watched = watched
        try:
            family = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0][0]
            self._listening = socket.create_server(address, family=family, backlog=_BACKLOG)
        except OSError as error:
            raise ConfigurationError(
                f"cannot listen for monitoring on {address.host} port {address.port}: {error.strerror}; "
                "free the port or set another metrics_port"
            ) from error
        self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)

    def __enter__(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        """Stop answering, and listening."""
        # Only this wakes a thread that waits for a connection.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection:
                try:
                    self._answer(connection)
                except OSError:
                    _logger.debug("a connection for monitoring was given up")
                except Exception:
                    # One reading that fails must not end the watching of everything else.
                    _logger.exception("monitoring failed")

    def _answer(self, connection: socket.socket) -> None:
        head = _read_head(connection)
        status, media_type, body = self._response(head)
        phrase = HTTPStatus(status).phrase
        answer = (
            f"HTTP/1.1 {status} {phrase}\r\ncontent-type: {media_type}\r\ncontent-length: {len(body)}\r\n"
            "cache-control: no-store\r\nconnection: close\r\n\r\n"
        )
        connection.settimeout(MAX_TIME_S)
        connection.sendall(answer.encode() + body)

    def _response(self, head: bytes) -> tuple[int, str, bytes]:
        method, _, rest = head.partition(b"\r\n")[0].partition(b" ")
        target, _, version = rest.partition(b" ")
        if not version.startswith(b"HTTP/1."):
            return HTTPStatus.BAD_REQUEST, _TEXT, b"a request of HTTP/1.1 is expected\n"
        if method != b"GET":
            return HTTPStatus.METHOD_NOT_ALLOWED, _TEXT, b"only GET is answered here\n"
        match target.partition(b"?")[0]:
            case b"/metrics":
                return HTTPStatus.OK, CONTENT_TYPE, self._watched.metrics.render()
            case b"/health":
                return HTTPStatus.OK, _JSON, json.dumps({"status": "ok"}).encode()
            case b"/ready":
                return self._ready()
            case _:
                return HTTPStatus.NOT_FOUND, _TEXT, b"there are /metrics, /health and /ready\n"

    def _ready(self) -> tuple[int, str, bytes]:
        try:
            self._watched.checks.require()
        except NotReadyError as error:
            status, headers, body = problem_document(error)
            return status, headers["content-type"], body
        return HTTPStatus.OK, _JSON, json.dumps({"status": "ready"}).encode()


def _read_head(connection: socket.socket) -> bytes:
    deadline = time.monotonic() + MAX_TIME_S
    head = b""
    while b"\r\n\r\n" not in head:
        left = deadline - time.monotonic()
        if left <= 0 or len(head) > MAX_HEAD:
            raise TimeoutError
        connection.settimeout(left)
        more = connection.recv(MAX_HEAD)
        if not more:
            raise ConnectionResetError
        head += more
    return head
