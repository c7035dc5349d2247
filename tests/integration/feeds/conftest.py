"""History loads against the exchange double, with one pool of worker processes for all tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async
from django.conf import settings as django_settings
from django.db import connections
from pytest_django import Settings
from redis import Redis

from feeds.binance import retries
from feeds.fakebinance.server import FakeExchange
from feeds.history import history_load
from feeds.processes import WorkerPool
from tests.support.candles import ms
from tests.support.loading import Loader, no_wait, reuse_processes


@pytest.fixture(scope="session")
def running_workers(django_db_setup: None) -> Iterator[WorkerPool]:
    """Worker processes on the test database. To start them costs seconds, so all tests use the same ones."""
    pool = WorkerPool(2)
    asyncio.run(pool.__aenter__())
    yield pool
    asyncio.run(pool.__aexit__(None, None, None))


@pytest.fixture
def no_connection_outlives_its_test() -> Iterator[None]:
    """Tasks and commands run an event loop of their own, whose database thread keeps its connection for the next."""
    yield
    asyncio.run(database_sync_to_async(connections.close_all)())


@pytest.fixture
def load_from(
    transactional_db: None,
    running_workers: WorkerPool,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[FakeExchange], Loader]:
    """Point the settings at a double and make a Loader for it."""
    reuse_processes(monkeypatch, running_workers)
    # What a retry waits for by itself is a matter of the client's own tests; what the exchange asks for is waited.
    monkeypatch.setattr(retries, "_backoff", no_wait)
    redis = Redis.from_url(django_settings.REDIS_URL)
    redis.flushdb()
    redis.close()

    def point_at(exchange: FakeExchange) -> Loader:
        settings.BINANCE_ARCHIVE_URL = settings.BINANCE_REST_URL = exchange.url
        settings.PROXY = None
        return Loader(exchange, run=async_to_sync(history_load))

    return point_at


@pytest.fixture
def exchange() -> Iterator[FakeExchange]:
    """A double with one symbol, at noon of 10 April 2024: March and all before it are published."""
    with FakeExchange.running(symbols=("BTCUSDT",), start_ms=ms("2024-04-10T12:00:05")) as running:
        yield running


@pytest.fixture
def loader(load_from: Callable[[FakeExchange], Loader], exchange: FakeExchange) -> Loader:
    """Loads BTCUSDT, which is tracked already, from that double."""
    loader = load_from(exchange)
    loader.track("BTCUSDT")
    exchange.requests.clear()
    return loader
