"""The FastAPI application that every service starts from: limits, problem documents, health.

Handlers that call the cryptographic core are plain `def` functions: those run in a pool of threads, and
the core releases the interpreter's lock.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated

import structlog
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Lifespan, Message, Receive, Scope, Send

from trunkline.errors import (
    AuthenticationError,
    DecodingError,
    InputError,
    NotFoundError,
    RequestError,
    TooLargeError,
    TrunklineError,
    UnavailableError,
)
from trunkline.service.problems import problem_document
from trunkline.service.signatures import RequestVerifier

MAX_BYTES_IN_FLIGHT = 64 * 1024 * 1024
"""Request bodies that a service holds at one time, all connections together."""

_logger = structlog.get_logger(__name__)


def create_application(
    title: str,
    *,
    max_body: int,
    ready: Callable[[], None] | None = None,
    lifespan: Lifespan[FastAPI] | None = None,
) -> FastAPI:
    """Return an application with problem documents, a body limit, `GET /health` and `GET /ready`.

    Args:
        title: Name of the service in its OpenAPI document.
        max_body: Largest request body in bytes. A larger one is refused before it is read whole, whether
            it states its length or comes in chunks.
        ready: Raises a `TrunklineError` when the service cannot work now; called for `GET /ready`.
        lifespan: What to start before the first request and to stop after the last.
    """
    application = FastAPI(title=title, docs_url=None, redoc_url=None, lifespan=lifespan)
    application.add_middleware(_BodyLimit, max_body=max_body)
    application.add_exception_handler(TrunklineError, _on_error)
    application.add_exception_handler(RequestValidationError, _on_validation_error)
    application.add_exception_handler(HTTPException, _on_http_exception)
    application.add_exception_handler(Exception, _on_unexpected)

    @application.get("/health")
    async def health() -> dict[str, str]:
        """Tell that the process answers."""
        return {"status": "ok"}

    @application.get("/ready")
    def readiness() -> dict[str, str]:
        """Tell whether the service can do its work now."""
        if ready is not None:
            ready()
        return {"status": "ready"}

    return application


async def read_body(request: Request, media_type: str) -> bytes:
    """Return a request's body after checking its media type; its size is limited by the application.

    Raises:
        DecodingError: The body has another media type.
        TooLargeError: The body is larger than the application allows.
    """
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != media_type:
        raise DecodingError(f"this address takes bodies of the media type {media_type}")
    return await request.body()


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
        if request.scope["query_string"]:
            raise AuthenticationError("signed requests have no query; leave it out")
        path = request.scope.get("raw_path", request.scope["path"].encode()).decode("ascii", "replace")
        return verifier.verify(request.method, path, request.headers, body)

    return key_id


async def _whole_body(request: Request) -> bytes:
    return await request.body()


class _BodyLimit:
    """Refuses bodies that are too large, and all bodies while too many bytes are being held.

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
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if not declared.isdigit() or int(declared) > self._max_body:
            await self._refuse(TooLargeError(f"the body is larger than {self._max_body} bytes"), send)
            return
        if self._in_flight + int(declared) > max(MAX_BYTES_IN_FLIGHT, self._max_body):
            await self._refuse(UnavailableError("too many request bodies at one time"), send)
            return
        held = int(declared)
        self._in_flight += held
        received = 0

        async def limited() -> Message:
            nonlocal held, received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > self._max_body:
                    raise TooLargeError(f"the body is larger than {self._max_body} bytes")
                if received > held:
                    self._in_flight += received - held
                    held = received
                    if self._in_flight > max(MAX_BYTES_IN_FLIGHT, self._max_body):
                        raise UnavailableError("too many request bodies at one time")
            return message

        try:
            await self._application(scope, limited, send)
        finally:
            self._in_flight -= held

    async def _refuse(self, error: TrunklineError, send: Send) -> None:
        # The rest of the body is never read, so the connection cannot be used again.
        response = _response(error)
        response.headers["connection"] = "close"
        await send(
            {"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers}
        )
        await send({"type": "http.response.body", "body": bytes(response.body)})


def _response(error: TrunklineError, status: int | None = None) -> Response:
    status, headers, content = problem_document(error, status)
    return Response(content, status_code=status, headers=headers)


async def _on_error(_request: Request, error: Exception) -> Response:
    if not isinstance(error, TrunklineError):
        return await _on_unexpected(_request, error)
    if error.status >= 500:
        _logger.warning("request failed", code=error.code, reason=str(error))
    response = _response(error)
    if isinstance(error, TooLargeError):
        response.headers["connection"] = "close"
    return response


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
    return _response(RequestError(f"the request is not acceptable here: {error.detail}"), error.status_code)


async def _on_unexpected(_request: Request, error: Exception) -> Response:
    _logger.error("unexpected error", exc_info=error)
    return _response(TrunklineError("internal error"))
