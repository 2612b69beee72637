"""The FastAPI application that every service starts from: limits, problem documents, health.

Handlers that call the cryptographic core are plain `def` functions: those run in a pool of threads, and
the core releases the interpreter's lock.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Literal

import structlog
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Lifespan, Message, Receive, Scope, Send

from trunkline import __version__
from trunkline.errors import (
    AuthenticationError,
    DecodingError,
    InputError,
    NotFoundError,
    NotReadyError,
    RequestError,
    TooLargeError,
    TrunklineError,
    UnavailableError,
)
from trunkline.service.metrics import Metrics
from trunkline.service.monitoring import Watched
from trunkline.service.openapi import DESCRIPTION, DescribedApplication, operation
from trunkline.service.problems import problem_document
from trunkline.service.readiness import Check, Checks
from trunkline.service.request_metrics import REFUSAL_KEY, RequestMeter, RequestMetrics
from trunkline.service.signatures import RequestVerifier

MAX_BYTES_IN_FLIGHT = 64 * 1024 * 1024
"""Request bodies that a service holds at one time, all connections together."""

MAX_BODY_TIME_S = 30.0
"""How long a body may take to come in."""

_CLIENT_GONE = 499  # as other servers count it; it is never received

_logger = structlog.get_logger(__name__)


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """The service can do its work."""

    status: Literal["ready"] = "ready"


def create_application(
    title: str,
    *,
    max_body: int,
    ready: Mapping[str, Check] | None = None,
    metrics: Metrics | None = None,
    lifespan: Lifespan[FastAPI] | None = None,
) -> FastAPI:
    """Return an application with problem documents, a body limit, `GET /health` and `GET /ready`.

    Args:
        title: Name of the service in its OpenAPI document.
        max_body: Largest request body in bytes. A larger one is refused before it is read whole, whether
            it states its length or comes in chunks.
        ready: The checks of `GET /ready`, by names that may be told to everybody.
        metrics: Where requests are counted too; metrics of its own if there are no others.
        lifespan: What to start before the first request and to stop after the last.
    """
    application = DescribedApplication(
        title=title,
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    watched = Watched(metrics or Metrics(), Checks(ready or {}))
    application.state.watched = watched
    application.add_middleware(_BodyLimit, max_body=max_body)
    # Added last, it stands around the others.
    application.add_middleware(RequestMeter, requests=RequestMetrics(watched.metrics))
    application.add_exception_handler(TrunklineError, _on_error)
    application.add_exception_handler(RequestValidationError, _on_validation_error)
    application.add_exception_handler(HTTPException, _on_http_exception)
    application.add_exception_handler(ClientDisconnect, _on_disconnect)
    application.add_exception_handler(Exception, _on_unexpected)

    @application.get("/health")
    async def health() -> Health:
        """Tell that the process answers."""
        return Health()

    @application.get("/ready", **operation())
    def readiness() -> Readiness:
        """Tell whether the service can do its work now."""
        watched.checks.require()
        return Readiness()

    return application


async def read_body(request: Request, media_type: str) -> bytes:
    """Return a request's body after checking its media type; its size is limited by the application.

    Raises:
        DecodingError: The body has another media type.
        TooLargeError: The body is larger than the application allows.
    """
    require_media_type(request, media_type)
    return await request.body()


def require_media_type(request: Request, media_type: str) -> None:
    """Check a request's media type.

    Raises:
        DecodingError: The body has another one.
    """
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != media_type:
        raise DecodingError(f"this address takes bodies of the media type {media_type}")


def body_of(media_type: str) -> Callable[[Request], Awaitable[bytes]]:
    """Return a dependency that gives a plain `def` handler the body, checked as `read_body` does."""

    async def body(request: Request) -> bytes:
        return await read_body(request, media_type)

    return body


def binary(content: bytes, media_type: str) -> Response:
    """Return an answer with a binary body."""
    return Response(content, media_type=media_type)


def authenticated(verifier: RequestVerifier) -> Callable[[Request, bytes], str]:
    """Return a dependency that gives the key id of the party which signed the request.

    Raises (in the dependency):
        AuthenticationError: The signature is missing or wrong, or the request has a query, which the
            signature does not cover.
    """

    def key_id(request: Request, body: Annotated[bytes, Depends(_whole_body)]) -> str:
        return sender_of(verifier, request, body)

    return key_id


def sender_of(verifier: RequestVerifier, request: Request, body: bytes) -> str:
    """Return the key id of the party which signed a request; takes its time, so it is for worker threads.

    Raises:
        AuthenticationError: The signature is missing or wrong, or the request has a query, which the
            signature does not cover.
    """
    if request.scope["query_string"]:
        raise AuthenticationError("signed requests have no query; leave it out")
    path = request.scope.get("raw_path", request.scope["path"].encode()).decode("ascii", "replace")
    return verifier.verify(request.method, path, request.headers, body)


async def _whole_body(request: Request) -> bytes:
    return await request.body()


class _BodyLimit:
    """Refuses bodies that are too large or too slow, and all bodies while too many bytes are being held.

    A pure ASGI middleware: it must see each chunk before anybody collects them.
    """

    def __init__(self, application: ASGIApp, max_body: int) -> None:
        self._application = application
        self._max_body = max_body
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"0")
        complete = declared == b"0" and b"transfer-encoding" not in headers
        received = 0
        deadline = asyncio.get_running_loop().time() + MAX_BODY_TIME_S

        async def limited() -> Message:
            nonlocal complete, received
            if complete:
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise RequestError("the body comes too slowly") from None
            size = len(message.get("body", b""))
            received += size
            self._in_flight += size
            if received > self._max_body:
                raise TooLargeError(f"the body is larger than {self._max_body} bytes")
            # One body must always fit, or the service could do nothing at all.
            if self._in_flight > max(MAX_BYTES_IN_FLIGHT, self._max_body):
                raise UnavailableError("too many request bodies at one time")
            complete = not message.get("more_body", False)
            return message

        async def closing(message: Message) -> None:
            # What is left of a body that is not wanted will not be read, so the connection cannot go on.
            if message["type"] == "http.response.start" and not complete:
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        try:
            if not declared.isdigit() or int(declared) > self._max_body:
                error = TooLargeError(f"the body is larger than {self._max_body} bytes")
                await _response(error)(scope, receive, closing)
                return
            await self._application(scope, limited, closing)
        finally:
            self._in_flight -= received


def _response(error: TrunklineError, status: int | None = None) -> Response:
    status, headers, content = problem_document(error, status)
    return _Refusal(content, status_code=status, headers=headers, code=error.code)


class _Refusal(Response):
    """An answer that reports an error, and leaves its code for who counts."""

    def __init__(self, content: bytes, *, status_code: int, headers: dict[str, str], code: str) -> None:
        super().__init__(content, status_code=status_code, headers=headers)
        self._code = code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[REFUSAL_KEY] = self._code
        await super().__call__(scope, receive, send)


async def _on_error(_request: Request, error: Exception) -> Response:
    if not isinstance(error, TrunklineError):
        return await _on_unexpected(_request, error)
    # Why a service is not ready is logged once by the checks, not with each request of who watches it.
    if error.status >= 500 and not isinstance(error, NotReadyError):
        _logger.warning("request failed", code=error.code, reason=str(error))
    return _response(error)


async def _on_validation_error(_request: Request, error: Exception) -> Response:
    places = error.errors() if isinstance(error, RequestValidationError) else ()
    named = ", ".join(sorted({".".join(str(part) for part in place["loc"]) for place in places}))
    return _response(InputError(f"missing, unknown or unacceptable: {named}"))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    if isinstance(error.__cause__, TrunklineError):
        # FastAPI wraps what goes wrong while it reads a JSON body, our size limit included.
        return await _on_error(request, error.__cause__)
    if not isinstance(error, HTTPException):
        return await _on_unexpected(request, error)
    if error.status_code == NotFoundError.status:
        return _response(NotFoundError("there is nothing at this address"))
    refusal = _response(
        RequestError(f"the request is not acceptable here: {error.detail}"), error.status_code
    )
    refusal.headers.update(error.headers or {})  # such as Allow, which RFC 9110 wants with 405
    return refusal


async def _on_disconnect(_request: Request, _error: Exception) -> Response:
    # Nobody reads it. Without it a client that goes away would stand in the log as a bug of ours.
    return Response(status_code=_CLIENT_GONE)


async def _on_unexpected(_request: Request, error: Exception) -> Response:
    _logger.error("unexpected error", exc_info=error)
    return _response(TrunklineError("internal error"))
