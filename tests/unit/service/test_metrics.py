"""Metrics: what a service counts, and that no request decides what stands in them."""

from typing import Annotated

import anyio
import pytest
import structlog
from fastapi import Depends, HTTPException
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from trunkline import __version__
from trunkline.errors import QuotaError, StorageError
from trunkline.service.application import body_of, create_application
from trunkline.service.metrics import Metrics

NUMBER = "+15550100"


def samples(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every sample by its name and its labels' values, in the order of the labels' names."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }


@pytest.fixture
def service():
    app = create_application("example", max_body=100)

    @app.get("/calls/{number}")
    def call(number: str) -> dict[str, int]:
        if number == "over":
            raise QuotaError("until noon")
        if number == "bug":
            raise ValueError(number)
        if number == "teapot":
            raise HTTPException(418)
        return {"digits": len(number)}

    return app


@pytest.fixture
def client(service):
    return TestClient(service, raise_server_exceptions=False)


def test_requests_are_counted_by_template_method_and_status(client, service):
    for _ in range(3):
        client.get(f"/calls/{NUMBER}")
    found = samples(service.state.watched.metrics)
    assert found["trunkline_http_requests_total", ("GET", "/calls/{number}", "200")] == 3
    assert found["trunkline_http_request_seconds_count", ("/calls/{number}",)] == 3
    assert found["trunkline_http_requests_running", ()] == 0


def test_nothing_that_a_request_brings_stands_in_the_metrics(client, service):
    # Somebody who may send requests could otherwise fill the memory of the service and of Prometheus.
    client.get(f"/calls/{NUMBER}")
    client.get(f"/nowhere/{NUMBER}")
    client.request(f"X{NUMBER[1:]}", "/nowhere")
    text = service.state.watched.metrics.render().decode()
    assert NUMBER[1:] not in text
    found = samples(service.state.watched.metrics)
    assert found["trunkline_http_requests_total", ("GET", "unknown", "404")] == 1
    assert found["trunkline_http_requests_total", ("other", "unknown", "404")] == 1


@pytest.mark.parametrize(
    ("path", "code", "status"),
    [("over", "quota", "429"), ("bug", "internal", "500"), ("teapot", "request", "418")],
)
def test_refusals_are_counted_by_their_code(client, service, path, code, status):
    client.get(f"/calls/{path}")
    found = samples(service.state.watched.metrics)
    assert found["trunkline_http_refusals_total", (code, "/calls/{number}")] == 1
    assert found["trunkline_http_requests_total", ("GET", "/calls/{number}", status)] == 1


def test_body_that_is_too_large_is_a_refusal_even_before_its_route_is_known(client, service):
    client.post("/calls/x", content=b"x" * 101)
    assert (
        samples(service.state.watched.metrics)["trunkline_http_refusals_total", ("too-large", "unknown")] == 1
    )


def test_refusal_count_is_absent_for_what_was_answered(client, service):
    client.get("/calls/1")
    names = {name for name, _ in samples(service.state.watched.metrics)}
    assert "trunkline_http_refusals_total" not in names


def test_checks_of_readiness_are_a_metric():
    def broken() -> None:
        raise StorageError("disk /x is full")

    app = create_application("example", max_body=1, ready={"disk": broken, "keys": lambda: None})
    found = samples(app.state.watched.metrics)
    assert found["trunkline_check_ok", ("disk",)] == 0
    assert found["trunkline_check_ok", ("keys",)] == 1


def test_read_metric_that_fails_leaves_a_gap_and_the_others():
    def broken() -> float:
        raise StorageError("disk /x is full")

    metrics = Metrics()
    metrics.read("trunkline_broken", "Fails.", broken)
    metrics.read("trunkline_idle", "Nothing to tell.", lambda: None)
    metrics.read("trunkline_rows", "By kind.", lambda: {"a": 2.0, "b": 3.0}, label="kind", kind="counter")
    found = samples(metrics)
    assert found["trunkline_rows_total", ("a",)] == 2
    assert {name for name, _ in found}.isdisjoint({"trunkline_broken", "trunkline_idle"})


def test_two_services_of_one_process_count_apart():
    # A role's figures must not leak into another's.
    one, other = (create_application(name, max_body=1) for name in ("one", "other"))
    TestClient(one).get("/health")
    key = ("trunkline_http_requests_total", ("GET", "/health", "200"))
    assert samples(one.state.watched.metrics)[key] == 1
    assert key not in samples(other.state.watched.metrics)


def test_build_and_process_are_told():
    found = samples(Metrics())
    assert found["trunkline_build_info", (__version__,)] == 1
    assert found["process_resident_memory_bytes", ()] > 0


def test_client_that_goes_away_is_counted_and_is_no_bug(service, client):
    @service.post("/body")
    def body(content: Annotated[bytes, Depends(body_of("text/plain"))]) -> int:
        return len(content)

    async def gone() -> dict[str, object]:
        return {"type": "http.disconnect"}

    async def unread(_message: object) -> None:
        pass

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/body",
        "raw_path": b"/body",
        "query_string": b"",
        "headers": [(b"content-type", b"text/plain"), (b"content-length", b"50")],
    }
    with structlog.testing.capture_logs() as logs:
        anyio.run(service, scope, gone, unread)
    assert logs == []
    found = samples(service.state.watched.metrics)
    assert found["trunkline_http_requests_total", ("POST", "/body", "499")] == 1
    assert found["trunkline_http_requests_running", ()] == 0
    assert "trunkline_http_refusals_total" not in {name for name, _ in found}
