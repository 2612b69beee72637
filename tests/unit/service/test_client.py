import gzip
import json

import httpx
import pytest
import tenacity

from trunkline.errors import (
    AuthenticationError,
    ConfigurationError,
    DecodingError,
    QuotaError,
    RequestError,
    TooLargeError,
    UnavailableError,
)
from trunkline.service.client import ServiceClient
from trunkline.service.keys import IdentityKey
from trunkline.service.problems import problem_document
from trunkline.service.signatures import RequestAuth

URL = "https://labels.example:1"


@pytest.fixture
def waits(monkeypatch):
    """The waits between attempts, recorded in place of being waited."""
    recorded = []
    monkeypatch.setattr(tenacity.nap.time, "sleep", recorded.append)
    return recorded


def scripted(*answers, requests=None, **options):
    """A client whose service gives these answers, one a request; the last one again and again."""
    left = list(answers)

    def handle(request):
        if requests is not None:
            requests.append(request)
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer

    return ServiceClient(URL, transport=httpx.MockTransport(handle), **options)


def problem(error, **headers):
    status, own, content = problem_document(error)
    return lambda: httpx.Response(status, headers=own | headers, content=content)


def test_answer_has_status_content_and_media_type():
    answer = scripted(httpx.Response(202, json={"a": 1})).post("/x", b"1", "application/x")
    assert (answer.status, answer.media_type, answer.json()) == (202, "application/json", {"a": 1})


def test_failed_connections_and_outages_are_retried_and_each_attempt_is_signed_anew(waits):
    requests = []
    client = scripted(
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        lambda: httpx.Response(502),
        problem(UnavailableError("x")),
        lambda: httpx.Response(200, content=b"yes"),
        requests=requests,
        auth=RequestAuth(IdentityKey.generate(), "ab" * 16, "lab/labels"),
    )
    assert client.post("/x", b"1", "application/x").content == b"yes"
    assert len(requests) == 5
    assert len({request.headers["signature-input"] for request in requests}) == 5
    assert len(waits) == 4
    assert 1 <= waits[3] <= 5  # the service's Retry-After


def test_service_that_stays_away_is_named_after_the_last_attempt(waits):
    with pytest.raises(
        UnavailableError, match=r"labels\.example:1 is not available \(ConnectError\); tried 3 times"
    ):
        scripted(httpx.ConnectError("x"), attempts=3).get("/health")
    assert len(waits) == 2


def test_request_that_must_not_be_repeated_is_not_after_it_may_have_arrived(waits):
    requests = []
    client = scripted(httpx.ReadTimeout("x"), requests=requests)
    with pytest.raises(UnavailableError, match="may have done"):
        client.post("/x", b"1", "application/x", idempotent=False)
    assert len(requests) == 1
    with pytest.raises(UnavailableError, match="HTTP status 504"):
        scripted(lambda: httpx.Response(504), requests=requests).post("/x", b"1", "a/b", idempotent=False)
    assert len(requests) == 2
    client = scripted(
        httpx.ConnectError("x"),
        problem(UnavailableError("x")),
        lambda: httpx.Response(200),
        requests=requests,
    )
    assert client.post("/x", b"1", "application/x", idempotent=False).status == 200


def test_problem_document_is_raised_again_as_its_class(waits):
    with pytest.raises(AuthenticationError, match=r"labels\.example:1: bad signature"):
        scripted(problem(AuthenticationError("bad signature"))).post("/x", b"1", "application/x")
    assert waits == []


def test_used_up_quota_is_raised_at_once_unless_the_service_says_soon(waits):
    with pytest.raises(QuotaError, match="until noon"):
        scripted(problem(QuotaError("until noon"))).get("/x")
    assert waits == []
    with pytest.raises(QuotaError, match="until noon"):
        scripted(problem(QuotaError("until noon"), **{"retry-after": "2"}), attempts=2).get("/x")
    assert len(waits) == 1
    assert waits[0] >= 2


def test_unknown_code_and_hostile_text_become_a_plain_request_error():
    document = {"type": "urn:trunkline:error:new", "detail": "a\x1b[31mb" + "c" * 10_000}
    response = httpx.Response(
        400, headers={"content-type": "application/problem+json"}, content=json.dumps(document).encode()
    )
    with pytest.raises(RequestError, match=r"a\[31mb") as caught:
        scripted(response).get("/x")
    assert type(caught.value) is RequestError
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("content", [b"no json", b"[1]", b"[" * 100_000])
def test_error_without_a_usable_problem_document_is_told_by_its_status(content):
    response = httpx.Response(404, headers={"content-type": "application/problem+json"}, content=content)
    with pytest.raises(RequestError, match="HTTP status 404"):
        scripted(response).get("/x")


def test_redirect_is_not_followed():
    with pytest.raises(RequestError, match="HTTP status 302"):
        scripted(httpx.Response(302, headers={"location": "https://elsewhere.example"})).get("/x")


