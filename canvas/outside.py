"""Answers where no view was reached (an address, a header or a host that Django refuses), for the root URLconf."""

from __future__ import annotations

import re
from typing import Any, Final

import orjson
from django.http import HttpRequest, HttpResponse

_CANVAS: Final = re.compile(r"/canvas(?:/|\Z)")
_STORAGE: Final = re.compile(r"/1\.[01](?:/|\Z)")


def is_our_path(path: str) -> bool:
    """Whether the address is one of saved drawings."""
    return any(pattern.match(path) for pattern in (_CANVAS, _STORAGE))


def is_ours(request: HttpRequest) -> bool:
    """Whether a request is about saved drawings."""
    return is_our_path(request.path_info)


def failure_body(path: str, text: str) -> dict[str, Any]:
    """A failure in the form of the protocol that the address belongs to."""
    if _STORAGE.match(path):
        return {"status": "error", "message": text}
    return {"success": False, "data": None, "error": text}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400."""
    return _answer(request, 400, "the request cannot be read: its headers or its address are malformed or not allowed")


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404."""
    return _answer(request, 404, "there is nothing at this address")


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500."""
    return _answer(request, 500, "an error of this server, which has written it down")


def _answer(request: HttpRequest, status: int, text: str) -> HttpResponse:
    body = orjson.dumps(failure_body(request.path_info, text))
    # No middleware adds the length where one of them has failed.
    headers = {"Content-Length": str(len(body))}
    return HttpResponse(body, status=status, headers=headers, content_type="application/json")
