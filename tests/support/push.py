"""A collector's part of the live push, and a client of it."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any, Final

from channels.layers import get_channel_layer
from channels_redis.pubsub import RedisPubSubChannelLayer  # type: ignore[import-untyped]
from django.conf import settings
from redis.asyncio import Redis
from websockets.sync.client import ClientConnection, connect

from market.broadcast import GROUP, message, publish
from market.domain.candle import Candle
from market.domain.frame import CandleFrame
from market.domain.source import Source
from market.domain.window import MINUTE_MS
from market.models import Symbol
from market.tail import CLOSED_KEPT, KEY, tail_write
from tests.support.candles import load, make_symbol, random_frame
from tests.support.expected_store import Values, bucket_start, folded

_numbers: Final = itertools.count(1)


class Collector:
    """Publishes and keeps the tail at a Redis (the settings' own by default), in an event loop of its own."""

    def __init__(self, redis_url: str | None = None) -> None:
        self._layer = None if redis_url is None else RedisPubSubChannelLayer(hosts=[redis_url], prefix="kline")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._redis = Redis.from_url(redis_url or settings.REDIS_URL)

    def publish(self, *candles: Candle) -> None:
        self._do(self._publish(candles))

    def tail(self, symbol: str, candles: Sequence[Candle]) -> None:
        self._do(tail_write(self._redis, {symbol: candles}))

    def forget_tails(self) -> None:
        self._do(self._forget_tails())

    async def _publish(self, candles: Sequence[Candle]) -> None:
        if self._layer is None:
            await publish(candles)
        else:
            await self._layer.group_send(GROUP, message(candles))

    async def _forget_tails(self) -> None:
        await self._redis.delete(KEY)

    def close(self) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        layer = self._layer or get_channel_layer()
        assert layer is not None
        await layer.flush()
        await self._redis.aclose()

    def _do(self, work: Coroutine[Any, Any, Any]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)


@contextmanager
def collector(redis_url: str | None = None) -> Iterator[Collector]:
    one = Collector(redis_url)
    try:
        yield one
    finally:
        one.close()


class Market:
    """One symbol whose every minute is known, under a name that no other test has."""

    def __init__(self, collector: Collector, start: int, minutes: int, *, seed: int = 5) -> None:
        self.collector = collector
        self.symbol: Symbol = make_symbol(f"PUSH{next(_numbers)}USDT")
        self.name = self.symbol.name
        self.start = start
        self.frame: CandleFrame = random_frame(seed, start, minutes)

    def time(self, index: int) -> int:
        return self.start + index * MINUTE_MS

    def closed(self, index: int) -> Candle:
        """The minute as the exchange closes it."""
        frame = self.frame
        values = {field.name: getattr(frame, field.name)[index].item() for field in fields(frame)}
        return Candle(symbol=self.name, **values, is_closed=True)

    def forming(self, index: int, volume: float = 1.5) -> Candle:
        """The minute after its first trades."""
        whole = self.closed(index)
        return replace(
            whole,
            high=whole.open,
            low=whole.open,
            close=whole.open,
            volume=volume,
            taker_buy_volume=0.1,
            trade_count=1,
            is_closed=False,
        )

    def publish(self, *candles: Candle) -> None:
        self.collector.publish(*candles)

    def store(self, first: int, end: int, source: Source = Source.LIVE) -> None:
        """Commit the minutes [first, end)."""
        load(self.symbol, self.frame.take(slice(first, end)), source)

    def keep_tail(self, forming: int) -> None:
        """The tail as it is while this minute forms."""
        closed = [self.closed(index) for index in range(max(0, forming - CLOSED_KEPT), forming)]
        self.collector.tail(self.name, [*closed, self.forming(forming)])

    def bar(self, interval: str, at: int, last: int, *, forming: float | None = None) -> dict[str, Any]:
        """The bar that contains minute `at`, made of the minutes up to `last`, the last one forming if `forming` gives
        its volume so far; as frames show it."""
        opens = bucket_start(interval, self.time(at))
        rows = []
        for index in range(max(0, (opens - self.start) // MINUTE_MS), last + 1):
            if bucket_start(interval, self.time(index)) == opens:
                is_last = index == last and forming is not None
                rows.append(_values(self.forming(index, forming or 0.0) if is_last else self.closed(index)))
        whole = folded(rows)
        return {
            "symbol": self.name,
            "interval": interval,
            "timestamp": opens,
            **dict(zip(("open", "high", "low", "close", "volume"), whole[:5], strict=True)),
            "taker_buy_volume": whole[6],
        }


def _values(candle: Candle) -> Values:
    return (
        candle.open,
        candle.high,
        candle.low,
        candle.close,
        candle.volume,
        candle.quote_volume,
        candle.taker_buy_volume,
        candle.taker_buy_quote_volume,
        candle.trade_count,
    )


class Client:
    """A client of /ws that says and hears JSON."""

    def __init__(self, link: ClientConnection) -> None:
        self.link = link

    def say(self, kind: str, /, **data: Any) -> None:
        self.link.send(json.dumps({"type": kind, **({"data": data} if data else {})}))

    def subscribe(self, *symbols: str, **more: Any) -> None:
        self.say("subscribe", symbols=list(symbols), **more)

    def settle(self) -> None:
        """Return once all that was said is carried out, and forget what came before that."""
        self.say("ping")
        while self.hear()["type"] != "pong":
            pass

    def hear(self, within: float = 10.0) -> dict[str, Any]:
        """The next frame."""
        frame: dict[str, Any] = json.loads(self.link.recv(timeout=within))
        return frame

    def bars(self, count: int, *, closed: bool | None = None, within: float = 10.0) -> list[dict[str, Any]]:
        """The data of the next kline frames; with `closed`, of those that are or are not."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            frame = self.hear(within)
            assert frame["type"] == "kline", frame
            if closed is None or frame["data"]["is_closed"] is closed:
                found.append(frame["data"])
        return found

    def error(self) -> str:
        """The code of the next frame, which has to be an error."""
        frame = self.hear()
        assert frame["type"] == "error", frame
        assert set(frame["data"]) == {"code", "message"}
        return str(frame["data"]["code"])

    def silent(self, seconds: float = 0.3) -> bool:
        """Whether nothing comes for so long."""
        try:
            self.link.recv(timeout=seconds)
        except TimeoutError:
            return True
        return False


@contextmanager
def client(port: int, path: str = "/ws", **options: Any) -> Iterator[Client]:
    """A connected client; its handshake fails as `websockets` says."""
    # Without a bound, the library reads on by itself: one that has stopped reading does not notice the end either.
    options = {"compression": None, "open_timeout": 20, "max_queue": None, **options}
    with connect(f"ws://127.0.0.1:{port}{path}", **options) as link:
        yield Client(link)
