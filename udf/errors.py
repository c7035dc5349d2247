"""Every failure at an address of the datafeed as ``{"s": "error", "errmsg": "..."}``.

    a name that is no symbol's           200: the client reads the body alone, and knows it from the original so
    what is wrong with a parameter       400, with the name of the parameter
    nobody is known who may read that    401, with WWW-Authenticate
    an address that is not ours          404
    a method that is not GET             405
    too many requests                    429, with Retry-After
    the database is away                 503, with Retry-After
    a mistake of ours                    500, with nothing of it in the answer and all of it in the log

`answer_to` speaks for the views; the three handlers for Django itself, where no view was reached.
"""

from __future__ import annotations

import logging
import math
from typing import Final

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework.exceptions import APIException, Throttled

from udf import payloads

logger = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 2
_NOTHING_HERE: Final = "there is nothing at this address"
_UNREADABLE: Final = "the request cannot be read: its headers or its address are malformed or not allowed"
_DATABASE_AWAY: Final = "the database does not answer; try again in a moment"
_OUR_MISTAKE: Final = "an error of this server, which has written it down"


class BadParameter(Exception):
    """A parameter that is absent or cannot be what it says."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")


class UnknownSymbol(Exception):
    """No symbol of that name was ever listed or tracked."""

    def __init__(self, name: str) -> None:
        super().__init__(f"unknown_symbol: {name[:64]!r} is not known")


def failure(status: int, text: str, headers: dict[str, str] | None = None) -> HttpResponse:
    """An answer that says what went wrong. No cache may keep it."""
    body = payloads.error(text)
    return HttpResponse(
        body,
        status=status,
        content_type="application/json",
        # No middleware adds the length where one of them has failed.
        headers={"Cache-Control": "no-store", "Content-Length": str(len(body)), **(headers or {})},
    )


def answer_to(problem: Exception, request: HttpRequest) -> HttpResponse:
    """The answer to an exception that a view raised."""
    retry = {"Retry-After": str(_RETRY_SECONDS)}
    match problem:
        case UnknownSymbol():
            answer = failure(200, str(problem))
        case BadParameter():
            answer = failure(400, str(problem))
        case Http404():
            answer = failure(404, _NOTHING_HERE)
        case PermissionDenied():
            answer = failure(403, "not allowed")
        case SuspiciousOperation():
            answer = failure(400, _UNREADABLE)
        case Throttled():
            # The framework sets it without declaring it; None when it cannot tell.
            wait: float | None = getattr(problem, "wait", None)
            answer = failure(429, str(problem.detail), {"Retry-After": str(math.ceil(wait or _RETRY_SECONDS))})
        case APIException():
            # Set by the framework without declaring it.
            challenge = getattr(problem, "auth_header", None)
            answer = failure(
                problem.status_code, str(problem.detail), {"WWW-Authenticate": challenge} if challenge else None
            )
        case OperationalError() | InterfaceError():
            logger.warning("the database is away: %s", problem)
            answer = failure(503, _DATABASE_AWAY, retry)
        case _:
            logger.error("%s %s failed", request.method, request.path, exc_info=problem)
            answer = failure(500, _OUR_MISTAKE)
    return answer


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400 at our addresses."""
    return failure(400, _UNREADABLE)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404 at our addresses."""
    return failure(404, _NOTHING_HERE)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500 at our addresses."""
    return failure(500, _OUR_MISTAKE)


def refusal(request: HttpRequest, status: int, text: str) -> HttpResponse:
    """What is refused before Django sees it."""
    return failure(status, text)
