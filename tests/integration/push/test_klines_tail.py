"""GET /api/klines with the live tail merged in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from django.conf import settings
from django.http import HttpResponse
from rest_framework.test import APIRequestFactory

from market.api.klines import KlinesView
from market.redis_client import impatient_redis
from market.selectors import candles as selector
from market.store import pages
from tests.support.candles import ms
from tests.support.push import Collector, Market

pytestmark = pytest.mark.django_db(transaction=True)

EVERY = ("1m", "5m", "15m", "1h", "4h", "1d", "1w", "1M")


def bars(market: Market, query: str = "", *, forming: int = 60) -> list[dict[str, Any]]:
    request = APIRequestFactory().get(f"/api/klines/{market.name}?{query}")
    now = market.time(forming) + 30_000
    response = KlinesView.as_view(now=lambda: now)(request, symbol=market.name)
    assert isinstance(response, HttpResponse)
    assert response.status_code == 200
    return list(orjson.loads(response.content)["data"])


def shown(bar: dict[str, Any], interval: str) -> dict[str, Any]:
    """An answer's row as frames show the same bar."""
    return {
        "interval": interval,
        **{name: value for name, value in bar.items() if name not in {"net_volume", "is_closed"}},
    }


@pytest.mark.parametrize("interval", EVERY)
@pytest.mark.parametrize("stored", [60, 57, 53])
def test_the_newest_bar_is_the_forming_one_of_the_timeframe(publisher: Collector, interval: str, stored: int) -> None:
    market = Market(publisher, ms("2024-03-05T09:10"), 120)
    market.store(0, stored)
    market.keep_tail(60)
    newest = bars(market, f"interval={interval}")[-1]
    assert (shown(newest, interval), newest["is_closed"]) == (market.bar(interval, 60, 60, forming=1.5), False)


@pytest.mark.parametrize("interval", ["1m", "5m"])
def test_bars_that_only_the_tail_completes_are_closed(publisher: Collector, interval: str) -> None:
    market = Market(publisher, ms("2024-03-05T09:10"), 120)
    market.store(0, 53)
    market.keep_tail(61)
    rows = bars(market, f"interval={interval}", forming=61)
    length = {"1m": 1, "5m": 5}[interval]
    starts = range(0, 62, length)
    last = {start: min(start + length - 1, 61) for start in starts}
    assert [shown(row, interval) for row in rows] == [
        market.bar(interval, start, last[start], forming=1.5 if last[start] == 61 else None) for start in starts
    ]
    assert [row["is_closed"] for row in rows] == [True] * (len(rows) - 1) + [False]


def test_a_closed_minute_at_the_end_of_the_tail_is_closed(market: Market) -> None:
    market.collector.tail(market.name, [market.closed(59), market.closed(60)])
    assert bars(market)[-1]["is_closed"] is True
    assert bars(market, "interval=5m")[-1]["is_closed"] is False


def test_the_limit_counts_the_forming_bar(market: Market) -> None:
    market.keep_tail(60)
    assert [row["timestamp"] for row in bars(market, "limit=2")] == [market.time(59), market.time(60)]


def test_an_end_before_the_forming_bar_leaves_it_out(market: Market) -> None:
    market.keep_tail(60)
    newest = bars(market, f"end_time={market.time(60) - 1}")[-1]
    assert (newest["timestamp"], newest["is_closed"]) == (market.time(59), True)


def test_an_end_inside_the_forming_bar_takes_it_whole(market: Market) -> None:
    market.keep_tail(62)
    newest = bars(market, f"interval=15m&end_time={market.time(50)}", forming=62)[-1]
    assert shown(newest, "15m") == market.bar("15m", 50, 62, forming=1.5)


def test_a_symbol_without_history_has_its_forming_bar(publisher: Collector) -> None:
    market = Market(publisher, ms("2024-03-05T09:10"), 5)
    market.keep_tail(0)
    assert [(row["timestamp"], row["is_closed"]) for row in bars(market, forming=0)] == [(market.time(0), False)]


def test_a_tail_that_nobody_keeps_any_more_changes_nothing(market: Market) -> None:
    market.keep_tail(40)
    assert [row["timestamp"] for row in bars(market)] == [market.time(index) for index in range(60)]
    fives = bars(market, "interval=5m")
    assert shown(fives[-1], "5m") == market.bar("5m", 59, 59)


@contextmanager
def flush_before_the_read(market: Market, first: int, end: int) -> Iterator[None]:
    """The collector's batch is committed after the tail was read and before the bars are."""
    plain = pages.page_and_minute_query

    def late(*args: Any, **options: Any) -> Any:
        market.store(first, end)
        return plain(*args, **options)

    pages.page_and_minute_query = late
    try:
        yield
    finally:
        pages.page_and_minute_query = plain


@pytest.mark.parametrize("interval", EVERY)
def test_a_flush_between_both_reads_counts_no_minute_twice(publisher: Collector, interval: str) -> None:
    market = Market(publisher, ms("2024-03-05T09:10"), 120)
    market.store(0, 55)
    market.keep_tail(60)
    with flush_before_the_read(market, 55, 60):
        newest = bars(market, f"interval={interval}")[-1]
    assert shown(newest, interval) == market.bar(interval, 60, 60, forming=1.5)


@pytest.mark.parametrize("interval", EVERY)
def test_a_minute_that_closes_between_both_reads_is_closed(publisher: Collector, interval: str) -> None:
    market = Market(publisher, ms("2024-03-05T09:10"), 120)
    market.store(0, 55)
    market.keep_tail(60)
    with flush_before_the_read(market, 55, 61):
        newest = bars(market, f"interval={interval}")[-1]
    assert shown(newest, interval) == market.bar(interval, 60, 60)


def test_without_redis_the_stored_bars_are_answered_at_once(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    market.keep_tail(60)
    monkeypatch.setattr(selector, "_redis_retry_at", 0.0)
    impatient_redis.cache_clear()
    url = "redis://127.0.0.1:1"
    monkeypatch.setattr(settings, "REDIS_URL", url)
    try:
        began = time.monotonic()
        assert bars(market)[-1]["timestamp"] == market.time(59)
        assert time.monotonic() - began < 1.0
    finally:
        impatient_redis.cache_clear()
