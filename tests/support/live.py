"""A collector at work against the exchange double, and what it stores and sends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from channels.layers import get_channel_layer
from django.conf import settings
from redis import Redis

from feeds.fakebinance.server import FakeExchange
from feeds.live.collector import CollectorSettings, collect
from market.broadcast import GROUP, candles_of
from market.domain.candle import Candle
from market.domain.frame import CandleFrame
from market.domain.interval import Interval
from market.domain.window import MINUTE_MS, TimeWindow
from market.models import Symbol
from market.selectors.audit import stored_minutes
from tests.support.eventually import eventually


class RunningCollector:
    """A collector in a thread and an event loop of its own."""

    def __init__(self, collector: CollectorSettings) -> None:
        self._settings = collector
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._problems: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, name="collector", daemon=True)
        self._thread.start()
        self._ready.wait()

    def _run(self) -> None:
        async def work() -> None:
            self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
            self._ready.set()
            assert await collect(self._settings, self._stopping), "a thread hangs in the database"
            await _layer().flush()

        try:
            asyncio.run(work())
        except BaseException as problem:  # noqa: BLE001  (raised again where the collector is stopped)
            self._problems.append(problem)
        finally:
            self._ready.set()

    def stop(self) -> None:
        """As SIGTERM does; returns when everything is let go."""
        if self._thread.is_alive() and self._loop is not None and self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(15)
        assert not self._thread.is_alive(), f"the collector did not end within 15 s: {self._waiting()}"
        if self._problems:
            raise self._problems[0]

    def _waiting(self) -> list[str]:
        """Where each task of the collector stands."""
        assert self._loop is not None
        return [f"{task.get_name()}: {task.get_stack()}" for task in asyncio.all_tasks(self._loop)]


class Hub:
    """What a web process receives: every candle, in the order in which it was sent."""

    def __init__(self) -> None:
        self._redis = Redis.from_url(settings.REDIS_URL)
        self._subscription = self._redis.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        self._subscription.subscribe(f"kline__group__{GROUP}")
        self._candles: list[Candle] = []

    def candles(self, symbol: str | None = None) -> list[Candle]:
        """All that has come so far."""
        while (message := self._subscription.get_message(timeout=0.001)) is not None:
            self._candles += candles_of(_layer().deserialize(message["data"]))
        return [candle for candle in self._candles if symbol in {None, candle.symbol}]

    def closed(self, symbol: str | None = None) -> list[Candle]:
        return [candle for candle in self.candles(symbol) if candle.is_closed]

    def close(self) -> None:
        self._subscription.close()
        self._redis.close()


def _layer() -> Any:
    return get_channel_layer()


class Stage:
    """A double, the symbols that are tracked, and collectors that follow them."""

    def __init__(self, exchange: FakeExchange, **overrides: Any) -> None:
        self.exchange = exchange
        self.began = exchange.clock.now()
        self._overrides = overrides
        self._running: list[RunningCollector] = []

    def collector(self, **overrides: Any) -> RunningCollector:
        """Start one; it is stopped at the end of the test."""
        values = {
            "stream_url": self.exchange.url.replace("http", "ws", 1) + "/market",
            "redis_url": settings.REDIS_URL,
            "speed": self.exchange.clock.speed or 1.0,
            **self._overrides,
            **overrides,
        }
        running = RunningCollector(CollectorSettings(**values))
        self._running.append(running)
        return running

    def stop(self) -> None:
        for running in self._running:
            running.stop()

    def minute(self) -> int:
        """The minute that is forming at the exchange."""
        return Interval.M1.floor(self.exchange.clock.now())

    def stored(self, name: str) -> CandleFrame:
        """The stored minutes since the beginning of the test, but for the one that was half over then."""
        symbol = Symbol.objects.get(name=name)
        return stored_minutes(symbol_id=symbol.id, window=TimeWindow(self.first_whole, self.first_whole + 10**10))[0]

    @property
    def first_whole(self) -> int:
        return Interval.M1.next(self.began)

    def truth(self, name: str, end: int) -> CandleFrame:
        """What the exchange holds to be true, from the first whole minute of the test to `end`."""
        return truth_frame(self.exchange, name, TimeWindow(self.first_whole, end))

    def assert_complete(self, *names: str, minutes: int, within: float = 20.0) -> None:
        """Soon each symbol's minutes, so many from the first whole one of the test, are stored as they are true."""
        end = self.first_whole + minutes * MINUTE_MS

        def complete() -> bool:
            for name in names:
                stored = self.stored(name).slice(TimeWindow(self.first_whole, end))
                truth = self.truth(name, end)
                assert len(truth) == minutes, f"{name}: the exchange itself has only {len(truth)} of {minutes} minutes"
                assert np.array_equal(stored.time, truth.time), (
                    f"{name}: {sorted(set(truth.time.tolist()) - set(stored.time.tolist()))} are missing of {minutes}"
                )
                assert stored == truth, f"{name}: values differ"
            return True

        eventually(complete, within=within, every=0.1)


def truth_frame(exchange: FakeExchange, name: str, window: TimeWindow) -> CandleFrame:
    """The double's truth as a frame of floats."""
    bars = exchange.truth.bars(name, window)
    scale = bars.scale

    def of(values: Any, decimals: int) -> Any:
        return values / float(10**decimals)

    return CandleFrame(
        time=bars.time,
        open=of(bars.open, scale.price),
        high=of(bars.high, scale.price),
        low=of(bars.low, scale.price),
        close=of(bars.close, scale.price),
        volume=of(bars.volume, scale.quantity),
        quote_volume=of(bars.quote_volume, scale.quote),
        taker_buy_volume=of(bars.taker_buy_volume, scale.quantity),
        taker_buy_quote_volume=of(bars.taker_buy_quote_volume, scale.quote),
        trade_count=bars.trade_count,
    )


@contextmanager
def staged(names: Sequence[str], point_at: Callable[[FakeExchange], None], **config: Any) -> Iterator[Stage]:
    """A double with these symbols, all of them tracked."""
    overrides = config.pop("collector", {})
    with FakeExchange.running(symbols=tuple(names), **config) as exchange:
        point_at(exchange)
        for name in names:
            Symbol.objects.create(name=name, status="TRADING", contract_type="PERPETUAL", is_tracked=True)
        stage = Stage(exchange, **overrides)
        try:
            yield stage
        finally:
            stage.stop()
