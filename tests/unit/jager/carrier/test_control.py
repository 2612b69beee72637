"""The control socket: one line in, lines out, errors as the classes they were."""

import json
import socket
import threading

import pytest

from trunkline.errors import (
    ConfigurationError,
    DecodingError,
    InputError,
    QuotaError,
    TrunklineError,
    UnavailableError,
)
from trunkline.jager.carrier.control import REQUEST_LIMIT, ControlClient, ControlServer


@pytest.fixture
def path(tmp_path):
    return tmp_path / "control.sock"


@pytest.fixture
def server(path):
    def echo(arguments, progress):
        progress("half way")
        return {"echo": arguments["text"]}

    def refuse(_arguments, _progress):
        raise QuotaError("used up until tomorrow")

    def break_down(_arguments, _progress):
        raise RuntimeError("a bug")

    server = ControlServer(path, {"echo": echo, "refuse": refuse, "break": break_down})
    server.start()
    yield server
    server.close()


def test_call_gives_progress_and_result(server, path):
    told = []
    assert ControlClient(path).call("echo", {"text": "x"}, told.append) == {"echo": "x"}
    assert told == ["half way"]


def test_call_raises_the_class_that_the_agent_raised(server, path):
    with pytest.raises(QuotaError, match="used up until tomorrow"):
        ControlClient(path).call("refuse")


def test_unknown_command_names_the_known_ones(server, path):
    with pytest.raises(InputError, match="echo"):
        ControlClient(path).call("nonsense")


def test_bug_in_a_command_is_told_and_does_not_end_the_server(server, path):
    with pytest.raises(TrunklineError, match="its log has it"):
        ControlClient(path).call("break")
    assert ControlClient(path).call("echo", {"text": "y"}) == {"echo": "y"}


def test_call_without_an_agent_says_how_to_start_one(path):
    with pytest.raises(UnavailableError, match="carrier run"):
        ControlClient(path).call("echo")


@pytest.mark.parametrize(
    "line", [b"no json\n", b"[]\n", b'{"command": "echo"}\n', b"x" * (REQUEST_LIMIT + 2)]
)
def test_malformed_request_is_refused(server, path, line):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        # What is too long is not read to its end, so the rest of it may not be wanted any more.
        threading.Thread(target=_send, args=(connection, line), daemon=True).start()
        answer = json.loads(connection.makefile("rb").readline())
    assert answer["type"].endswith(DecodingError.code)


def _send(connection, line):
    try:
        connection.sendall(line)
    except OSError:
        assert len(line) > REQUEST_LIMIT


def test_socket_is_for_its_owner_alone(server, path):
    assert path.stat().st_mode & 0o777 == 0o600


def test_socket_of_a_killed_agent_is_replaced(path):
    left_behind = socket.socket(socket.AF_UNIX)
    left_behind.bind(str(path))
    left_behind.close()
    server = ControlServer(path, {"ping": lambda _arguments, _progress: {"pong": 1}})
    server.start()
    assert ControlClient(path).call("ping") == {"pong": 1}
    server.close()
    assert not path.exists()


def test_file_that_is_no_socket_is_left_alone(path):
    path.write_text("precious")
    with pytest.raises(ConfigurationError, match="cannot listen"):
        ControlServer(path, {})
    assert path.read_text() == "precious"


def test_path_longer_than_the_system_allows_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="shorter one"):
        ControlClient(tmp_path / ("x" * 108))
