"""Beside a collector: the same stream read from the exchange, the group's messages, and how far they lie apart.

Prints one JSON object: the lags in ms from a frame's arrival here to the arrival of the group message that carries it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any, Final

import django
import orjson
from redis.asyncio import Redis
from websockets.asyncio.client import connect


async def main(stream_url: str, symbols: list[str], seconds: float) -> list[float]:
    from channels.layers import get_channel_layer
    from django.conf import settings

    from market.broadcast import GROUP, candles_of

    layer: Any = get_channel_layer()
    sent: dict[tuple[str, int, int, bool], float] = {}
    lags: list[float] = []
    wanted: Final = set(symbols)

    async def read_stream() -> None:
        names = "/".join(f"{symbol.lower()}@kline_1m" for symbol in symbols)
        async with connect(f"{stream_url}/stream?streams={names}", compression=None, proxy=None) as socket:
            while True:
                message = await socket.recv(decode=False)
                at = time.monotonic()
                bar = orjson.loads(message)["data"]["k"]
                sent[bar["s"], bar["t"], bar["n"], bar["x"]] = at

    async def read_group() -> None:
        redis = Redis.from_url(settings.REDIS_URL)
        async with redis.pubsub(ignore_subscribe_messages=True) as subscription:
            await subscription.subscribe(f"kline__group__{GROUP}")
            while True:
                message = await subscription.get_message(timeout=None)
                at = time.monotonic()
                if message is None:
                    continue
                for candle in candles_of(layer.deserialize(message["data"])):
                    if candle.symbol in wanted:
                        key = candle.symbol, candle.time, candle.trade_count, candle.is_closed
                        arrived = sent.pop(key, None)
                        if arrived is not None:
                            lags.append((at - arrived) * 1_000)

    tasks = [asyncio.create_task(read_stream()), asyncio.create_task(read_group())]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if not isinstance(result, asyncio.CancelledError):
            raise RuntimeError("the probe lost a connection") from result
    return lags


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "klineproject.settings")
    django.setup()
    found = asyncio.run(main(sys.argv[1], sys.argv[2].split(","), float(sys.argv[3])))
    sys.stdout.write(json.dumps(found) + "\n")
