"""How the command line talks to the running agent: a Unix domain socket that only its owner may open.

One request a connection, a JSON object on one line: `{"command": NAME, "arguments": {...}}`. Answers are JSON
objects, one a line: any number of `{"progress": TEXT}`, then `{"result": {...}}` or a problem document,
`{"type": URI, "detail": TEXT}`, as the services give them.
"""

import json
import socket
import socketserver
import stat
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

from trunkline.errors import ConfigurationError, DecodingError, InputError, TrunklineError, UnavailableError
from trunkline.service.problems import MEDIA_TYPE, TYPE_PREFIX, error_from_problem

REQUEST_LIMIT = 1 << 20
ANSWER_LIMIT = 256 << 20
SOCKET_PATH_LIMIT = 107  # bytes, unix(7)
_CONNECT_TIMEOUT_S = 5.0

Progress = Callable[[str], None]
Command = Callable[[Mapping[str, Any], Progress], Mapping[str, Any]]

_logger = structlog.get_logger(__name__)


class ControlServer:
    """Answers the command line, each request in a thread of its own.

    Args:
        path: The socket; a stale one from an agent that was killed is replaced.
        commands: What can be asked for.

    Raises:
        ConfigurationError: The socket cannot be made.
    """

    def __init__(self, path: Path, commands: Mapping[str, Command]) -> None:
        self._path = _checked(path)
        try:
            if stat.S_ISSOCK(path.lstat().st_mode):
                path.unlink()
        except FileNotFoundError:
            pass
        try:
            self._server = _Server(str(path), _Handler)
            path.chmod(0o600)
        except OSError as error:
            raise ConfigurationError(
                f"cannot listen on the control socket {path}: {error.strerror}"
            ) from error
        self._server.commands = commands
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="control", daemon=True
        )

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Stop answering and remove the socket."""
        self._server.shutdown()
        self._server.server_close()
        self._path.unlink(missing_ok=True)


class ControlClient:
    """Asks a running agent.

    Args:
        path: The agent's control socket.
    """

    def __init__(self, path: Path) -> None:
        self._path = _checked(path)

    def call(
        self,
        command: str,
        arguments: Mapping[str, Any] | None = None,
        progress: Progress = lambda _text: None,
    ) -> dict[str, Any]:
        """Ask for one thing and wait for the result.

        Raises:
            UnavailableError: No agent runs here.
            TrunklineError: What the agent answered, as the same class.
        """
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_CONNECT_TIMEOUT_S)
            try:
                connection.connect(str(self._path))
                # Some commands wait for people or for delays to pass; the agent ends, and so does the wait.
                connection.settimeout(None)
                connection.sendall(_line({"command": command, "arguments": dict(arguments or {})}))
                return _answer(connection, progress)
            except OSError as error:
                raise UnavailableError(
                    f"no agent answers on {self._path}; start it with `trunkline carrier run`"
                ) from error


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 64
    commands: Mapping[str, Command]

    def handle_error(self, request: Any, client_address: Any) -> None:
        _logger.exception("control request failed")  # noqa: LOG004 - called while it is handled


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        try:
            try:
                answer: Mapping[str, Any] = {"result": dict(self._run())}
            except TrunklineError as error:
                answer = {"type": TYPE_PREFIX + error.code, "detail": str(error)}
            except (BrokenPipeError, ConnectionResetError):
                raise
            except Exception:
                # The agent lives on, and the command line must not think that it ended.
                _logger.exception("control request failed")
                detail = "the agent met an error that it did not expect; its log has it"
                answer = {"type": TYPE_PREFIX + TrunklineError.code, "detail": detail}
            self._send(answer)
        except (BrokenPipeError, ConnectionResetError):
            _logger.debug("the command line went away")

    def _run(self) -> Mapping[str, Any]:
        line = self.rfile.readline(REQUEST_LIMIT + 1)
        if len(line) > REQUEST_LIMIT or not line.endswith(b"\n"):
            raise DecodingError(f"a control request is one line of at most {REQUEST_LIMIT} bytes")
        try:
            request = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DecodingError("a control request is a JSON object") from error
        arguments = request.get("arguments") if isinstance(request, dict) else None
        if not isinstance(arguments, dict):
            raise DecodingError("a control request has a command and arguments")
        command = self.server.commands.get(str(request.get("command")))
        if command is None:
            raise InputError(
                f"the agent knows {', '.join(sorted(self.server.commands))}; upgrade one of both"
            )
        return command(arguments, lambda text: self._send({"progress": text}))

    def _send(self, value: Mapping[str, Any]) -> None:
        self.wfile.write(_line(value))


def _answer(connection: socket.socket, progress: Progress) -> dict[str, Any]:
    with connection.makefile("rb") as lines:
        while line := lines.readline(ANSWER_LIMIT):
            try:
                answer = json.loads(line)
            except ValueError as error:
                raise DecodingError("the agent's answer is too large or is not JSON") from error
            if "type" in answer:
                raise error_from_problem(TrunklineError.status, MEDIA_TYPE, line, "the agent")
            if "result" in answer:
                result: dict[str, Any] = answer["result"]
                return result
            progress(str(answer.get("progress")))
    raise UnavailableError("the agent ended before it answered; start it again and repeat the command")


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _checked(path: Path) -> Path:
    if len(str(path).encode()) > SOCKET_PATH_LIMIT:
        raise ConfigurationError(
            f"the control socket's path is longer than {SOCKET_PATH_LIMIT} bytes, the system's limit; "
            "set carrier.control_socket to a shorter one"
        )
    return path
