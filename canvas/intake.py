"""Bodies that are too large, refused before the framework has taken them in.

Django's ASGI handler spools a whole body to a temporary file before a view can look at its length. This stands in
front of it, for the addresses of saved drawings.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import orjson

from canvas.outside import failure_body, is_our_path

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

MAX_BODY_BYTES: Final = 2 * 1024 * 1024


class LimitedBodies:
    """An ASGI application that answers 413 in place of `app` where a body is longer than a document can be."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_our_path(scope["path"]):
            await self._app(scope, receive, send)
        elif _announced(scope) > MAX_BODY_BYTES:
            await _refuse(scope, send)
        else:
            await self._counted(scope, receive, send)

    async def _counted(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """A body whose length was not announced, or not truly, is cut off where it becomes too long."""
        received = 0

        async def counting() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            # To the application, the client has gone: it gives up and answers nothing.
            return message if received <= MAX_BODY_BYTES else {"type": "http.disconnect"}

        await self._app(scope, counting, send)
        if received > MAX_BODY_BYTES:
            await _refuse(scope, send)


def _announced(scope: MutableMapping[str, Any]) -> int:
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    return int(length) if length.isdigit() else 0


async def _refuse(scope: MutableMapping[str, Any], send: Send) -> None:
    body = orjson.dumps(failure_body(scope["path"], f"body: at most {MAX_BODY_BYTES} bytes are read"))
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        # What is still on its way is not wanted.
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
