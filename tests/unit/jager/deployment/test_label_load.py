"""The load of `trunkline bench labels` believes no server: neither its sizes nor its proofs."""

import http.server
import ssl
import threading
from contextlib import contextmanager

import pytest

from trunkline.crypto.oprf import LabelKey
from trunkline.errors import DecodingError, ProofError, UnavailableError
from trunkline.jager.deployment.label_load import LabelLoad, ready_batches
from trunkline.jager.messages.labels import EvaluatedPart, LabelRequest, LabelResponse
from trunkline.service.keys import IdentityKey
from trunkline.service.signatures import RequestAuth
from trunkline.service.tls import AUTHORITY_CERTIFICATE, create_local_authority, issue_certificate

KEY = LabelKey.generate()


def evaluated(body, key=KEY):
    (part,) = LabelRequest.decode(body).parts
    return LabelResponse((EvaluatedPart(part.kid, *key.evaluate_batch(part.elements)),)).encode()


@pytest.fixture
def load_of(tmp_path):
    """Sends to a server that answers as a function says; the function gives status and body."""
    create_local_authority(tmp_path / "ca")
    tls = issue_certificate(tmp_path / "ca", "labels", ["127.0.0.1"], tmp_path / "server")

    @contextmanager
    def serving(answer):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                status, content = answer(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.certificate, tls.key)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            thread = threading.Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            try:
                yield LabelLoad(
                    server.server_address[1],
                    tmp_path / "ca" / AUTHORITY_CERTIFICATE,
                    RequestAuth(IdentityKey.generate(), "0" * 32, "d/labels"),
                    ready_batches(b"k" * 16, KEY.public_key, 3, 4),
                    2,
                )
            finally:
                server.shutdown()
                thread.join()

    return serving


def test_answers_are_counted_and_their_proofs_checked(load_of):
    with load_of(lambda body: (200, evaluated(body))) as load:
        result = load.run(0.05, lambda _seconds: None)
        assert result.labels >= 8
        assert result.labels % 4 == 0
        assert result.seconds >= 0.05
        assert load.check_answers() >= 2


def test_refusal_ends_the_load(load_of):
    with (
        load_of(lambda _body: (429, b"none left")) as load,
        pytest.raises(UnavailableError, match="none left"),
    ):
        load.run(0.05, lambda _seconds: None)


def test_answer_of_another_size_ends_the_load(load_of):
    with (
        load_of(lambda body: (200, evaluated(body)[:-1])) as load,
        pytest.raises(DecodingError, match="size"),
    ):
        load.run(0.05, lambda _seconds: None)


def test_answer_under_another_key_is_found_afterwards(load_of):
    other = LabelKey.generate()
    with load_of(lambda body: (200, evaluated(body, other))) as load:
        load.run(0.05, lambda _seconds: None)
        with pytest.raises(ProofError, match="proof does not show"):
            load.check_answers()


def test_load_without_answers_has_nothing_to_check(load_of):
    with load_of(lambda body: (200, evaluated(body))) as load, pytest.raises(DecodingError, match="nothing"):
        load.check_answers()
