import asyncio
from typing import Annotated

import pytest
from fastapi import Depends, Response
from fastapi.testclient import TestClient
from pydantic import BaseModel

from trunkline.errors import ConfigurationError, QuotaError, StorageError, UnavailableError
from trunkline.service import application
from trunkline.service.application import authenticated, binary, body_of, create_application
from trunkline.service.keys import IdentityKey
from trunkline.service.nonces import NonceStore
from trunkline.service.signatures import RequestAuth, RequestVerifier

MEDIA = "application/vnd.trunkline.example.v1"
KEY = IdentityKey(bytes(32))


class Item(BaseModel):
    number: int


@pytest.fixture
def client(tmp_path):
    problems = {"storage": StorageError("disk /x is full"), "quota": QuotaError("until noon")}
    state = {"ready": True}

    def ready():
        if not state["ready"]:
            raise UnavailableError("the database is away")

    app = create_application("example", max_body=1000, ready={"database": ready, "disk": lambda: None})
    app.state.switch = state
    nonces = NonceStore(tmp_path / "n")
    signer = authenticated(RequestVerifier("lab/example", lambda _: KEY.public_key, nonces))

    @app.post("/echo")
    def echo(body: Annotated[bytes, Depends(body_of(MEDIA))]) -> Response:
        return binary(body, MEDIA)

    @app.post("/signed/{name}")
    def signed(key_id: Annotated[str, Depends(signer)], body: Annotated[bytes, Depends(body_of(MEDIA))]):
        return {"key_id": key_id, "size": len(body)}

    @app.post("/item")
    def item(item: Item) -> Item:
        return item

    @app.post("/fail/{kind}")
    def fail(kind: str):
        raise (
            problems.get(kind) or ConfigurationError("secret path")
            if kind != "bug"
            else ZeroDivisionError("+15550100")
        )

    with TestClient(app, raise_server_exceptions=False) as client:
        yield client
    nonces.close()


def chunks(total):
    for _ in range(total // 100):
        yield b"x" * 100


def code(response):
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == response.status_code
    return response.json()["type"].removeprefix("urn:trunkline:error:")


def test_body_of_the_right_type_and_size_is_answered(client):
    response = client.post("/echo", content=b"x" * 1000, headers={"content-type": MEDIA})
    assert (response.status_code, response.content) == (200, b"x" * 1000)
    assert response.headers["content-type"] == MEDIA


def test_body_of_another_media_type_is_refused(client):
    response = client.post("/echo", content=b"x", headers={"content-type": "application/json"})
    assert (response.status_code, code(response)) == (400, "malformed")


def test_body_with_too_large_a_stated_length_is_refused(client):
    response = client.post("/echo", content=b"x" * 1001, headers={"content-type": MEDIA})
    assert (response.status_code, code(response)) == (413, "too-large")
    assert response.headers["connection"] == "close"


@pytest.mark.parametrize("path", ["/echo", "/item", "/signed/a"])
def test_chunked_body_that_grows_too_large_is_refused(client, path):
    response = client.post(path, content=chunks(1100), headers={"content-type": MEDIA})
    assert (response.status_code, code(response)) == (413, "too-large")


def body_limit(client):
    middleware = client.app.middleware_stack
    while not isinstance(middleware, application._BodyLimit):
        middleware = middleware.app
    return middleware


def test_bodies_beyond_what_the_service_holds_at_one_time_are_put_off(client, monkeypatch):
    monkeypatch.setattr(application, "MAX_BYTES_IN_FLIGHT", 0)
    # The limit is never below one body, or a service could answer nothing at all.
    assert client.post("/echo", content=chunks(1000), headers={"content-type": MEDIA}).status_code == 200
    assert body_limit(client)._in_flight == 0
    body_limit(client)._in_flight = 1
    for content in (b"x" * 1000, chunks(1000)):
        response = client.post("/echo", content=content, headers={"content-type": MEDIA})
        assert (response.status_code, code(response)) == (503, "unavailable")
    assert body_limit(client)._in_flight == 1


def test_body_that_comes_too_slowly_is_refused_and_given_back(client, monkeypatch):
    monkeypatch.setattr(application, "MAX_BODY_TIME_S", 0.0)
    sent = []

    async def request():
        async def receive():
            await asyncio.Event().wait()

        async def send(message):
            sent.append(message)

        headers = [(b"content-type", MEDIA.encode()), (b"content-length", b"5")]
        scope = {"type": "http", "method": "POST", "path": "/echo", "headers": headers, "query_string": b""}
        await client.app(scope, receive, send)

    asyncio.run(request())
    assert sent[0]["status"] == 400
    assert (b"connection", b"close") in sent[0]["headers"]
    assert b"too slowly" in sent[1]["body"]
    assert body_limit(client)._in_flight == 0


def test_signed_request_reaches_the_handler_with_its_sender(client):
    auth = RequestAuth(KEY, "ab" * 16, "lab/example")
    response = client.post("/signed/a%20b", content=b"12", headers={"content-type": MEDIA}, auth=auth)
    assert response.json() == {"key_id": "ab" * 16, "size": 2}


def test_unsigned_request_and_request_with_query_are_refused(client):
    auth = RequestAuth(KEY, "ab" * 16, "lab/example")
    response = client.post("/signed/a", content=b"12", headers={"content-type": MEDIA})
    assert (response.status_code, code(response)) == (401, "authentication")
    response = client.post("/signed/a?x=1", content=b"12", headers={"content-type": MEDIA}, auth=auth)
    assert (response.status_code, code(response)) == (401, "authentication")
    assert "no query" in response.json()["detail"]


def test_errors_of_the_caller_are_told_and_others_are_not(client):
    quota = client.post("/fail/quota")
    assert (quota.status_code, code(quota), quota.json()["detail"]) == (429, "quota", "until noon")
    storage = client.post("/fail/storage")
    assert (storage.status_code, code(storage)) == (503, "storage")
    assert "disk" not in storage.text
    assert storage.headers["retry-after"] == "1"
    internal = client.post("/fail/other")
    assert (internal.status_code, code(internal)) == (500, "configuration")
    assert "secret" not in internal.text


def test_unexpected_error_is_answered_without_its_text(client):
    response = client.post("/fail/bug")
    assert (response.status_code, code(response)) == (500, "internal")
    assert "555" not in response.text


def test_json_that_does_not_fit_is_refused_without_repeating_it(client):
    response = client.post("/item", json={"number": "call 555"})
    assert (response.status_code, code(response)) == (400, "input")
    assert "body.number" in response.json()["detail"]
    assert "555" not in response.text


def test_unknown_address_and_method_are_problem_documents(client):
    assert code(client.get("/nowhere")) == "not-found"
    response = client.get("/echo")
    assert (response.status_code, code(response)) == (405, "request")
    assert response.headers["allow"] == "POST"


def test_health_and_readiness(client):
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/ready").json() == {"status": "ready"}
    client.app.state.switch["ready"] = False
    response = client.get("/ready")
    assert (response.status_code, code(response)) == (503, "not-ready")
    assert response.json()["detail"] == "not ready: database"
    assert client.get("/health").status_code == 200