def test_oversized_answer_is_refused():
    assert scripted(httpx.Response(200, content=b"x" * 10), max_answer=10).get("/x").content == b"x" * 10
    with pytest.raises(TooLargeError, match="more than 10 bytes"):
        scripted(httpx.Response(200, content=b"x" * 11), max_answer=10).get("/x")


def test_compressed_answer_is_refused():
    packed = httpx.Response(200, content=gzip.compress(b"x"), headers={"content-encoding": "gzip"})
    with pytest.raises(UnavailableError, match="unusable"):
        scripted(packed).get("/x")


@pytest.mark.parametrize(
    ("content", "media"), [(b"{", "application/json"), (b"[]", "application/json"), (b"{}", "text/html")]
)
def test_answer_that_is_no_json_object_is_a_decoding_error(content, media):
    answer = scripted(httpx.Response(200, content=content, headers={"content-type": media})).get("/x")
    with pytest.raises(DecodingError, match="not"):
        answer.json()


def test_requests_carry_uniform_headers_and_no_cookies():
    requests = []
    client = scripted(httpx.Response(200, headers={"set-cookie": "a=b"}), requests=requests)
    client.post("/x", b"1", "application/x")
    client.post("/x", b"1", "application/x")
    assert "cookie" not in requests[1].headers
    assert requests[1].headers["user-agent"] == "trunkline"


def test_unusable_certificate_file_and_proxy_are_configuration_errors(tmp_path):
    (tmp_path / "bad.pem").write_text("nothing")
    for path in (tmp_path / "bad.pem", tmp_path / "none.pem"):
        with pytest.raises(ConfigurationError, match="certificate authority"):
            ServiceClient(URL, ca_file=path)
    with pytest.raises(ConfigurationError, match="proxy"):
        ServiceClient(URL, proxy="gopher://x")


def several(answers, requests, **options):
    """A client of servers a, b, c; `answers` gives each one's, by its letter."""

    def handle(request):
        server = request.url.host[0]
        requests.append((server, request))
        answer = answers[server]
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer

    urls = [f"https://{name}.example" for name in "abc"]
    return ServiceClient(urls, transport=httpx.MockTransport(handle), **options)


def hosts(requests):
    return [server for server, _ in requests]


def test_dead_and_unavailable_servers_are_passed_over_at_once_and_each_attempt_is_signed_anew(waits):
    requests = []
    down = {"a": httpx.ConnectError("refused"), "b": problem(UnavailableError("x")), "c": httpx.Response(200)}
    client = several(down, requests, auth=RequestAuth(IdentityKey.generate(), "0" * 32, "d/labels"))
    client.post("/x", b"1", "application/x")
    while "a" not in hosts(requests) or "b" not in hosts(requests):
        # Which one is first is drawn.
        requests.clear()
        client = several(down, requests, auth=RequestAuth(IdentityKey.generate(), "0" * 32, "d/labels"))
        client.post("/x", b"1", "application/x")
    assert hosts(requests)[-1] == "c"
    assert set(waits) <= {0.0}
    assert len({request.headers["signature"] for _, request in requests}) == len(requests)
    requests.clear()
    client.post("/x", b"1", "application/x")
    assert hosts(requests) == ["c"], "the server that answered is remembered"


def test_attempts_are_bounded_over_all_servers_and_wait_once_each_was_tried(waits):
    requests = []
    down = dict.fromkeys("abc", httpx.ConnectError("refused"))
    with pytest.raises(UnavailableError, match="tried 5 times at 3 servers"):
        several(down, requests).post("/x", b"1", "application/x")
    assert len(requests) == 5
    assert set(hosts(requests[:3])) == set("abc")
    assert waits[:2] == [0.0, 0.0]
    assert all(wait > 0 for wait in waits[2:])


def test_refusal_by_one_server_is_not_asked_of_another(waits):
    # A quota, or a signature that is wrong, is the same at all of them.
    requests = []
    refusing = dict.fromkeys("abc", problem(QuotaError("none left")))
    with pytest.raises(QuotaError, match="none left"):
        several(refusing, requests).post("/x", b"1", "application/x")
    assert len(requests) == 1


def test_request_that_may_have_arrived_is_not_given_to_another_server_unless_it_may_be_repeated(waits):
    requests = []
    silent = dict.fromkeys("abc", httpx.ReadTimeout("silence"))
    with pytest.raises(UnavailableError, match="may have done"):
        several(silent, requests).post("/x", b"1", "application/x", idempotent=False)
    assert len(requests) == 1


def test_fresh_connections_do_not_keep_to_one_server(waits):
    # The servers are one party; a contributor that kept to one of them would stand out of a smaller crowd.
    requests = []
    client = several(dict.fromkeys("abc", httpx.Response(200)), requests, fresh_connections=True)
    for _ in range(100):
        client.post("/x", b"1", "application/x")
    assert set(hosts(requests)) == set("abc")
