"""Every failure under /api as an envelope, never as a page.

    what is wrong with the request       400, with the name of the field
    nobody is known who may do that      401, with WWW-Authenticate
    not from that page                   403
    a symbol that is not known           404
    a body that is too large             413
    a symbol that is not listed          422
    too many requests                    429, with Retry-After
    the database or the list is away     503, with Retry-After
    too many exports at a time           503, with Retry-After
    a mistake of ours                    500, with nothing of it in the answer and all of it in the log

`envelope_errors` speaks for the views of this API (a setting of the REST framework names it); the last three functions
for Django itself, where no view was reached (the root URLconf's handler400, handler404 and handler500 name them).
"""

from __future__ import annotations

import logging
from typing import Any, Final

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.views import defaults
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.response import Response

from market.api.rendering import failure
from market.services.symbols import ListNotLoaded, NotListed

logger = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 2
_NOTHING_HERE: Final = "there is nothing at this address"
_UNREADABLE: Final = "the request cannot be read: its headers, its address or its body are malformed or not allowed"
_DATABASE_AWAY: Final = "the database does not answer; try again in a moment"
_OUR_MISTAKE: Final = "an error of this server, which has written it down"
# The name of what is wrong when it is the body as a whole, in place of the framework's.
_WHOLE_BODY: Final = {"non_field_errors": "body"}


class UnknownSymbol(APIException):
    """No symbol of that name was ever listed or tracked."""

    status_code = 404

    def __init__(self, name: str) -> None:
        super().__init__(f"symbol: {name[:64]!r} is not known")


class Busy(APIException):
    """As many of a costly kind of request are running as may be at a time."""

    status_code = 503

    def __init__(self, text: str, retry_seconds: int) -> None:
        super().__init__(text)
        # As the framework names it: becomes Retry-After.
        self.wait = retry_seconds


class BodyTooLarge(APIException):
    """The body is longer than any request of this API can be."""

    status_code = 413

    def __init__(self, greatest: int) -> None:
        super().__init__(f"body: at most {greatest} bytes are read")


class LengthRequired(APIException):
    """A body without Content-Length would be taken for an empty one by the framework."""

    status_code = 411
    default_detail = "body: a Content-Length is expected"


def envelope_errors(error: Exception, context: dict[str, Any]) -> Response:
    """The answer to an exception that a view raised."""
    status, text, headers = _explain(error)
    if status == 500:
        logger.error("%s %s failed", context["request"].method, context["request"].path, exc_info=error)
    return Response(text, status=status, headers=headers)


def _explain(error: Exception) -> tuple[int, str, dict[str, str]]:
    """Status, text and headers."""
    headers: dict[str, str] = {}
    match error:
        case ValidationError():
            status, text = 400, "; ".join(_lines("", error.detail))
        case APIException():
            status, text, headers = error.status_code, str(error.detail), _headers_of(error)
        case Http404():
            status, text = 404, _NOTHING_HERE
        case PermissionDenied():
            status, text = 403, "not allowed"
        case RequestDataTooBig():
            status, text = 413, "body: too large"
        case SuspiciousOperation():
            status, text = 400, _UNREADABLE
        case NotListed():
            status, text = 422, f"symbol: {error}"
        case ListNotLoaded():
            status, text, headers = 503, str(error), {"Retry-After": str(_RETRY_SECONDS)}
        case OperationalError() | InterfaceError():
            logger.warning("the database is away: %s", error)
            status, text, headers = 503, _DATABASE_AWAY, {"Retry-After": str(_RETRY_SECONDS)}
        case _:
            status, text = 500, _OUR_MISTAKE
    return status, text, headers


def _headers_of(error: APIException) -> dict[str, str]:
    """What the framework has found out about a refusal; it sets both without declaring them."""
    found = {"WWW-Authenticate": getattr(error, "auth_header", None), "Retry-After": getattr(error, "wait", None)}
    return {name: str(value) for name, value in found.items() if value}


def _lines(field: str, detail: object) -> list[str]:
    """``field: message`` for every message of a nested validation error."""
    if isinstance(detail, dict):
        return [line for name, inner in detail.items() for line in _lines(_WHOLE_BODY.get(name, str(name)), inner)]
    if isinstance(detail, list):
        return [line for inner in detail for line in _lines(field, inner)]
    return [f"{field}: {detail}" if field else str(detail)]


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400."""
    if not _is_api(request):
        return defaults.bad_request(request, exception)
    return _answer(400, _UNREADABLE)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404."""
    if not _is_api(request):
        return defaults.page_not_found(request, exception)
    return _answer(404, _NOTHING_HERE)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500."""
    if not _is_api(request):
        return defaults.server_error(request)
    return _answer(500, _OUR_MISTAKE)


def refusal(request: HttpRequest, status: int, text: str) -> HttpResponse:
    """What is refused before Django sees it."""
    return _answer(status, text)


def _answer(status: int, text: str) -> HttpResponse:
    body = failure(text)
    # No middleware adds the length where one of them has failed.
    headers = {"Content-Length": str(len(body))}
    return HttpResponse(body, status=status, headers=headers, content_type="application/json")


def _is_api(request: HttpRequest) -> bool:
    return request.path_info == "/api" or request.path_info.startswith("/api/")
