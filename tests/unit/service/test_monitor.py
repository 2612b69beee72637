"""The listener for monitoring, over a real socket."""

import contextlib
import http.client
import json
import socket

import pytest
import structlog

from trunkline.errors import ConfigurationError, NotReadyError, StorageError
from trunkline.service import monitoring
from trunkline.service.config import MonitoringAddress, ServiceConfig
from trunkline.service.metrics import Metrics
from trunkline.service.monitoring import Monitor, Watched
from trunkline.service.readiness import DISK_FLOOR, Checks, disk_check, free_bytes

pytestmark = pytest.mark.network


class Disk:
    full = False

    def check(self) -> None:
        if self.full:
            raise StorageError("the disk of /var/lib/secret is full")


def free_address() -> MonitoringAddress:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return MonitoringAddress(*probe.getsockname())


@pytest.fixture
def disk():
    return Disk()


@pytest.fixture
def address(disk):
    found = free_address()
    with Monitor(found, Watched(Metrics(), Checks({"disk": disk.check, "keys": lambda: None}))):
        yield found


def ask(address, path, method="GET"):
    connection = http.client.HTTPConnection(*address, timeout=10)
    connection.request(method, path)
    answer = connection.getresponse()
    return answer.status, answer.getheader("content-type"), answer.read().decode()


def send(address, data):
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(data)
        return connection.makefile("rb").read()


def test_metrics_are_answered_in_prometheus_text(address):
    status, media_type, body = ask(address, "/metrics")
    assert (status, media_type) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert 'trunkline_check_ok{check="disk"} 1.0' in body


def test_readiness_names_the_failing_checks_and_nothing_of_their_reasons(address, disk):
    assert ask(address, "/ready")[::2] == (200, '{"status": "ready"}')
    disk.full = True
    status, media_type, body = ask(address, "/ready")
    assert (status, media_type) == (503, "application/problem+json")
    assert json.loads(body)["detail"] == "not ready: disk"
    assert "secret" not in body
    assert ask(address, "/health")[::2] == (200, '{"status": "ok"}')


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /nowhere HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", b"405"),
        (b"\x16\x03\x01\x00\r\n\r\n", b"400"),
        (b"\r\n\r\n", b"400"),
    ],
)
def test_other_requests_are_refused(address, data, status):
    assert send(address, data).split()[1] == status


def test_connections_without_a_request_do_not_keep_others_out(address, monkeypatch):
    monkeypatch.setattr(monitoring, "MAX_TIME_S", 0.05)
    with socket.create_connection(address), socket.create_connection(address) as talker:
        talker.sendall(b"GET /")
        assert ask(address, "/health")[0] == 200


def test_head_that_does_not_end_is_given_up(address):
    # Cut off while it still sends, it may see an end or a reset.
    with contextlib.suppress(ConnectionResetError):
        assert send(address, b"GET /" + b"x" * 20_000) == b""
    assert ask(address, "/health")[0] == 200


def test_reading_that_fails_in_a_way_nobody_thought_of_does_not_end_the_listener(capsys):
    metrics = Metrics()
    metrics.read("trunkline_bug", "A bug.", lambda: 1 / 0)
    address = free_address()
    with Monitor(address, Watched(metrics, Checks({}))):
        assert send(address, b"GET /metrics HTTP/1.1\r\n\r\n") == b""
        assert ask(address, "/health")[0] == 200


def test_listener_ends_with_its_block(disk):
    address = free_address()
    with Monitor(address, Watched(Metrics(), Checks({}))):
        assert ask(address, "/health")[0] == 200
    with pytest.raises(ConnectionRefusedError):
        ask(address, "/health")


def test_address_in_use_is_told_with_advice(address):
    with pytest.raises(ConfigurationError, match="set another metrics_port"):
        Monitor(address, Watched(Metrics(), Checks({})))


def test_checks_log_a_reason_when_it_begins_and_not_each_time(disk):
    checks = Checks({"disk": disk.check})
    with structlog.testing.capture_logs() as logs:
        disk.full = True
        for _ in range(3):
            with pytest.raises(NotReadyError, match="not ready: disk"):
                checks.require()
        disk.full = False
        checks.require()
        checks.require()
    assert [(line["event"], line["check"]) for line in logs] == [
        ("not ready", "disk"),
        ("ready again", "disk"),
    ]


def test_disk_check_fails_before_the_disk_is_full(tmp_path, monkeypatch):
    check = disk_check(tmp_path)
    check()
    monkeypatch.setattr("trunkline.service.readiness.DISK_FLOOR", free_bytes(tmp_path) * 2)
    with pytest.raises(StorageError, match="free space"):
        check()
    assert DISK_FLOOR > 0


def test_disk_that_cannot_be_looked_at_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError, match="cannot look at"):
        free_bytes(tmp_path / "gone")


def test_service_is_not_watched_unless_it_is_given_a_port(tmp_path):
    config = ServiceConfig(port=1, data_dir=tmp_path)
    assert config.monitoring is None
    assert config.model_copy(update={"metrics_port": 2}).monitoring == ("127.0.0.1", 2)
