import httpx
import pytest

from trunkline.errors import AuthenticationError, ClockSkewError, ReplayError, StorageError
from trunkline.service.keys import IdentityKey
from trunkline.service.nonces import NONCE_LIFETIME_S, NonceStore
from trunkline.service.signatures import RequestAuth, RequestVerifier

NOW = 1_790_000_000.0
KEY = IdentityKey(bytes(range(32)))
KEY_ID = "0f" * 16
AUDIENCE = "lab/labels"


@pytest.fixture
def nonces(tmp_path):
    store = NonceStore(tmp_path / "nonces.sqlite")
    yield store
    store.close()


@pytest.fixture
def verifier(nonces):
    return RequestVerifier(AUDIENCE, {KEY_ID: KEY.public_key}.get, nonces, clock=lambda: NOW)


def signed(
    *,
    key=KEY,
    key_id=KEY_ID,
    audience=AUDIENCE,
    at=NOW,
    path="/v1/labels",
    body=b"body",
    media="application/x",
):
    headers = {} if media is None else {"content-type": media}
    request = httpx.Request(
        "POST" if body else "GET", f"https://a.example:1{path}", content=body, headers=headers
    )
    return RequestAuth(key, key_id, audience, clock=lambda: at)(request)


def check(verifier, request, *, method=None, path=None, body=None, headers=None):
    return verifier.verify(
        method or request.method,
        path or request.url.raw_path.decode(),
        request.headers if headers is None else headers,
        request.content if body is None else body,
    )


def test_signed_request_verifies_and_names_its_sender(verifier):
    assert check(verifier, signed()) == KEY_ID


def test_signed_request_has_the_protocols_components_and_parameters():
    request = signed()
    shape = request.headers["signature-input"]
    assert shape.startswith(
        'trunkline=("@method" "@path" "content-type" "content-digest" "trunkline-audience");'
        "created=1790000000;"
    )
    for parameter in (';nonce="', f';keyid="{KEY_ID}"', ';alg="ed25519"', ';tag="trunkline-v1"'):
        assert parameter in shape
    assert request.headers["content-digest"].startswith("sha-256=:")


def test_request_signed_again_has_another_nonce_and_still_verifies(verifier):
    request = signed()
    check(verifier, request)
    assert check(verifier, RequestAuth(KEY, KEY_ID, AUDIENCE, clock=lambda: NOW)(request)) == KEY_ID


def test_empty_signed_request_verifies_with_a_digest_of_nothing(verifier):
    assert check(verifier, signed(body=b"", media=None)) == KEY_ID


@pytest.mark.parametrize("at", [NOW - 60, NOW + 60])
def test_request_of_sixty_seconds_skew_is_accepted(verifier, at):
    assert check(verifier, signed(at=at)) == KEY_ID


@pytest.mark.parametrize(("at", "words"), [(NOW - 61, "61 s before"), (NOW + 75, "75 s after")])
def test_request_of_more_skew_is_refused_and_told_the_skew(verifier, at, words):
    with pytest.raises(ClockSkewError, match=words):
        check(verifier, signed(at=at))


def test_request_sent_twice_is_a_replay(verifier):
    request = signed()
    check(verifier, request)
    with pytest.raises(ReplayError, match="used before"):
        check(verifier, request)


def test_replay_is_seen_across_a_restart(tmp_path):
    request = signed()
    first = NonceStore(tmp_path / "n")
    check(RequestVerifier(AUDIENCE, lambda _: KEY.public_key, first, clock=lambda: NOW), request)
    first.close()
    second = NonceStore(tmp_path / "n")
    with pytest.raises(ReplayError, match="used before"):
        check(RequestVerifier(AUDIENCE, lambda _: KEY.public_key, second, clock=lambda: NOW), request)
    second.close()


def test_request_replayed_at_another_service_is_refused(nonces):
    other = RequestVerifier("lab/authorization", lambda _: KEY.public_key, nonces, clock=lambda: NOW)
    with pytest.raises(AuthenticationError, match="not for this service"):
        check(other, signed())


