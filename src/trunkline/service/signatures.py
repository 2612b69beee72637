"""Signed requests: HTTP message signatures (RFC 9421) exactly as docs/protocol.md, section 6, fixes them."""

import base64
import datetime
import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import (
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    InvalidSignature,
)
from http_message_signatures.algorithms import ED25519
from http_message_signatures.exceptions import HTTPMessageSignaturesException

from trunkline.crypto.ed25519 import check_public_key
from trunkline.errors import AuthenticationError, ClockSkewError, DecodingError, PointError
from trunkline.service.clock import Clock
from trunkline.service.keys import IdentityKey
from trunkline.service.nonces import Nonces

if TYPE_CHECKING:
    import httpx

MAX_SKEW_S = 60
AUDIENCE_HEADER = "trunkline-audience"

_LABEL = "trunkline"
_TAG = "trunkline-v1"
_COMPONENTS = ("@method", "@path", "content-type", "content-digest", AUDIENCE_HEADER)
_COVERED = "(" + " ".join(f'"{name}"' for name in _COMPONENTS) + ")"
_PARAMETERS = frozenset({"created", "nonce", "keyid", "alg", "tag"})
_NONCE_SIZE = 16
_MAX_NONCE_TEXT = 128
_MAX_SIGNATURE_HEADER = 2048
# The media type is covered, so a request without a body needs one too.
_EMPTY_BODY_TYPE = "application/octet-stream"
# "@path" is all that is covered of the address; the library wants a whole URL to take it from.
_ANY_ORIGIN = "https://service.invalid"


class RequestAuth:
    """Signs the requests of an httpx client, each with its own time and nonce.

    It is given to the client as its `auth`. It takes a request with its body at hand and gives it back
    signed; it is no subclass of `httpx.Auth`, so that services which only verify need not load httpx.
    """

    def __init__(self, key: IdentityKey, key_id: str, audience: str, clock: Clock = time.time) -> None:
        """Prepare signing.

        Args:
            key: The sender's identity key.
            key_id: The sender's provider id in hex.
            audience: The service the requests are for, such as `DEPLOYMENT/labels`.
            clock: The time of signing.
        """
        self._key = key
        self._key_id = key_id
        self._audience = audience
        self._clock = clock

    def __call__(self, request: "httpx.Request") -> "httpx.Request":
        """Sign one request, replacing an earlier signature.

        What is covered never varies, so its signature base is written down here: the library that verifies
        takes ten times as long to derive it, with every request of a label schedule.
        """
        headers = request.headers
        headers.setdefault("content-type", _EMPTY_BODY_TYPE)
        headers[AUDIENCE_HEADER] = self._audience
        headers["content-digest"] = f"sha-256=:{_base64(hashlib.sha256(request.content).digest())}:"
        path = request.url.raw_path.partition(b"?")[0].decode("ascii")
        values = (request.method, path, *(headers[name].strip() for name in _COMPONENTS[2:]))
        parameters = (
            f'{_COVERED};created={int(self._clock())};keyid="{self._key_id}";alg="ed25519"'
            f';nonce="{secrets.token_urlsafe(_NONCE_SIZE)}";tag="{_TAG}"'
        )
        lines = [f'"{name}": {value}' for name, value in zip(_COMPONENTS, values, strict=True)]
        base = "\n".join([*lines, f'"@signature-params": {parameters}'])
        headers["signature-input"] = f"{_LABEL}={parameters}"
        headers["signature"] = f"{_LABEL}=:{_base64(self._key.sign_request(base.encode()))}:"
        return request


