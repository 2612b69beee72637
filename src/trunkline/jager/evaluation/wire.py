"""Bytes of the protocol's requests and answers with HTTP and TLS, from the code that sends them.

Messages are encoded by their own classes, requests are made and signed by `ServiceClient`, and all of it goes
through TLS in memory with a certificate as local deployments have it. The chain of a public certificate
authority is 2 to 4 kB longer, on every new connection. Not included are the headers of TCP and IP.
"""

import os
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from trunkline.jager.messages.authorization import GRANT_SIZE, LABEL_SIGNATURE_SIZE
from trunkline.jager.messages.contribution import CONTRIBUTION_TYPE, RECEIPT_TYPE, Contribution, Receipt
from trunkline.jager.messages.labels import (
    ELEMENT_SIZE,
    LABEL_REQUEST_TYPE,
    LABEL_RESPONSE_TYPE,
    PROOF_SIZE,
    EvaluatedPart,
    LabelPart,
    LabelRequest,
    LabelResponse,
)
from trunkline.jager.messages.record import RECORD_ID_SIZE, RECORD_SIZE, RecordKey
from trunkline.service.application import binary
from trunkline.service.client import ServiceClient
from trunkline.service.keys import IdentityKey
from trunkline.service.signatures import RequestAuth
from trunkline.service.tls import create_local_authority, issue_certificate

_KID_SIZE = 16
_NAME = "service.invalid"
_DATE = ("date", "Sun, 22 Nov 2026 00:00:00 GMT")
_READ = 1 << 16


@dataclass(frozen=True, slots=True)
class Exchange:
    """Bytes of one request and its answer.

    Attributes:
        up: From the client to the service.
        down: From the service to the client.
    """

    up: int
    down: int

    @property
    def both(self) -> int:
        """In both directions."""
        return self.up + self.down


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a new TLS connection costs before the request.

    Attributes:
        size: Its bytes.
        client_us: Microseconds of the client's processor.
        server_us: Microseconds of the service's processor.
    """

    size: Exchange
    client_us: float
    server_us: float


def label_exchange(batch: int) -> Exchange:
    """Return the bytes of a signed label request for one key, on a connection that is open already."""
    kid = os.urandom(_KID_SIZE)
    elements = os.urandom(batch * ELEMENT_SIZE)
    request = LabelRequest((LabelPart(kid, elements),)).encode()
    response = LabelResponse((EvaluatedPart(kid, elements, os.urandom(PROOF_SIZE)),)).encode()
    auth = RequestAuth(IdentityKey.generate(), os.urandom(16).hex(), "deployment/labels")
    up = _request("/v1/labels", request, LABEL_REQUEST_TYPE, auth)
    down = _response(response, LABEL_RESPONSE_TYPE)
    with _Tls() as tls:
        tls.connect()
        return tls.exchange(up, down)


def contribution_exchange(batch: int) -> Exchange:
    """Return the bytes of a contribution and its receipt over a connection of their own."""
    contribution = Contribution(os.urandom(batch * RECORD_SIZE)).encode()
    keys = sorted(RecordKey(os.urandom(32), 0, os.urandom(RECORD_ID_SIZE)) for _ in range(batch))
    receipt = Receipt(os.urandom(32), os.urandom(16), 0, tuple(keys)).encode()
    up = _request("/v1/contributions", contribution, CONTRIBUTION_TYPE, None)
    down = _response(receipt, RECEIPT_TYPE)
    with _Tls() as tls:
        handshake = tls.connect().size
        sent = tls.exchange(up, down)
    return Exchange(handshake.up + sent.up, handshake.down + sent.down)


def measure_handshake(rounds: int) -> Handshake:
    """Measures new connections; the fastest of the rounds counts."""
    with _Tls() as tls:
        handshakes = [tls.connect() for _ in range(rounds)]
    return Handshake(
        handshakes[0].size,
        min(one.client_us for one in handshakes),
        min(one.server_us for one in handshakes),
    )


def trace_bytes(labels: int, records: int) -> int:
    """Return the bytes of a trace's messages to and from authorization authority and store, as encoded.

    A trace is rare enough that its headers do not matter.
    """
    authorization = labels * (_KID_SIZE + 64) + labels * LABEL_SIGNATURE_SIZE + GRANT_SIZE
    retrieval = labels * 32 + GRANT_SIZE + labels * 36 + records * (4 + RECORD_SIZE)
    return authorization + retrieval


def _request(path: str, body: bytes, media_type: str, auth: RequestAuth | None) -> bytes:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200)

    client = ServiceClient(f"https://{_NAME}:8443", auth=auth, transport=httpx.MockTransport(answer))
    try:
        client.post(path, body, media_type)
    finally:
        client.close()
    head = f"POST {path} HTTP/1.1\r\n".encode()
    return head + _fields(sent[0].headers.raw) + body


def _response(body: bytes, media_type: str) -> bytes:
    fields = [*binary(body, media_type).raw_headers, (_DATE[0].encode(), _DATE[1].encode())]
    return b"HTTP/1.1 200 OK\r\n" + _fields(fields) + body


def _fields(fields: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(name + b": " + value + b"\r\n" for name, value in fields) + b"\r\n"


class _Tls:
    """A client and a service that are connected in memory; counts what passes between them."""

    def __enter__(self) -> "_Tls":
        self._folder = TemporaryDirectory()
        folder = Path(self._folder.name)
        certificate = create_local_authority(folder)
        files = issue_certificate(folder, "service", [_NAME], folder / "service")
        self._client_context = ssl.create_default_context(cafile=str(certificate))
        self._server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._server_context.load_cert_chain(files.certificate, files.key)
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def connect(self) -> Handshake:
        """Opens a new connection."""
        self._up = self._down = 0
        self._to_client, self._from_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._to_server, self._from_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._client = self._client_context.wrap_bio(
            self._to_client, self._from_client, server_hostname=_NAME
        )
        self._server = self._server_context.wrap_bio(self._to_server, self._from_server, server_side=True)
        client_us = server_us = 0.0
        client_done = server_done = False
        while not (client_done and server_done):
            client_done, taken = _shake(self._client)
            client_us += taken
            self._pump()
            server_done, taken = _shake(self._server)
            server_us += taken
            self._pump()
        return Handshake(Exchange(self._up, self._down), client_us, server_us)

    def exchange(self, request: bytes, response: bytes) -> Exchange:
        """Sends a request and its answer over the connection that was opened last."""
        before = self._up, self._down
        self._client.write(request)
        self._pump()
        _read(self._server, len(request))
        self._server.write(response)
        self._pump()
        _read(self._client, len(response))
        return Exchange(self._up - before[0], self._down - before[1])

    def _pump(self) -> None:
        up, down = self._from_client.read(), self._from_server.read()
        self._to_server.write(up)
        self._to_client.write(down)
        self._up += len(up)
        self._down += len(down)


def _shake(side: ssl.SSLObject) -> tuple[bool, float]:
    began = time.process_time()
    try:
        side.do_handshake()
        done = True
    except ssl.SSLWantReadError:
        done = False
    return done, (time.process_time() - began) * 1e6


def _read(side: ssl.SSLObject, size: int) -> None:
    while size:
        size -= len(side.read(_READ))
