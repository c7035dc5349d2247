"""The least that can push: an ASGI application that sends each text of each message to each socket, in order.

Run as `python -m tests.bench.bare_push` with REDIS_URL: on the product's server, without Django, without subscriptions,
without a thought for slow readers. It answers a ping, so that its readers know when they are in.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Any

import orjson
import uvicorn
from redis.asyncio import Redis

CHANNEL = "bench:bare"
_sockets: set[Any] = set()
_tasks: list[asyncio.Task[None]] = []


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "websocket":
        return
    if not _tasks:
        _tasks.append(asyncio.create_task(_push()))
    await receive()
    await send({"type": "websocket.accept"})
    _sockets.add(send)
    try:
        while (event := await receive())["type"] != "websocket.disconnect":
            if "ping" in event["text"]:
                await send({"type": "websocket.send", "text": '{"type":"pong"}'})
    finally:
        _sockets.discard(send)


async def _push() -> None:
    async with Redis.from_url(os.environ["REDIS_URL"]) as redis, redis.pubsub() as inbox:
        await inbox.subscribe(CHANNEL)
        async for message in inbox.listen():
            if message["type"] != "message":
                continue
            for text in orjson.loads(message["data"]):
                frame = {"type": "websocket.send", "text": text}
                for send in list(_sockets):
                    await send(frame)


if __name__ == "__main__":
    logging.basicConfig(level="INFO")
    uvicorn.run(application, host="127.0.0.1", port=0, access_log=False, log_config=None, lifespan="off")
