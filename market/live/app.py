"""The push socket as an ASGI application.

Written against ASGI itself and not as a Channels consumer: Channels passes through a thread before each call of a
handler and waits for two queues at once for each message, which costs more than all else that is done for a frame.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from market.access.origins import origin_is_allowed
from market.live.hub import Hub
from market.live.socket import Socket

logger = logging.getLogger(__name__)

PATH: Final = "/ws"
# Try again later: the client did not take what it was sent.
BEHIND: Final = 1013
# How long (seconds) a client that is behind is given to take the end of what was sent and the reason.
_FAREWELL: Final = 10.0

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class LiveSockets:
    """All push sockets of this process. The hub starts with the first one."""

    def __init__(self) -> None:
        self.hub: Hub | None = None

    async def stop(self) -> None:
        if self.hub is not None:
            hub, self.hub = self.hub, None
            await hub.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, from its handshake to its end."""
        await receive()
        if scope["path"] != PATH:
            await _refuse(scope, send, 404, "there is no socket at this address: /ws is")
            return
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if not origin_is_allowed(origin=headers.get(b"origin"), host=headers.get(b"host", "")):
            await _refuse(scope, send, 403, "this page may not open a socket here: see CORS_ALLOWED_ORIGINS")
            return
        try:
            await send({"type": "websocket.accept"})
            await self._serve(receive, send)
        except OSError:
            # What a server raises when the client has gone.
            return

    async def _serve(self, receive: Receive, send: Send) -> None:
        if self.hub is None:
            self.hub = Hub()
            self.hub.start()
        hub = self.hub
        socket = Socket(hub)
        hub.join(socket)
        tasks = [
            asyncio.create_task(socket.read(receive), name="socket: read"),
            asyncio.create_task(socket.write(send), name="socket: write"),
            asyncio.create_task(socket.catch_up.run(), name="socket: catch up"),
        ]
        try:
            done, _ = await asyncio.wait({*tasks, socket.is_behind}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            hub.leave(socket)
            socket.outbox.clear()
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        if socket.is_behind in done:
            with suppress(TimeoutError):
                await asyncio.wait_for(
                    send({"type": "websocket.close", "code": BEHIND, "reason": "the client does not keep up"}),
                    _FAREWELL,
                )
            return
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, OSError):
                raise result


async def _refuse(scope: Scope, send: Send, status: int, reason: str) -> None:
    """Answer the handshake with a status, where the server can; it is 403 where it cannot."""
    with suppress(OSError):
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close"})
            return
        body = reason.encode()
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
        await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": body})
