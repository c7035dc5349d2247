"""Who may open a push socket, decided before it is accepted."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Final

from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.db import Error as DatabaseError
from django.http import HttpResponse
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request

from market.access.addresses import visitor
from market.access.authentication import BySession, ByToken, user_of
from market.access.counters import READS, limiter
from market.access.origins import origin_is_allowed

# Not the thread that everything else of the event loop shares: a database that hangs must not hold that one.
_threads: Final = ThreadPoolExecutor(max_workers=2, thread_name_prefix="handshake")
# How long (seconds) the database is waited for, and when to ask again if it does not answer.
_PATIENCE: Final = 2.0
_AGAIN: Final = {"Retry-After": "2"}
_WHO: Final = (
    "it has to be known who asks: send the header `Authorization: Token ...` or the parameter `token`, or log in at "
    "/admin/login/"
)


@dataclass(frozen=True)
class Refusal:
    """What to answer instead of a socket."""

    status: int
    reason: str
    headers: Mapping[str, str] = field(default_factory=dict)


async def refusal_of(scope: Mapping[str, Any]) -> Refusal | None:
    """Why a handshake is not accepted; None if it is.

    1. The page that it comes from has to be allowed.
    2. It counts as a read of its address.
    3. With READS_NEED_TOKEN its user has to be known: by the header Authorization, by a login's cookie, or by the
       parameter `token`, as a browser's page of another origin can send neither.
    """
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    if not origin_is_allowed(origin=headers.get(b"origin"), host=headers.get(b"host", "")):
        return Refusal(403, "this page may not open a socket here: see CORS_ALLOWED_ORIGINS")
    wait = limiter(READS).ask(visitor_of(scope))
    if wait:
        return _too_many(wait)
    return await _refusal_of_user(scope) if settings.READS_NEED_TOKEN else None


def visitor_of(scope: Mapping[str, Any]) -> str:
    """Whom a connection counts for."""
    client = scope.get("client")
    return visitor(client[0] if client else None)


async def _refusal_of_user(scope: Mapping[str, Any]) -> Refusal | None:
    refusal = None
    try:
        async with asyncio.timeout(_PATIENCE):
            read = database_sync_to_async(_is_known, thread_sensitive=False, executor=_threads)
            if not await read(scope):
                refusal = _unknown(_WHO)
    except Throttled as throttled:
        # Set by the framework without declaring it.
        refusal = _too_many(getattr(throttled, "wait", None) or 1.0)
    except AuthenticationFailed as failed:
        refusal = _unknown(str(failed.detail))
    except (SuspiciousOperation, ValueError):
        refusal = Refusal(400, "the request cannot be read: its headers or its address are malformed")
    except (DatabaseError, TimeoutError):
        refusal = Refusal(503, "the database does not answer, so it cannot be told who asks", _AGAIN)
    return refusal


def _is_known(scope: Mapping[str, Any]) -> bool:
    """Whether the handshake, taken for the GET request that it is, has a user."""
    plain = ASGIRequest({**scope, "method": "GET"}, BytesIO())
    token = plain.GET.get("token")
    if token is not None:
        # What is not ASCII is no token; in a header it could not even be refused.
        plain.META.setdefault("HTTP_AUTHORIZATION", f"Token {token.encode('ascii', 'replace').decode()}")
    SessionMiddleware(_no_answer).process_request(plain)
    AuthenticationMiddleware(_no_answer).process_request(plain)
    return user_of(Request(plain, authenticators=[ByToken(), BySession()])) is not None


def _no_answer(_: object) -> HttpResponse:
    """What a middleware would go on to; only the half of it that looks at the request is used here."""
    return HttpResponse()


def _too_many(wait: float) -> Refusal:
    seconds = str(math.ceil(wait))
    return Refusal(429, f"too many requests: try again in {seconds} s", {"Retry-After": seconds})


def _unknown(reason: str) -> Refusal:
    return Refusal(401, reason, {"WWW-Authenticate": ByToken.keyword})
