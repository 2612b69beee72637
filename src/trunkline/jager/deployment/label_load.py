"""A load for a label server: ready batches of blinded elements on several connections, each signed anew.

What carriers run does more for a request than this: it blinds, checks proofs and unblinds. Here the server is
to be measured and not its clients, so the batches are made beforehand and the answers checked afterwards.
"""

import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx

from trunkline.crypto.oprf import Blinding, LabelClient
from trunkline.errors import DecodingError, UnavailableError
from trunkline.jager.messages.labels import (
    LABEL_REQUEST_TYPE,
    PROOF_SIZE,
    LabelPart,
    LabelRequest,
    LabelResponse,
)
from trunkline.service.signatures import RequestAuth

PATH = "/v1/labels"
_INPUT_SIZE = 64
_CHECKED = 8
_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class ReadyBatch:
    """A label request that can be sent again and again.

    Attributes:
        request: The request.
        body: It, encoded.
        blinding: What turns an answer into labels.
    """

    request: LabelRequest
    body: bytes
    blinding: Blinding


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What a load has shown.

    Attributes:
        labels: How many labels were answered.
        seconds: In what time.
        client_cpu_s: Processor time that this process used for it.
    """

    labels: int
    seconds: float
    client_cpu_s: float


def ready_batches(kid: bytes, public_key: bytes, count: int, size: int) -> list[ReadyBatch]:
    """Blind so many batches of random inputs, all distinct."""
    client = LabelClient(public_key)
    batches = []
    for _ in range(count):
        blinding = client.blind_batch([os.urandom(_INPUT_SIZE) for _ in range(size)])
        request = LabelRequest((LabelPart(kid, blinding.elements),))
        batches.append(ReadyBatch(request, request.encode(), blinding))
    return batches


class LabelLoad:
    """Sends ready batches to one label server, as fast as it answers.

    Args:
        port: Where the server listens on 127.0.0.1.
        ca_file: The certificates to trust.
        auth: Signs each request.
        batches: What is sent, in turn.
        connections: How many requests are under way at a time, each on a connection that is kept.
    """

    def __init__(
        self,
        port: int,
        ca_file: Path,
        auth: RequestAuth,
        batches: Sequence[ReadyBatch],
        connections: int,
    ) -> None:
        self._port = port
        self._trust = ssl.create_default_context(cafile=str(ca_file))
        self._auth = auth
        self._batches = batches
        self._connections = connections
        self._lock = threading.Lock()
        self._next = 0
        self._answers: dict[int, bytes] = {}

    def run(self, seconds: float, step: Callable[[float], None]) -> LoadResult:
        """Send for some seconds; every answer's size is checked.

        Args:
            seconds: How long new requests are begun; each connection sends one at least.
            step: Is told now and then how many seconds have passed.

        Raises:
            UnavailableError: The server refused a request or closed a connection.
        """
        cpu = time.process_time()
        began = time.monotonic()
        until = began + seconds
        with ThreadPoolExecutor(self._connections) as pool:
            senders = [pool.submit(self._send_until, until) for _ in range(self._connections)]
            while not all(sender.done() for sender in senders):
                step(min(time.monotonic() - began, seconds))
                time.sleep(0.25)
            labels = sum(sender.result() for sender in senders)
        return LoadResult(labels, time.monotonic() - began, time.process_time() - cpu)

    def check_answers(self) -> int:
        """Check the proofs of the last answers to some of the batches, and unblind them; return how many.

        Raises:
            ProofError: An answer was not made with the published key.
            DecodingError: An answer is none to its request.
        """
        for number, answer in self._answers.items():
            batch = self._batches[number]
            response = LabelResponse.decode(answer)
            response.check_answers(batch.request)
            (part,) = response.parts
            batch.blinding.finalize(part.elements, part.proof)
        if not self._answers:
            raise DecodingError("the label server answered nothing that could be checked")
        return len(self._answers)

    def _send_until(self, until: float) -> int:
        labels = 0
        with _Connection(self._port, self._trust, self._auth) as connection:
            while True:
                with self._lock:
                    number = self._next % len(self._batches)
                    self._next += 1
                batch = self._batches[number]
                answer = connection.post(batch.body)
                # Of one part: what the request has, and the proof.
                if len(answer) != len(batch.body) + PROOF_SIZE:
                    raise DecodingError("a label answer has another size than its request asks for")
                labels += batch.request.count
                if number < _CHECKED:
                    self._answers[number] = answer
                if time.monotonic() >= until:
                    return labels


class _Connection:
    """One kept connection, with as little of HTTP as its only use needs."""

    def __init__(self, port: int, trust: ssl.SSLContext, auth: RequestAuth) -> None:
        self._auth = auth
        self._url = f"https://127.0.0.1:{port}{PATH}"
        plain = socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = trust.wrap_socket(plain, server_hostname="127.0.0.1")
        self._answers = self._socket.makefile("rb")

    def __enter__(self) -> "_Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self._answers.close()
        self._socket.close()

    def post(self, body: bytes) -> bytes:
        """Send a request, and return the body of its answer.

        Raises:
            UnavailableError: The status is not 200, or the connection was closed.
        """
        request = self._auth(
            httpx.Request("POST", self._url, content=body, headers={"content-type": LABEL_REQUEST_TYPE})
        )
        fields = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        self._socket.sendall(f"POST {PATH} HTTP/1.1\r\n{fields}\r\n".encode() + body)
        status = self._answers.readline().split()
        length = 0
        while (line := self._answers.readline()).strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        content = self._answers.read(length)
        if status[1:2] != [b"200"]:
            raise UnavailableError(f"the label server did not answer but said {content[:300]!r}")
        return content
