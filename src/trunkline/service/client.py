"""The client of other parties' services: bounded retries, each signed anew, answers of limited size.

A service may have several servers; what one of them does not answer is asked of the next.
"""

import http.cookiejar
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import structlog
import tenacity

from trunkline.errors import (
    ConfigurationError,
    DecodingError,
    TooLargeError,
    TrunklineError,
    UnavailableError,
)
from trunkline.service.problems import error_from_problem
from trunkline.service.server_list import Servers

JSON = "application/json"

_MAX_ANSWER = 16 * 1024 * 1024
_IDLE_S = 25.0
_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 5.0
_RETRIED_STATUS = frozenset({502, 503, 504})
_TOO_MANY_REQUESTS = 429
# The same in every deployment and release: a header must not tell contributors apart.
_HEADERS = {"user-agent": "trunkline", "accept": "*/*", "accept-encoding": "identity"}

_logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Answer:
    """A service's answer with a status below 400."""

    status: int
    content: bytes
    media_type: str

    def json(self) -> dict[str, Any]:
        """Return the JSON object in the body.

        Raises:
            DecodingError: The body is no JSON object.
        """
        try:
            value = json.loads(self.content)
        except (ValueError, RecursionError) as error:
            raise DecodingError("the service's answer is not JSON") from error
        if self.media_type != JSON or not isinstance(value, dict):
            raise DecodingError("the service's answer is not a JSON object")
        return value


