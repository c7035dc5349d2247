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

from django.conf import settings

from market.access.handshake import Refusal, refusal_of, visitor_of
from market.access.limits import Places
from market.live.figures import FIGURES
from market.live.hub import Hub
from market.live.socket import Socket

logger = logging.getLogger(__name__)

PATH: Final = "/ws"
# Try again later: the client did not take what it was sent.
BEHIND: Final = 1013
# How long (seconds) a client that is behind is given to take the end of what was sent and the reason.
_FAREWELL: Final = 10.0

_NOT_HERE: Final = Refusal(404, "there is no socket at this address: /ws is")
_NO_PLACE: Final = Refusal(
    429, "too many sockets are open from this address: close one, or see SOCKETS_PER_ADDRESS", {"Retry-After": "10"}
)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class LiveSockets:
    """All push sockets of this process. The hub starts with the first one."""

    def __init__(self) -> None:
        self.hub: Hub | None = None
        self._places = Places(settings.SOCKETS_PER_ADDRESS)

    async def stop(self) -> None:
        if self.hub is not None:
            hub, self.hub = self.hub, None
            await hub.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, from its handshake to its end."""
        await receive()
        refusal = _NOT_HERE if scope["path"] != PATH else await refusal_of(scope)
        if refusal is not None:
            await _refuse(scope, send, refusal)
            return
        visitor = visitor_of(scope)
        if not self._places.take(visitor):
            await _refuse(scope, send, _NO_PLACE)
            return
        try:
            await send({"type": "websocket.accept"})
            await self._serve(receive, send)
        except OSError:
            # What a server raises when the client has gone.
            return
        finally:
            self._places.leave(visitor)

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
        FIGURES.opened += 1
        ended = "error"
        try:
            done, _ = await asyncio.wait({*tasks, socket.is_behind}, return_when=asyncio.FIRST_COMPLETED)
            ended = "behind" if socket.is_behind in done else "client"
        finally:
            FIGURES.closed[ended] += 1
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


async def _refuse(scope: Scope, send: Send, refusal: Refusal) -> None:
    """Answer the handshake with a status, where the server can; it is 403 where it cannot."""
    FIGURES.refused[str(refusal.status)] += 1
    with suppress(OSError):
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close"})
            return
        body = refusal.reason.encode()
        fields = {"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(body)), **refusal.headers}
        headers = [(name.lower().encode(), value.encode()) for name, value in fields.items()]
        await send({"type": "websocket.http.response.start", "status": refusal.status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": body})
