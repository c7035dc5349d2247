"""How the keeper shares out its time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from market.domain.interval import Interval
from market.live import keeper as module
from market.live.hub import Hub
from market.live.keeper import Keeper
from market.live.series import Series

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