class ServiceClient:
    """Requests to one service. Safe to share between threads; connections are kept and used again.

    Failed connections, timeouts and the statuses 502, 503, 504 are retried: at once at another server if
    there is one that was not tried, else with exponential waits and jitter. 429 is retried when the service
    says that the wait is short. Redirects are not followed, and cookies and the environment's proxy settings
    are not used.
    """

    def __init__(
        self,
        base_url: str | Sequence[str],
        *,
        auth: Callable[[httpx.Request], httpx.Request] | None = None,
        ca_file: Path | None = None,
        timeout_s: float = 10.0,
        attempts: int = 5,
        proxy: str | None = None,
        fresh_connections: bool = False,
        max_answer: int = _MAX_ANSWER,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Prepare a client; nothing is sent yet.

        Args:
            base_url: The service's address, `https://host:port`, or those of its servers: they share what
                they know of nonces and quotas, so that a request counts once whichever answers.
            auth: Signs each request, usually a `RequestAuth`.
            ca_file: PEM file of the certificate authority to trust instead of the public ones.
            timeout_s: Limit for connecting and for each read and write; a whole answer may take twice that.
            attempts: How often a request is tried in all, whichever server.
            proxy: `http://` or `socks5h://` address of a proxy.
            fresh_connections: Use a new connection for each request, without TLS resumption, so that the
                service cannot tell that two requests have one sender.
            max_answer: The most bytes of an answer that are read.
            transport: Carries the requests in place of the network, as tests do.

        Raises:
            ConfigurationError: The certificate file or the proxy address cannot be used.
        """
        urls = (base_url,) if isinstance(base_url, str) else tuple(base_url)
        self._name = urls[0].rstrip("/")
        self._servers = Servers(urls, keep=not fresh_connections)
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._max_answer = max_answer
        no_cookies = http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        try:
            self._client = httpx.Client(
                auth=auth,
                verify=_trust(ca_file) if any(url.startswith("https:") for url in urls) else False,
                timeout=timeout_s,
                proxy=proxy,
                trust_env=False,
                headers=_HEADERS,
                cookies=no_cookies,
                limits=httpx.Limits(
                    max_keepalive_connections=0 if fresh_connections else 8, keepalive_expiry=_IDLE_S
                ),
                transport=transport,
            )
        except ValueError as error:
            raise ConfigurationError(f"the proxy address for {self._name} cannot be used: {error}") from error

    def post(self, path: str, body: bytes, media_type: str, *, idempotent: bool = True) -> Answer:
        """Send a body and return the answer.

        Args:
            path: Path of the resource, beginning with a slash.
            body: The bytes to send.
            media_type: Their media type.
            idempotent: Whether the service may be asked twice. If not, a request that may have reached it
                is not repeated.

        Raises:
            UnavailableError: No usable answer after all attempts; the message names the service.
            TrunklineError: The class that the service's problem document names.
        """
        return self._send("POST", path, body, {"content-type": media_type}, None, idempotent)

    def post_json(self, path: str, value: Mapping[str, Any], *, idempotent: bool = True) -> dict[str, Any]:
        """Send a JSON object and return the JSON object of the answer; raises as `post` does."""
        body = json.dumps(value, separators=(",", ":")).encode()
        return self.post(path, body, JSON, idempotent=idempotent).json()

    def get(self, path: str, params: Mapping[str, str | int] | None = None) -> Answer:
        """Fetch a resource; raises as `post` does. Signed requests take no params."""
        return self._send("GET", path, b"", {}, params, idempotent=True)

    def close(self) -> None:
        """Close the connections; the client cannot be used afterwards."""
        self._client.close()

    def _send(
        self,
        method: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        params: Mapping[str, str | int] | None,
        idempotent: bool,
    ) -> Answer:
        tried: list[str] = []
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self._attempts),
            wait=_wait,
            retry=tenacity.retry_if_exception_type(_TransientError),
            reraise=True,
        )
        try:
            return retrying(self._send_to_one, tried, method, path, body, headers, params, idempotent)
        except _TransientError as failure:
            _logger.warning("service unavailable", attempts=self._attempts, reason=failure.reason)
            if failure.problem is not None:
                raise failure.problem from failure
            servers = "" if len(self._servers) == 1 else f" at {len(self._servers)} servers"
            raise UnavailableError(
                f"{self._name} is not available ({failure.reason}); tried {self._attempts} times{servers}"
            ) from failure

    def _send_to_one(
        self,
        tried: list[str],
        method: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        params: Mapping[str, str | int] | None,
        idempotent: bool,
    ) -> Answer:
        server = self._servers.choose(tried)
        tried.append(server)
        try:
            return self._send_once(method, server + path, body, headers, params, idempotent)
        except _TransientError as failure:
            # A quota is the same at all servers; no other one is to be troubled for it.
            if failure.problem is None:
                self._servers.failed(server)
                failure.others_left = len(set(tried)) < len(self._servers)
            raise

    def _send_once(
        self,
        method: str,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        params: Mapping[str, str | int] | None,
        idempotent: bool,
    ) -> Answer:
        request = self._client.build_request(method, url, content=body, headers=headers, params=params)
        try:
            # The client's auth signs inside send(), so each attempt has a nonce and a time of its own.
            response = self._client.send(request, stream=True)
            try:
                content = self._read(response)
            finally:
                response.close()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            raise _TransientError(type(error).__name__) from error
        except httpx.TransportError as error:
            if not idempotent:
                raise UnavailableError(
                    f"{self._name} did not answer ({type(error).__name__}); it may have done what was asked"
                ) from error
            raise _TransientError(type(error).__name__) from error
        except httpx.HTTPError as error:
            raise UnavailableError(f"{self._name} gave an unusable answer") from error
        media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if response.status_code < 300:
            return Answer(response.status_code, content, media_type)
        problem = error_from_problem(response.status_code, media_type, content, self._name)
        # A gateway's 502 or 504 does not say whether the service got the request; our own 503 says no.
        repeatable = _RETRIED_STATUS if idempotent else {UnavailableError.status}
        if response.status_code in repeatable:
            raise _TransientError(f"HTTP status {response.status_code}", _retry_after(response))
        wait = _retry_after(response)
        if response.status_code == _TOO_MANY_REQUESTS and wait is not None and wait <= _LONGEST_WAIT_S:
            raise _TransientError("HTTP status 429", wait, problem)
        raise problem

    def _read(self, response: httpx.Response) -> bytes:
        if response.headers.get("content-encoding", "identity") != "identity":
            # It was not asked for, and a few bytes of it may unpack to gigabytes.
            raise httpx.DecodingError("the answer is compressed", request=response.request)
        deadline = time.monotonic() + self._timeout_s
        chunks: list[bytes] = []
        size = 0
        for chunk in response.iter_bytes():
            size += len(chunk)
            if size > self._max_answer:
                raise TooLargeError(f"{self._name} answers with more than {self._max_answer} bytes")
            chunks.append(chunk)
            if time.monotonic() > deadline:
                raise httpx.ReadTimeout("the answer comes too slowly", request=response.request)
        return b"".join(chunks)


class _TransientError(Exception):
    """A failure worth another attempt."""

    def __init__(
        self, reason: str, retry_after: float | None = None, problem: TrunklineError | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after
        self.problem = problem
        self.others_left = False


_backoff = tenacity.wait_random_exponential(multiplier=_FIRST_WAIT_S, max=_LONGEST_WAIT_S)


def _wait(state: tenacity.RetryCallState) -> float:
    failure = state.outcome.exception() if state.outcome is not None else None
    if isinstance(failure, _TransientError) and failure.others_left:
        return 0.0
    asked = failure.retry_after if isinstance(failure, _TransientError) else None
    wait = _backoff(state)
    return wait if asked is None else max(wait, min(asked, _LONGEST_WAIT_S))


def _retry_after(response: httpx.Response) -> float | None:
    """Return the seconds of a Retry-After header; its date form is not used by our services."""
    value = response.headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() and len(value) < 7 else None


def _trust(ca_file: Path | None) -> Any:
    import ssl

    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except OSError as error:
        raise ConfigurationError(f"cannot use the certificate authority's file {ca_file}") from error
