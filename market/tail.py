"""The live tail: the newest minutes of each symbol, the forming one last, in Redis.

What the exchange has closed is in the database a few seconds later; what it has not closed is never there. In between,
reads take these minutes from here. The collector that streams a symbol is the only writer of its entry; it keeps the
forming minute and the last few closed ones, so that an entry overlaps with the database, and readers take from it only
what is newer than the newest stored minute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import orjson
from redis.asyncio import Redis as AsyncRedis

from market.domain.candle import Candle, values_of
from market.redis_client import impatient_redis

KEY: Final = "kline:tail"
# Closed minutes kept beside the forming one: more than a batch's delay to the database, less than a reader's patience.
CLOSED_KEPT: Final = 10


async def tail_write(redis: AsyncRedis, tails: Mapping[str, Sequence[Candle]]) -> None:
    """Replace the entries of these symbols; each is ascending in time, at most `CLOSED_KEPT` closed and one forming."""
    if tails:
        await redis.hset(KEY, mapping={symbol: _dump(candles) for symbol, candles in tails.items()})


async def tail_forget(redis: AsyncRedis, symbols: Sequence[str]) -> None:
    """Remove the entries of symbols that are no longer streamed."""
    if symbols:
        await redis.hdel(KEY, *symbols)


def tail_read(symbol: str) -> list[Candle]:
    """The symbol's entry, ascending in time; empty where none is streamed. Raises redis.RedisError."""
    text = impatient_redis().hget(KEY, symbol)
    return _load(symbol, text) if isinstance(text, bytes) else []


async def tails_read(redis: AsyncRedis, symbols: Sequence[str]) -> dict[str, list[Candle]]:
    """`tail_read` for many symbols at once; those without an entry are absent."""
    if not symbols:
        return {}
    texts = await redis.hmget(KEY, list(symbols))
    return {symbol: _load(symbol, text) for symbol, text in zip(symbols, texts, strict=True) if text}


def _dump(candles: Sequence[Candle]) -> bytes:
    return orjson.dumps([(*values_of(candle), candle.is_closed) for candle in candles])


def _load(symbol: str, text: bytes | str) -> list[Candle]:
    return [Candle(symbol, *row) for row in orjson.loads(text)]
