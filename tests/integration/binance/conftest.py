"""The exchange double on a real socket, and clients that talk to it."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Iterator

import pytest

from feeds.binance.archive import ArchiveClient
from feeds.binance.pacing import LocalPacer
from feeds.binance.proxies import ProxyPool
from feeds.binance.rest import RestClient
from feeds.fakebinance.server import FakeExchange
from market.domain.clock import wall_clock_ms
from market.domain.window import from_datetime

# 2026-03-20 12:00:30 UTC: February's file and yesterday's are published, a minute is half over.
NOW = from_datetime(dt.datetime(2026, 3, 20, 12, 0, 30, tzinfo=dt.UTC))


@pytest.fixture
def exchange() -> Iterator[FakeExchange]:
    """A double whose clock stands still at NOW."""
    symbols = ("BTCUSDT", "ETHUSDT", "币安人生USDT")
    with FakeExchange.running(symbols=symbols, start_ms=NOW, speed=0.0) as running:
        yield running


class Naps:
    """Waits without waiting: remembers how long, and has a clock that knows."""

    def __init__(self) -> None:
        self.taken: list[float] = []
        self._started_ms = wall_clock_ms()

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)

    def now_ms(self) -> int:
        return self._started_ms + round(sum(self.taken) * 1_000)


@pytest.fixture
def naps() -> Naps:
    return Naps()


@pytest.fixture
async def pool() -> AsyncIterator[ProxyPool]:
    async with ProxyPool() as direct:
        yield direct


@pytest.fixture
def archive(exchange: FakeExchange, pool: ProxyPool, naps: Naps) -> ArchiveClient:
    return ArchiveClient(exchange.url, pool, sleep=naps, download_timeout_s=5.0)


@pytest.fixture
def rest(exchange: FakeExchange, pool: ProxyPool, naps: Naps) -> RestClient:
    return RestClient(exchange.url, pool, LocalPacer(now_ms=naps.now_ms), sleep=naps)
