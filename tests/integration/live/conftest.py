"""A collector against the exchange double, over real sockets, with a real database and a real Redis."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.conf import settings as django_settings
from pytest_django import Settings
from redis import Redis

from feeds.fakebinance.server import FakeExchange
from market.domain.window import from_datetime
from tests.support.live import Hub, Stage, staged

# 2026-03-20 12:00:40 UTC: 20 s before a minute's end.
NOW = from_datetime(dt.datetime(2026, 3, 20, 12, 0, 40, tzinfo=dt.UTC))
SPEED = 20.0

Staging = Callable[..., AbstractContextManager[Stage]]


@pytest.fixture
def staging(transactional_db: None, settings: Settings) -> Staging:
    """Makes a stage: `with staging(["BTCUSDT"], busy=True) as stage: ...`; its clock runs 20 times as fast."""
    redis = Redis.from_url(django_settings.REDIS_URL)
    redis.flushdb()
    redis.close()

    def point_at(exchange: FakeExchange) -> None:
        settings.BINANCE_ARCHIVE_URL = settings.BINANCE_REST_URL = exchange.url
        settings.PROXY = None
        # Of history only what the test itself lives through is wanted.
        settings.DATA_START = dt.date(2026, 3, 20)

    def stage(names: list[str], **config: Any) -> AbstractContextManager[Stage]:
        return staged(names, point_at, **{"start_ms": NOW, "speed": SPEED, **config})

    return stage


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()
    yield hub
    hub.close()
