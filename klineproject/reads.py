"""The short way of what charts ask for again and again.

Sessions, messages, CSRF tokens and logins all begin with a cookie, and static files lie at other addresses: for a page
of candles that is asked for without one, that middleware has nothing to look at. Everything else of the settings'
MIDDLEWARE is passed as on the long way, and so is the view. Which way a request takes cannot be seen in its answer.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any, Final, cast

from django.conf import settings
from django.core import signals
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.urls import ResolverMatch, resolve
from django.utils.module_loading import import_string

# What cannot have anything to say.
_PASSED_BY: Final = frozenset(
    {
        "whitenoise.middleware.WhiteNoiseMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "market.desk.middleware.AdminWithoutDatabase",
    }
)
_KLINES: Final = "/api/klines/"
_HISTORY: Final = "/history"

Answering = Callable[[HttpRequest], HttpResponseBase]


class ShortWay:
    """Answers reads of candles."""

    def __init__(self) -> None:
        self._klines, self._history = resolve(_KLINES + "X"), resolve(_HISTORY)
        answering = _guarded(_view)
        for name in reversed(settings.MIDDLEWARE):
            if name not in _PASSED_BY:
                answering = _guarded(import_string(name)(answering))
        self._answering = answering

    def match(self, scope: dict[str, Any]) -> ResolverMatch | None:
        """The view of a request that can go this way, or None. The request must have no body."""
        path: str = scope["path"]
        if scope["method"] not in {"GET", "HEAD"} or scope.get("root_path"):
            return None
        if path == _HISTORY:
            found, named = self._history, {}
        elif path.startswith(_KLINES) and path.count("/") == _KLINES.count("/") and path != _KLINES:
            found, named = self._klines, {"symbol": path[len(_KLINES) :]}
        else:
            return None
        if any(name == b"cookie" for name, _ in scope["headers"]):
            return None
        return ResolverMatch(found.func, (), named, route=found.route)

    def answer(self, scope: dict[str, Any], match: ResolverMatch) -> HttpResponseBase:
        """In a thread: what the long way would answer."""
        # Connections that are of no use any more are looked for now, and not once more when the answer is made.
        signals.request_started.send(sender=type(self), scope=scope)
        request = ASGIRequest(scope, BytesIO())
        request.resolver_match = match
        return self._answering(request)


def _guarded(answering: Answering) -> Answering:
    """As Django does with each middleware: an exception becomes the answer of the root URLconf's handlers."""
    return cast("Answering", convert_exception_to_response(answering))


def _view(request: HttpRequest) -> HttpResponseBase:
    match = cast("ResolverMatch", request.resolver_match)
    response: HttpResponseBase = match.func(request, **match.kwargs)
    return response.render() if isinstance(response, SimpleTemplateResponse) else response