def test_audience_changed_after_signing_is_refused(nonces):
    other = RequestVerifier("lab/authorization", lambda _: KEY.public_key, nonces, clock=lambda: NOW)
    request = signed()
    request.headers["trunkline-audience"] = "lab/authorization"
    with pytest.raises(AuthenticationError, match="signature is missing, malformed or wrong"):
        check(other, request)


def test_request_signed_with_another_key_is_refused(verifier):
    with pytest.raises(AuthenticationError, match="wrong"):
        check(verifier, signed(key=IdentityKey.generate()))


def test_request_of_an_unknown_or_suspended_key_is_refused(verifier):
    with pytest.raises(AuthenticationError, match="unknown or suspended"):
        check(verifier, signed(key_id="aa" * 16))


def test_key_of_small_order_is_refused(nonces):
    # With the identity as a public key anybody could sign.
    weak = RequestVerifier(AUDIENCE, lambda _: b"\x01" + bytes(31), nonces, clock=lambda: NOW)
    with pytest.raises(AuthenticationError, match="unknown or suspended"):
        check(weak, signed())


@pytest.mark.parametrize(
    "change", [{"body": b"other"}, {"path": "/v1/join"}, {"method": "PUT"}], ids=["body", "path", "method"]
)
def test_request_changed_after_signing_is_refused(verifier, change):
    with pytest.raises(AuthenticationError, match="wrong, or its body was changed"):
        check(verifier, signed(), **change)


def test_media_type_changed_after_signing_is_refused(verifier):
    request = signed()
    request.headers["content-type"] = "application/y"
    with pytest.raises(AuthenticationError, match="wrong"):
        check(verifier, request)


@pytest.mark.parametrize("missing", ["signature", "signature-input", "content-digest"])
def test_request_without_a_field_of_the_signature_is_refused(verifier, missing):
    request = signed()
    del request.headers[missing]
    with pytest.raises(AuthenticationError, match="missing"):
        check(verifier, request)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (' "content-digest"', ""),
        ('"@method" "@path"', '"@path" "@method"'),
        (';tag="trunkline-v1"', ""),
        (';alg="ed25519"', ';alg="hmac-sha256"'),
        (";created=1790000000", ""),
        ("trunkline=(", "other=("),
        ('"@path"', '"@path";req'),
    ],
)
def test_signature_of_another_shape_is_refused(verifier, old, new):
    request = signed()
    assert old in request.headers["signature-input"]
    request.headers["signature-input"] = request.headers["signature-input"].replace(old, new)
    with pytest.raises(AuthenticationError, match="missing, malformed or wrong"):
        check(verifier, request)


def test_short_nonce_is_refused_even_when_signed(verifier, monkeypatch):
    monkeypatch.setattr("trunkline.service.signatures.secrets.token_urlsafe", lambda _: "QUJD")
    with pytest.raises(AuthenticationError, match="malformed"):
        check(verifier, signed())


def test_oversized_signature_fields_are_refused_before_they_are_parsed(verifier):
    request = signed()
    request.headers["signature"] += ", a=:" + "A" * 4000 + ":"
    with pytest.raises(AuthenticationError, match="too long"):
        check(verifier, request)


def test_nonce_of_a_forged_request_is_not_used_up(verifier):
    request = signed()
    with pytest.raises(AuthenticationError, match="wrong"):
        check(verifier, request, body=b"other")
    assert check(verifier, request) == KEY_ID


def test_nonces_are_forgotten_after_their_lifetime(tmp_path):
    store = NonceStore(tmp_path / "n")
    store.remember("a", "nonce", 1000.0)
    store.remember("b", "nonce", 1000.0)
    with pytest.raises(ReplayError, match="used before"):
        store.remember("a", "nonce", 1000.0 + NONCE_LIFETIME_S - 1)
    store.remember("a", "nonce", 1020.0 + NONCE_LIFETIME_S)
    store.close()


def test_nonce_store_on_an_unusable_path_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError, match="nonce store"):
        NonceStore(tmp_path / "none" / "n")


def test_nonce_that_cannot_be_stored_is_a_storage_error(tmp_path):
    store = NonceStore(tmp_path / "n")
    store.close()
    with pytest.raises(StorageError, match="cannot store"):
        store.remember("a", "nonce", 1.0)
