"""The web application, as an ASGI server loads it: HTTP goes to Django's threads, sockets to the live push.

Every view is synchronous. Django's own ASGI handler would serve each request in a new thread, and a new thread means a
new connection to the database; in a few threads that stay, connections and prepared statements stay as well.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from a2wsgi import WSGIMiddleware
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "klineproject.settings")

# Each keeps a connection to the database. A view takes milliseconds, so a few answer hundreds of requests a second.
_THREADS: Final = 4
# How much of a body that nobody wants is read, and for how long; whoever sends more is cut off.
_UNREAD_BYTES: Final = 8 << 20
_UNREAD_SECONDS: Final = 2.0

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

# First: the push imports models, which exist once Django is set up.
_threads = WSGIMiddleware(get_wsgi_application(), workers=_THREADS)  # type: ignore[arg-type]

from market.live.app import LiveSockets  # noqa: E402

_sockets = LiveSockets()


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """One request, one socket, or the life of the server."""
    match scope["type"]:
        case "websocket":
            await _sockets(scope, receive, send)
        case "lifespan":
            await _live(receive, send)
        case _:
            await _http(scope, receive, send)


async def _http(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """A request, in one of the threads. What a view has not read of the body is read here before the answer ends: a
    server that closes on unread bytes resets the connection, and the client never sees the answer that refused it."""
    has_more = True

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

    await _threads(scope, receiving, sending)  # type: ignore[arg-type]


async def _live(receive: Receive, send: Send) -> None:
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await _sockets.stop()
    await send({"type": "lifespan.shutdown.complete"})
