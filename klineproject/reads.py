"""The short way of what charts ask for again and again: candles, answered by the event loop itself.

A page takes its thread, its request object and its middleware longer than its database. None of them has anything to
say about an ordinary request that they have not said about the last one like it, so the short way repeats them: it
answers only what is like a request that went the long way and was answered with 200, with the headers of that answer.
Bodies come from the same readings as the views'. Whatever is not ordinary (a parameter that cannot be read, a limit
that is reached, a database that is away) goes the long way and is answered there, so no rule has a second form. Which
way a request took cannot be seen in its answer.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from django.conf import settings
from django.db import close_old_connections
from django.urls import resolve
from redis import RedisError
from rest_framework.settings import api_settings

from klineproject.postgres.links import Links
from market.access.addresses import visitor
from market.access.counters import READS, limiter
from market.api.klines import klines_answer
from market.caching import headers_of
from market.domain.clock import wall_clock_ms
from market.monitoring.requests import REQUESTS, SECONDS, SHORT
from market.redis_client import impatient_async_redis
from market.selectors.reading import Call, Need, Reading, TailOf
from market.store.prepared import Query
from market.tail import tails_read
from udf.history import history_answer

# Each keeps a connection to the database, beside those of the threads.
_LINKS: Final = 4
# Of more rows the body takes longer than the event loop may be kept from its other sockets.
_MOST_ROWS: Final = 2_000
# Middleware that says the same of two requests that are alike. With any other, everything goes the long way.
_REPEATABLE: Final = frozenset(
    {
        "market.monitoring.requests.CountRequests",
        "django.middleware.security.SecurityMiddleware",
        "whitenoise.middleware.WhiteNoiseMiddleware",
        "corsheaders.middleware.CorsMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
        "market.access.middleware.AccessMiddleware",
        "market.desk.middleware.AdminRefusals",
    }
)
# Who asks, what he has already, and a body without a length make a request unlike all others.
_PERSONAL: Final = frozenset(
    {
        *(b"cookie", b"authorization", b"transfer-encoding"),
        *(b"if-none-match", b"if-match", b"if-modified-since", b"if-unmodified-since"),
    }
)
# The one cookie that says nothing: a page of ours sends it since it asked for /api/session, and no middleware does
# anything about it in a read.
_IMPERSONAL_COOKIE: Final = re.compile(rf"{re.escape(settings.CSRF_COOKIE_NAME)}=[A-Za-z0-9]{{32}}".encode())
# Of two requests with the same values of these, the middleware and the framework say the same.
_TELLING: Final = frozenset({b"host", b"origin", b"accept"})
# Of an answer, what is about its body.
_OF_THE_BODY: Final = frozenset({b"etag", b"cache-control", b"content-length"})
# So many kinds are remembered, with so many bytes of telling headers at most.
_MOST_KINDS: Final = 256
_MOST_TOLD: Final = 1_000
_MOST_PARAMETERS: Final = 20

Scope = dict[str, Any]
Headers = list[tuple[bytes, bytes]]
InThread = Callable[..., Awaitable[Any]]
_Found = TypeVar("_Found")


# From an address's last part, the parameters and the moment (ms) to a body and its Cache-Control.
Answering = Callable[[str, Mapping[str, str], int], Reading[tuple[bytes, str]]]

_KLINES: Final = "/api/klines/"
_HISTORY: Final = "/history"
_ANSWERING: Final[dict[str, Answering]] = {
    _KLINES: klines_answer,
    _HISTORY: lambda _, query, now: history_answer(query, now),
}


@dataclass(frozen=True, slots=True)
class Kind:
    """What requests that are alike have in common."""

    address: str
    scheme: str
    telling: tuple[tuple[bytes, bytes], ...]


class ShortWay:
    """Answers reads of candles that are like others before them. For one event loop."""

    def __init__(self, in_thread: InThread) -> None:
        self._is_open = set(settings.MIDDLEWARE) <= _REPEATABLE and not settings.READS_NEED_TOKEN
        self._in_thread = in_thread
        self._links = Links(_LINKS)
        self._redis = impatient_async_redis()
        self._headers: dict[Kind, Headers] = {}
        self._answered, self._given_up = SHORT.labels("answered"), SHORT.labels("given up")
        self._figures = {}
        for address, route in ((_KLINES, resolve(_KLINES + "X").route), (_HISTORY, resolve(_HISTORY).route)):
            self._figures[address] = REQUESTS.labels("GET", f"/{route}", "200"), SECONDS.labels("GET", f"/{route}")

    async def stop(self) -> None:
        """Close what is open."""
        await self._links.stop()
        await self._redis.aclose()

    def kind_of(self, scope: Scope) -> Kind | None:
        """What the request is like; None where it is like no other. It must have no body."""
        path: str = scope["path"]
        if path == _HISTORY:
            address = _HISTORY
        elif path.startswith(_KLINES) and path.count("/") == _KLINES.count("/") and path != _KLINES:
            address = _KLINES
        else:
            return None
        if not self._is_open or scope["method"] != "GET" or scope.get("root_path"):
            return None
        headers: Headers = scope["headers"]
        if any(_is_personal(name, value) for name, value in headers):
            return None
        return Kind(address, scope["scheme"], tuple(header for header in headers if header[0] in _TELLING))

    def learn(self, kind: Kind, status: int, headers: Headers) -> None:
        """See how a request of this kind was answered on the long way."""
        if status != 200 or kind in self._headers or any(name == b"set-cookie" for name, _ in headers):
            return
        if sum(len(value) for _, value in kind.telling) > _MOST_TOLD:
            return
        if len(self._headers) >= _MOST_KINDS:
            # Hosts are few, but anybody can invent an Origin.
            self._headers.clear()
        self._headers[kind] = [header for header in headers if header[0] not in _OF_THE_BODY]

    async def answer(self, scope: Scope, kind: Kind) -> tuple[Headers, bytes] | None:
        """The headers and the body of a 200; None where the long way has to answer."""
        known = self._headers.get(kind)
        query = _parameters(scope["query_string"])
        if known is None or query is None or not self._links.are_open():
            return None
        begun = time.perf_counter()
        reading = _ANSWERING[kind.address](scope["path"][len(_KLINES) :], query, wall_clock_ms())
        try:
            found = await self._found(reading, scope)
        except Exception:  # noqa: BLE001  (whatever it is: the long way meets it as well, and has an answer to it)
            self._given_up.inc()
            return None
        if found is None:
            return None
        body, cache = found
        requests, seconds = self._figures[kind.address]
        self._answered.inc()
        requests.inc()
        seconds.observe(time.perf_counter() - begun)
        return [*known, *headers_of(body, cache)], body

    async def _found(self, reading: Reading[_Found], scope: Scope) -> _Found | None:
        """What the reading finds; None if that is not for here."""
        try:
            need = next(reading)
        except StopIteration:
            # It needs nothing, so the long way is as short.
            return None
        client = scope.get("client")
        asker = visitor(client[0] if client else None)
        if limiter(READS).look(asker):
            return None
        try:
            while not (isinstance(need, Query) and need.rows > _MOST_ROWS):
                try:
                    got = await self._get(need)
                except RedisError as problem:
                    need = reading.throw(problem)
                else:
                    need = reading.send(got)
        except StopIteration as end:
            found: _Found = end.value
            # Only now: the turn of what goes the long way is taken there.
            return None if limiter(READS).ask(asker) else found
        reading.close()
        return None

    async def _get(self, need: Need) -> Any:
        match need:
            case Query():
                return await self._links.run(need)
            case TailOf():
                return (await tails_read(self._redis, [need.symbol])).get(need.symbol, [])
            case Call():
                return await self._in_thread(_call, need.function)


def _is_personal(name: bytes, value: bytes) -> bool:
    return name in _PERSONAL and not (name == b"cookie" and _IMPERSONAL_COOKIE.fullmatch(value))


def _call(function: Callable[[], Any]) -> Any:
    """In a thread: with a connection that is not too old, as a request begins with."""
    close_old_connections()
    return function()


def _parameters(query: bytes) -> dict[str, str] | None:
    """As Django reads them; None where that is not certain."""
    try:
        parameters = dict(parse_qsl(query.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_PARAMETERS))
    except ValueError:
        return None
    return None if api_settings.URL_FORMAT_OVERRIDE in parameters else parameters
