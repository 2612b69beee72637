"""OpenAPI documents: what FastAPI cannot see in a handler's signature is said here.

Handlers take bodies as bytes and check them themselves. So each route names the media types, limits and
refusals of its operation, and `DescribedApplication` completes the document with what all of them share:
problem documents, the scheme of signed requests, and the models that bodies refer to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from fastapi import FastAPI, Response
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from trunkline.errors import AuthenticationError, InputError, TooLargeError, UnavailableError
from trunkline.service.problems import MEDIA_TYPE, TYPE_PREFIX, codes_of, problem_codes

DESCRIPTION = (
    "Errors are problem documents (RFC 9457). Bodies of the media types `application/vnd.trunkline.*` are "
    "binary; docs/protocol.md, sections 4 to 6, gives their fields byte by byte."
)
_REFERENCE = "#/components/schemas/{model}"
_PROBLEM = {"$ref": _REFERENCE.format(model="Problem")}
_SIGNATURE = "requestSignature"
_SIGNATURE_SCHEME = {
    "type": "apiKey",
    "in": "header",
    "name": "Signature",
    "description": (
        "An HTTP message signature (RFC 9421) by the sender's Ed25519 identity key of the registry, with the "
        "label `trunkline`. Signature-Input covers, in this order, `@method`, `@path`, `content-type`, "
        "`content-digest`, `trunkline-audience`, and has the parameters `created`, `nonce` (at least 16 "
        'random bytes, base64url), `keyid` (provider id in hex), `alg="ed25519"`, `tag="trunkline-v1"`. '
        "Content-Digest is sha-256 (RFC 9530), also of an empty body, which has the type "
        "`application/octet-stream`. Trunkline-Audience names the service: the deployment, a slash, and the "
        "role; for a record store a slash and its id too. The time may differ from the service's clock by "
        "60 s, a nonce serves once, and there is no query."
    ),
}


@dataclass(frozen=True, slots=True)
class Body:
    """A body in one media type.

    Attributes:
        media_type: The media type.
        schema: Its JSON schema; models that it refers to stand in `$defs`.
        description: What it is, for people.
    """

    media_type: str
    schema: Mapping[str, Any]
    description: str

    @property
    def content(self) -> dict[str, Any]:
        """The OpenAPI `content` object."""
        return {self.media_type: {"schema": dict(self.schema)}}


class Operation(TypedDict, total=False):
    """Arguments of a FastAPI route."""

    response_class: type[Response]
    responses: dict[int | str, dict[str, Any]]
    openapi_extra: dict[str, Any]


def binary_body(media_type: str, limit: int) -> Body:
    """Return a binary body of at most `limit` bytes."""
    schema = {"type": "string", "format": "binary", "maxLength": limit}
    return Body(media_type, schema, f"At most {limit} bytes.")


def json_body(schema: Mapping[str, Any], description: str) -> Body:
    """Return a JSON body."""
    return Body("application/json", schema, description)


def model_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return a reference to a model's JSON schema, which it brings along."""
    _, found = models_json_schema([(model, "validation")], ref_template=_REFERENCE)
    return {"$ref": _REFERENCE.format(model=model.__name__), "$defs": found["$defs"]}


def operation(
    *,
    request: Body | None = None,
    answers: Mapping[int, Body] | None = None,
    signed: bool = False,
    refusals: Sequence[int] = (),
) -> Operation:
    """Describe an operation, as arguments of its route.

    Args:
        request: The body that it takes; None if it takes none.
        answers: Its answers by status; None if the handler's annotation tells.
        signed: Whether the request has to be signed.
        refusals: HTTP statuses that it may answer with besides those that follow from the rest: 503 always,
            400 and 413 with a body, 401 if signed.
    """
    statuses = {*refusals, UnavailableError.status}
    extra: dict[str, Any] = {}
    if request is not None:
        statuses |= {InputError.status, TooLargeError.status}
        extra["requestBody"] = {
            "required": True,
            "description": request.description,
            "content": request.content,
        }
    if signed:
        statuses.add(AuthenticationError.status)
        extra["security"] = [{_SIGNATURE: []}]
    described: Operation = {"responses": {status: _refusal(status) for status in sorted(statuses)}}
    if extra:
        described["openapi_extra"] = extra
    if answers is not None:
        described["response_class"] = Response
        for status, answer in answers.items():
            described["responses"][status] = {"description": answer.description, "content": answer.content}
    return described


class DescribedApplication(FastAPI):
    """An application whose OpenAPI document is complete."""

    def openapi(self) -> dict[str, Any]:
        """Return the document."""
        if self.openapi_schema is None:
            self.openapi_schema = _completed(super().openapi())
        return self.openapi_schema


def _refusal(status: int) -> dict[str, Any]:
    codes = ", ".join(f"`{code}`" for code in codes_of(status))
    refusal: dict[str, Any] = {
        "description": f"A problem document with one of the codes {codes}.",
        "content": {MEDIA_TYPE: {"schema": dict(_PROBLEM)}},
    }
    if status == UnavailableError.status:
        refusal["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return refusal


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    schemas: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for operations in document["paths"].values():
        for one in operations.values():
            # What FastAPI answers to parameters that do not fit; we answer a problem document with 400.
            if "HTTPValidationError" in str(one["responses"].get("422")):
                del one["responses"]["422"]
            one["responses"] = dict(sorted(one["responses"].items()))
    _move_definitions(document["paths"], schemas)
    schemas["Problem"] = {
        "type": "object",
        "title": "Problem",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "enum": [TYPE_PREFIX + code for code in problem_codes()]},
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string"},
        },
    }
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    document["components"]["securitySchemes"] = {_SIGNATURE: _SIGNATURE_SCHEME}
    return document


def _move_definitions(part: Any, schemas: dict[str, Any]) -> None:
    """Move the `$defs` within a part of the document to where its references point."""
    if isinstance(part, dict):
        schemas.update(part.pop("$defs", {}))
        for value in part.values():
            _move_definitions(value, schemas)
    elif isinstance(part, list):
        for value in part:
            _move_definitions(value, schemas)
