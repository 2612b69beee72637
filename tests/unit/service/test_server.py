import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading

import pytest

from trunkline.errors import ConfigurationError, UnavailableError
from trunkline.service import server
from trunkline.service.application import create_application
from trunkline.service.client import ServiceClient
from trunkline.service.config import TlsFiles
from trunkline.service.server import serve
from trunkline.service.tls import create_local_authority, issue_certificate

SCRIPT = """
import sys, pathlib
from trunkline.service.application import create_application
from trunkline.service.config import TlsFiles
from trunkline.service.logs import configure_logging
from trunkline.service.server import Listener, serve_many
tls = TlsFiles(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
configure_logging("both")
serve_many([
    Listener(create_application(name, max_body=10), "127.0.0.1", int(port), tls, name)
    for name, port in zip(["one", "two"], sys.argv[3:])
])
"""


GET = b"GET /health HTTP/1.1\r\nhost: x\r\n"


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@pytest.mark.network
def test_two_services_in_one_process_answer_over_tls_and_end_on_sigterm(tmp_path):
    trusted = create_local_authority(tmp_path / "authority")
    files = issue_certificate(tmp_path / "authority", "one", ["127.0.0.1", "localhost"], tmp_path / "one")
    assert files.key.stat().st_mode & 0o077 == 0
    ports = free_ports(2)
    command = [sys.executable, "-c", SCRIPT, *map(str, files), *map(str, ports)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        lines = [json.loads(process.stderr.readline()) for _ in range(2)]
        assert {(line["event"], line["service"], line["pid"], line["port"]) for line in lines} == {
            ("ready", "one", process.pid, ports[0]),
            ("ready", "two", process.pid, ports[1]),
        }
        for port in ports:
            for fresh in (False, True):
                client = ServiceClient(f"https://127.0.0.1:{port}", ca_file=trusted, fresh_connections=fresh)
                assert client.get("/health").json() == {"status": "ok"}
                assert client.get("/ready").json() == {"status": "ready"}
                client.close()
        other = create_local_authority(tmp_path / "other")
        with pytest.raises(UnavailableError, match="not available"):
            ServiceClient(f"https://127.0.0.1:{ports[0]}", ca_file=other, attempts=1).get("/health")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def impatient(monkeypatch):
    """The port of a service that waits a tenth of a second for a request."""
    monkeypatch.setattr(server, "_REQUEST_S", 0.1)
    (port,) = free_ports(1)
    listener = server.Listener(create_application("x", max_body=10), "127.0.0.1", port, None, "x")
    running, listening = server._Server(listener), server._listen(listener)
    listening.listen()
    thread = threading.Thread(target=lambda: asyncio.run(running.serve([listening])))
    thread.start()
    yield port
    running.should_exit = True
    thread.join()
    listening.close()


@pytest.mark.network
@pytest.mark.parametrize(
    "begun",
    [b"", GET + b"x-never-ends: a", GET + b"\r\nGET /h"],
    ids=["silent", "endless header", "endless second header"],
)
def test_connection_without_a_request_is_closed(impatient, begun):
    with socket.create_connection(("127.0.0.1", impatient), timeout=30) as connection:
        connection.sendall(begun)
        received = b""
        while part := connection.recv(1000):
            received += part
    assert (b'{"status":"ok"}' in received) == begun.endswith(b"GET /h")


def test_port_in_use_is_a_configuration_error():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"x cannot listen on 127.0.0.1 port {port}"):
            serve(create_application("x", max_body=1), host="127.0.0.1", port=port, tls=None, name="x")


def test_unusable_tls_files_are_a_configuration_error(tmp_path):
    (tmp_path / "x.pem").write_text("nothing")
    tls = TlsFiles(tmp_path / "x.pem", tmp_path / "x.pem")
    with pytest.raises(ConfigurationError, match="TLS files of x"):
        serve(create_application("x", max_body=1), host="127.0.0.1", port=free_ports(1)[0], tls=tls, name="x")


def test_certificate_from_a_missing_authority_is_a_configuration_error(tmp_path):
    with pytest.raises(ConfigurationError, match="no usable local certificate authority"):
        issue_certificate(tmp_path, "x", ["localhost"], tmp_path)
