"""How the keeper shares out its time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from market.domain.bar import BarRow
from market.domain.growth import with_minutes
from market.domain.interval import Interval
from market.live import keeper as module
from market.live.hub import Hub
from market.live.keeper import Keeper
from market.live.series import Series
from market.live.socket import Socket
from tests.support.candles import ms, random_frame
from tests.unit.live_push.rows import rows_of

LONG = [interval for interval in Interval if interval is not Interval.M1]


@pytest.fixture
async def keeper(monkeypatch: pytest.MonkeyPatch) -> Keeper:
    """Of a hub that knows 20 symbols with seven longer series each, all still without a base."""
    hub = Hub()
    for number in range(20):
        feed = hub.feed(f"COIN{number}USDT")
        feed.minutes.is_started = True
        hub.keeper._ids[feed.symbol] = number
        for interval in LONG:
            hub.series(feed.symbol, interval).users.add(cast("Any", object()))
    hub.keeper._due.clear()
    return hub.keeper


async def test_a_round_of_loading_ends_in_time_and_is_followed_by_the_next(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where some can never be loaded: they do not keep the others from their turn."""
    asked: list[Series] = []
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: len(asked) * module._LOADING / 10))

    async def load(series: Series) -> None:
        """Each takes a tenth of the time of a round."""
        asked.append(series)

    monkeypatch.setattr(keeper, "_load", load)
    await keeper._load_series()
    assert len(asked) == 11
    assert keeper._due.is_set()
    while len(set(asked)) < 140:
        first = len(asked)
        await keeper._load_series()
        assert len(asked) > first
    assert len(asked) < 2 * 140


async def test_a_series_that_nobody_watches_any_more_is_not_loaded(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def load(series: Series) -> None:
        raise AssertionError(f"{series.feed.symbol} is asked for")

    monkeypatch.setattr(keeper, "_load", load)
    for feed in keeper._hub.feeds.values():
        for series in feed.series.values():
            series.users.clear()
    await keeper._load_series()


async def test_minutes_that_history_brings_are_in_the_bar_that_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    """No message tells of them, and until then the bar was right without them."""
    rows = rows_of(random_frame(3, ms("2024-03-05T09:10"), 60))
    stored = rows[30:]
    now = 100.0
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    hub = Hub()
    series = hub.series("BTCUSDT", Interval.D1)
    series.users.add(cast("Any", object()))
    series.feed.minutes.start(rows[30:], 0.0)
    hub.keeper._ids["BTCUSDT"] = 1

    async def query(read: object, **_: object) -> tuple[list[BarRow], list[BarRow]]:
        return with_minutes([], stored, Interval.D1), stored

    monkeypatch.setattr(hub.keeper, "_query", query)
    await hub.keeper._load_series()
    stored = rows
    await hub.keeper._reread()
    assert [series.base] == with_minutes([], rows[30:], Interval.D1)
    now += 31.0
    await hub.keeper._reread()
    assert [series.base] == with_minutes([], rows, Interval.D1)


async def test_a_bar_that_closes_while_it_is_read_again_is_sent_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = rows_of(random_frame(3, ms("2024-03-05T09:10"), 6))
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: 100.0))
    hub = Hub()
    socket = Socket(hub)
    series = hub.series("BTCUSDT", Interval.M5)
    series.users.add(socket)
    series.sockets.add(socket)
    series.feed.minutes.start(rows[:4], 0.0)
    series.base, series.is_ready = with_minutes([], rows[:4], Interval.M5)[0], True
    hub.keeper._ids["BTCUSDT"] = 1

    async def query(read: object, **_: object) -> tuple[list[BarRow], list[BarRow]]:
        for minute in rows[4:]:
            hub.take_closed(series.feed, minute, 100.0)
        return with_minutes([], rows[:4], Interval.M5), rows[:4]

    monkeypatch.setattr(hub.keeper, "_query", query)
    await hub.keeper._reread()
    assert len(socket.outbox) == 1
    assert [series.base] == with_minutes([], rows[5:], Interval.M5)
