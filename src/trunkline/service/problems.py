"""Problem documents (RFC 9457): the one place where errors of ours become HTTP answers, and back.

A caller learns the class of an error and its message. Of an error that is not the caller's doing it
learns the class only: those messages name files and hosts.
"""

import json
from typing import Any

from trunkline.errors import NotReadyError, RequestError, TrunklineError, UnavailableError

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:trunkline:error:"

_MAX_DETAIL = 500
_RETRY_AFTER_S = 1
_INTERNAL_DETAIL = "the service failed; the operator's log says why"
_OUTAGE_DETAIL = "the service cannot do this now; nothing was acknowledged, try again later"


def problem_document(error: TrunklineError, status: int | None = None) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of the answer that reports an error.

    Args:
        error: What is to be reported.
        status: An HTTP status of finer meaning than the error's own, as of a method that is not allowed.
    """
    detail = str(error)
    headers = {"content-type": MEDIA_TYPE}
    if error.status == UnavailableError.status:
        headers["retry-after"] = str(_RETRY_AFTER_S)
        # The names of checks are for everybody; what failed in them is not.
        detail = detail if isinstance(error, NotReadyError) else _OUTAGE_DETAIL
    elif error.status >= 500:
        detail = _INTERNAL_DETAIL
    document = {
        "type": TYPE_PREFIX + error.code,
        "title": error.code.replace("-", " "),
        "status": status or error.status,
        "detail": detail,
    }
    return status or error.status, headers, json.dumps(document).encode()


def error_from_problem(status: int, media_type: str, content: bytes, service: str) -> TrunklineError:
    """Return the error that an answer with an error status reports, ready to be raised.

    The document comes from another party, so its text is cut and stripped of control characters, and a
    code that this release does not know becomes the general class.

    Args:
        status: HTTP status of the answer, 400 or more.
        media_type: The answer's media type without parameters.
        content: The answer's body.
        service: Name of the service for the message.
    """
    if media_type == MEDIA_TYPE:
        try:
            document: Any = json.loads(content)
        except (ValueError, RecursionError):
            document = None
        if isinstance(document, dict):
            code = str(document.get("type", "")).removeprefix(TYPE_PREFIX)
            detail = "".join(c for c in str(document.get("detail", "")) if c.isprintable())[:_MAX_DETAIL]
            return _CLASSES.get(code, RequestError)(f"{service}: {detail}")
    if status >= 500:
        return UnavailableError(f"{service} failed with HTTP status {status}")
    return RequestError(f"{service} refused the request with HTTP status {status}")


def codes_of(status: int) -> list[str]:
    """Return the codes of the errors that are answered with an HTTP status."""
    return sorted(code for code, error in _CLASSES.items() if error.status == status)


def problem_codes() -> list[str]:
    """Return the codes of all errors."""
    return sorted(_CLASSES)


def _all_classes(base: type[TrunklineError]) -> dict[str, type[TrunklineError]]:
    found = {base.code: base}
    for child in base.__subclasses__():
        found |= _all_classes(child)
    return found


_CLASSES = _all_classes(TrunklineError)
