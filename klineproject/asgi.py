"""The web application, as an ASGI server loads it: HTTP goes to Django, sockets to the live push."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "klineproject.settings")

# First: the push imports models, which exist once Django is set up.
_http = get_asgi_application()

from market.live.app import LiveSockets  # noqa: E402

_sockets = LiveSockets()


async def application(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """One request, one socket, or the life of the server."""
    match scope["type"]:
        case "websocket":
            await _sockets(scope, receive, send)
        case "lifespan":
            await _live(receive, send)
        case _:
            await _http(scope, receive, send)  # type: ignore[arg-type]


async def _live(
    receive: Callable[[], Awaitable[dict[str, Any]]], send: Callable[[dict[str, Any]], Awaitable[None]]
) -> None:
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await _sockets.stop()
    await send({"type": "lifespan.shutdown.complete"})
