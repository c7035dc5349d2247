"""Answers where no view was reached (an address, a header or a host that Django refuses), for the root URLconf."""

from __future__ import annotations

import re
from typing import Any, Final

import orjson
from django.http import HttpRequest, HttpResponse

_CANVAS: Final = re.compile(r"/canvas(?:/|\Z)")
_STORAGE: Final = re.compile(r"/1\.[01](?:/|\Z)")


def is_ours(request: HttpRequest) -> bool:
    """Whether a request is about saved drawings."""
    return any(pattern.match(request.path_info) for pattern in (_CANVAS, _STORAGE))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400."""
    return _answer(request, 400, "the request cannot be read: its headers or its address are malformed or not allowed")


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404."""
    return _answer(request, 404, "there is nothing at this address")


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500."""
    return _answer(request, 500, "an error of this server, which has written it down")


def refusal(request: HttpRequest, status: int, text: str) -> HttpResponse:
    """What is refused before Django sees it."""
    return _answer(request, status, text)


def _answer(request: HttpRequest, status: int, text: str) -> HttpResponse:
    if _STORAGE.match(request.path_info):
        answer: dict[str, Any] = {"status": "error", "message": text}
    else:
        answer = {"success": False, "data": None, "error": text}
    body = orjson.dumps(answer)
    # No middleware adds the length where one of them has failed.
    headers = {"Content-Length": str(len(body))}
    return HttpResponse(body, status=status, headers=headers, content_type="application/json")