class RequestVerifier:
    """Checks the signatures of requests to one service."""

    def __init__(
        self,
        audience: str,
        key_of: Callable[[str], bytes | None],
        nonces: Nonces,
        clock: Clock = time.time,
    ) -> None:
        """Prepare verification.

        Args:
            audience: This service's own name, which requests must be meant for.
            key_of: Gives the Ed25519 key of a key id, or None if it is unknown or suspended.
            nonces: Where used nonces are kept; two services never share one.
            clock: This service's time.
        """
        self._audience = audience
        self._key_of = key_of
        self._nonces = nonces
        self._clock = clock

    def verify(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> str:
        """Verify a request; the checks, in this order.

        1. It is meant for this service.
        2. There is one signature of ours, over exactly our components, with exactly our parameters.
        3. It was made within 60 s of this clock.
        4. The key is one of an active party.
        5. The signature is right.
        6. The body has the digest that was signed.
        7. The nonce is new. Only nonces of authentic requests are stored, so nobody can use up another's.

        Args:
            method: The request's method in upper case.
            path: The encoded path as it stood in the request line, without a query.
            headers: All header fields.
            body: The whole body.

        Returns:
            The key id of the sender.

        Raises:
            AuthenticationError: Any of the checks fails; `ClockSkewError` and `ReplayError` for 3 and 7.
            StorageError: The nonce cannot be stored.
        """
        # 1
        if headers.get(AUDIENCE_HEADER) != self._audience:
            raise AuthenticationError(f"the request is not for this service, which is {self._audience}")
        if any(
            len(headers.get(name, "")) > _MAX_SIGNATURE_HEADER for name in ("signature", "signature-input")
        ):
            raise AuthenticationError("the request's signature fields are too long")
        keys = _KeyResolver(self._key_of)
        now = self._clock()
        verifier = _Verifier(now, keys)
        try:  # 2 to 5 in the order of the library: shape, time, key, signature
            result = verifier.verify(
                _Message(method, _ANY_ORIGIN + path, headers), expect_tag=_TAG, expect_label=_LABEL
            )[0]
            verifier.content_digest_class.verify_components(result.covered_components, body)  # 6
        except (InvalidSignature, HTTPMessageSignaturesException) as error:
            if keys.unknown:
                raise AuthenticationError(
                    "the request's key is unknown or suspended; ask the registry about its status"
                ) from error
            raise AuthenticationError(
                "the request's signature is missing, malformed or wrong, or its body was changed"
            ) from error
        key_id = str(result.parameters["keyid"])
        self._nonces.remember(key_id, str(result.parameters["nonce"]), now)  # 7
        return key_id


@dataclass(frozen=True)
class _Message:
    method: str
    url: str
    headers: Mapping[str, str]


class _KeyResolver(HTTPSignatureKeyResolver):
    """Looks up one request's key, and remembers whether that was what failed."""

    def __init__(self, key_of: Callable[[str], bytes | None]) -> None:
        self._key_of = key_of
        self.unknown = False

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey | None:
        key = self._key_of(key_id)
        if key is not None:
            try:
                check_public_key(key)
                return Ed25519PublicKey.from_public_bytes(key)
            except (DecodingError, PointError, ValueError):
                key = None
        self.unknown = True
        return key


class _Verifier(HTTPMessageVerifier):
    """The library's verifier with our clock, our components and our parameters."""

    def __init__(self, now: float, keys: _KeyResolver) -> None:
        super().__init__(signature_algorithm=ED25519, key_resolver=keys)
        self._now = now

    def validate_created_and_expires(self, sig_input: Any, max_age: datetime.timedelta | None = None) -> None:
        parameters = sig_input.params
        if tuple(item.value for item in sig_input) != _COMPONENTS or any(item.params for item in sig_input):
            raise InvalidSignature("other components are covered")
        if set(parameters) != _PARAMETERS:
            raise InvalidSignature("other parameters are given")
        nonce = str(parameters["nonce"])
        if len(nonce) > _MAX_NONCE_TEXT or len(_decode_nonce(nonce)) < _NONCE_SIZE:
            raise InvalidSignature("the nonce has another length")
        skew = int(parameters["created"]) - self._now
        if abs(skew) > MAX_SKEW_S:
            side = "after" if skew > 0 else "before"
            raise ClockSkewError(
                f"the request was signed {abs(skew):.0f} s {side} the time of this clock; "
                f"at most {MAX_SKEW_S} s are allowed: set the clock"
            )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decode_nonce(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise InvalidSignature("the nonce is not base64url") from error
