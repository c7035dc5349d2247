"""The web application, as an ASGI server loads it: HTTP goes to Django's threads, sockets to the live push; what is
read again and again is answered without a thread.

Every view is synchronous. Django's own ASGI handler would serve each request in a new thread, and a new thread means a
new connection to the database; in a few threads that stay, connections and prepared statements stay as well.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import Any, Final

import django
from django.conf import settings

from klineproject.forwarded import as_client_sees_it

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "klineproject.settings")

# Each keeps a connection to the database. A view takes milliseconds, so a few answer hundreds of requests a second.
_THREADS: Final = 4
# The longest body that the views take, by the beginning of their address, and how long one may take to arrive.
_BODY_BYTES: Final = {"/api": 64 << 10, "": 2 << 20}
_BODY_SECONDS: Final = 20.0
_ANNOUNCE_BODY: Final = frozenset({b"content-length", b"transfer-encoding"})
# How much of a body that nobody wants is read, and for how long; whoever sends more is cut off.
_UNREAD_BYTES: Final = 8 << 20
_UNREAD_SECONDS: Final = 2.0

# First: the push imports models, which exist once Django is set up.
django.setup(set_prefix=False)

from klineproject.http import Receive, Send, ThreadedHandler  # noqa: E402
from klineproject.postgres.silence import be_impatient  # noqa: E402
from klineproject.urls import refusal  # noqa: E402
from market.access.checks import refuse_unsafe_start  # noqa: E402
from market.live.app import LiveSockets  # noqa: E402
from market.monitoring.app import PATHS, Monitoring  # noqa: E402
from market.monitoring.process import IN_FLIGHT  # noqa: E402

refuse_unsafe_start()
be_impatient()
_views = ThreadedHandler(threads=_THREADS)
_sockets = LiveSockets()
_monitoring = Monitoring()


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """One request, one socket, or the life of the server."""
    match scope["type"]:
        case "lifespan":
            await _live(receive, send)
        case "websocket":
            await _sockets(as_client_sees_it(scope, settings.TRUSTED_PROXIES), receive, send)
        case _ if scope["path"] in PATHS:
            await _monitoring(scope, receive, send)
        case _:
            with IN_FLIGHT.one():
                await _http(as_client_sees_it(scope, settings.TRUSTED_PROXIES), receive, send)


async def _http(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """A request, in one of the threads.

    1. A body is collected first: a client that trickles one must not hold a thread. Of one that is longer than the
       view wants only the beginning is handed over; the view refuses it by its length, or when it reads on.
    2. What the view has not read is read before the answer ends: a server that closes on unread bytes resets the
       connection, and the client never sees the answer that refused it.
    """
    if not _has_body(scope):
        await _views(scope, b"", receive, send, is_whole=True)
        return
    collected: list[bytes] = []
    has_more = True
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            size, most = _length(scope), _most(scope["path"])
            while has_more and size <= most:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                collected.append(message.get("body", b""))
                size = max(size, sum(map(len, collected)))
                has_more = bool(message.get("more_body"))
    except TimeoutError:
        await _answer_late_body(scope["path"], send)
        return

    async def receiving() -> dict[str, Any]:
        nonlocal has_more
        message = await receive()
        has_more = bool(message.get("more_body"))
        return message

    async def sending(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body"):
            left = _UNREAD_BYTES
            with suppress(TimeoutError):
                async with asyncio.timeout(_UNREAD_SECONDS):
                    while has_more and left > 0:
                        left -= len((await receiving()).get("body", b""))
        await send(message)

    await _views(scope, b"".join(collected), receiving, sending, is_whole=not has_more)


def _most(path: str) -> int:
    return next(most for begin, most in _BODY_BYTES.items() if path.startswith(begin))


def _has_body(scope: dict[str, Any]) -> bool:
    """Whether a body follows, which HTTP/1.1 says by one of two headers."""
    return any(name in _ANNOUNCE_BODY for name, _ in scope["headers"])


def _length(scope: dict[str, Any]) -> int:
    """The length of the body that the client has announced; 0 where it has not."""
    announced = dict(scope["headers"]).get(b"content-length", b"")
    return int(announced) if announced.isdigit() else 0


async def _answer_late_body(path: str, send: Send) -> None:
    answer = refusal(path, 408, "body: did not arrive in time")
    headers = [(name.lower().encode(), value.encode()) for name, value in answer.items()]
    await send({"type": "http.response.start", "status": 408, "headers": [*headers, (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": answer.content})


async def _live(receive: Receive, send: Send) -> None:
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await _sockets.stop()
    await _views.stop()
    await send({"type": "lifespan.shutdown.complete"})
