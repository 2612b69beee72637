"""Running services: uvicorn in one process, for one application or for several on their own ports."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import structlog
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from trunkline.errors import ConfigurationError
from trunkline.service.config import MonitoringAddress, TlsFiles
from trunkline.service.monitoring import Monitor

_BACKLOG = 512
_SHUTDOWN_S = 5
_KEEP_ALIVE_S = 30
_REQUEST_S = 30.0
"""How long a connection may be without a request; the next one takes up to twice as long to be missed."""

_logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Listener:
    """One service to run: its application, where it listens, its name in the log, and where it is watched."""

    app: FastAPI
    host: str
    port: int
    tls: TlsFiles | None
    name: str
    monitoring: MonitoringAddress | None = None


def serve(
    app: FastAPI,
    *,
    host: str,
    port: int,
    tls: TlsFiles | None,
    name: str,
    monitoring: MonitoringAddress | None = None,
) -> None:
    """Serve one application until SIGTERM or SIGINT, then finish the requests under way and return.

    Raises:
        ConfigurationError: The address cannot be listened on, or the TLS files cannot be used.
    """
    serve_many([Listener(app, host, port, tls, name, monitoring)])


def serve_many(listeners: Sequence[Listener]) -> None:
    """Serve several applications in this process, each on its own port, until SIGTERM or SIGINT.

    Each one logs a line `ready` with its service name, pid and port as soon as it answers.

    Raises:
        ConfigurationError: An address cannot be listened on, or TLS files cannot be used.
    """
    sockets: list[socket.socket] = []
    try:
        servers = []
        for listener in listeners:
            sockets.append(_listen(listener))
            servers.append(_Server(listener))
        with contextlib.ExitStack() as monitors:
            for listener in listeners:
                if listener.monitoring is not None:
                    monitors.enter_context(Monitor(listener.monitoring, listener.app.state.watched))
            asyncio.run(_run(servers, sockets))
    finally:
        for listening in sockets:
            listening.close()


class _Connection(H11Protocol):
    """Closes connections on which no request comes to be; uvicorn would keep them for ever.

    Whoever may connect could otherwise hold all the connections that a process can have, without a word or
    with a header that never ends.
    """

    _seen: object = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        super().connection_made(transport)
        self.loop.call_later(_REQUEST_S, self._look)

    def shutdown(self) -> None:
        if self._idle:
            # A client that keeps a connection for later does not read it, and does not answer TLS's farewell.
            self.transport.abort()
        else:
            super().shutdown()

    @property
    def _idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _look(self) -> None:
        if self.transport.is_closing():
            return
        if self._idle and self.cycle is self._seen:
            self.transport.close()
            return
        self._seen = self.cycle
        self.loop.call_later(_REQUEST_S, self._look)


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to `serve_many` and says when it is ready."""

    def __init__(self, listener: Listener) -> None:
        config = uvicorn.Config(
            listener.app,
            log_config=None,
            access_log=False,
            server_header=False,
            http=_Connection,
            ws="none",
            loop="asyncio",
            backlog=_BACKLOG,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_SHUTDOWN_S,
            ssl_certfile=None if listener.tls is None else str(listener.tls.certificate),
            ssl_keyfile=None if listener.tls is None else str(listener.tls.key),
        )
        try:
            config.load()
        except OSError as error:
            raise ConfigurationError(f"cannot use the TLS files of {listener.name}: {error}") from error
        super().__init__(config)
        self._listener = listener

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            _logger.info("ready", service=self._listener.name, pid=os.getpid(), port=self._listener.port)


def _listen(listener: Listener) -> socket.socket:
    try:
        family = socket.getaddrinfo(listener.host, listener.port, type=socket.SOCK_STREAM)[0][0]
        # With the protocol named, asyncio sets TCP_NODELAY on its connections; without, answers take 40 ms.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((listener.host, listener.port))
    except OSError as error:
        raise ConfigurationError(
            f"{listener.name} cannot listen on {listener.host} port {listener.port}: {error.strerror}; "
            "free the port or configure another"
        ) from error
    listening.set_inheritable(False)
    return listening


async def _run(servers: Sequence[_Server], sockets: Sequence[socket.socket]) -> None:
    def stop() -> None:
        for server in servers:
            server.should_exit = True

    async def run(server: _Server, listening: socket.socket) -> None:
        try:
            await server.serve([listening])
        finally:
            stop()  # one role that cannot go on ends the process, so that a supervisor notices

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await asyncio.gather(
        *(run(server, listening) for server, listening in zip(servers, sockets, strict=True))
    )
    for server in servers:
        if not server.started:
            raise ConfigurationError("a service failed to start; the log says why")
