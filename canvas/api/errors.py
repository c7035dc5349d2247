"""Every failure of the canvases' addresses as JSON, never as a page.

what is wrong with the request        400, with the name of the field
nobody is known who has drawings      401, with WWW-Authenticate
more than an owner may have           403
no such document                      404
a body without Content-Length         411
somebody else has saved it            412, with the ETag of what is stored
a body that is too large              413
too many requests                     429, with Retry-After
the database or the files are away    503, with Retry-After
a mistake of ours                     500, with nothing of it in the answer and all of it in the log
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any, Final

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework.exceptions import APIException
from rest_framework.response import Response

from canvas.conditions import tag_of
from canvas.errors import CanvasError, Invalid, LimitReached, NotFound, Stale, StorageAway

logger = logging.getLogger(__name__)

_MAX_TEXT: Final = 380
_RETRY: Final = {"Retry-After": "2"}
_STATUS: Final[dict[type[CanvasError], int]] = {
    Invalid: 400,
    LimitReached: 403,
    NotFound: 404,
    Stale: 412,
    StorageAway: 503,
}


class BodyTooLarge(APIException):
    """The body is longer than any document can be."""

    status_code = 413

    def __init__(self, most: int) -> None:
        super().__init__(f"body: at most {most} bytes are read")


class LengthRequired(APIException):
    """A body without Content-Length would be taken for an empty one by the framework."""

    status_code = 411
    default_detail = "body: a Content-Length is expected"


@dataclass(frozen=True)
class Failure:
    """What to answer."""

    status: int
    text: str
    headers: dict[str, str] = field(default_factory=dict)


def failure_of(error: Exception, context: dict[str, Any]) -> Failure:
    """Status, text and headers for an exception that a view raised; one that is a mistake of ours is logged."""
    status, text, headers = _explain(error)
    if status == 500:
        request = context["request"]
        logger.error("%s %s failed", request.method, request.path, exc_info=error)
    return Failure(status, text, headers)


def _explain(error: Exception) -> tuple[int, str, dict[str, str]]:
    headers: dict[str, str] = {}
    match error:
        case CanvasError():
            status, text, headers = _STATUS[type(error)], str(error), _headers_of_ours(error)
        case APIException():
            status, text, headers = error.status_code, str(error.detail), _headers_of(error)
        case Http404():
            status, text = 404, "there is nothing at this address"
        case PermissionDenied():
            status, text = 403, "not allowed"
        case RequestDataTooBig():
            status, text = 413, "body: too large"
        case SuspiciousOperation():
            status, text = 400, "the request cannot be read: its headers or its address are malformed"
        case OperationalError() | InterfaceError():
            logger.warning("the database is away: %s", error)
            status, text, headers = 503, "the database does not answer; try again in a moment", _RETRY
        case _:
            status, text = 500, "an error of this server, which has written it down"
    return status, text, headers


def _headers_of_ours(error: CanvasError) -> dict[str, str]:
    match error:
        case Stale(current=int() as current):
            return {"ETag": tag_of(current)}
        case StorageAway():
            return _RETRY
        case _:
            return {}


def _headers_of(error: APIException) -> dict[str, str]:
    headers: dict[str, str] = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    return headers


def canvas_errors(error: Exception, context: dict[str, Any]) -> Response:
    """In the form of this API, which is that of /api, too."""
    failure = failure_of(error, context)
    body = {"success": False, "data": None, "error": readable(failure.text)}
    return Response(body, status=failure.status, headers=failure.headers)


def readable(text: str) -> str:
    """Half a surrogate pair has no UTF-8 form: it is written as its escape. Of a text that quotes a whole header the
    beginning is enough."""
    text = text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + "..."
    return text.encode("utf-8", "backslashreplace").decode()
