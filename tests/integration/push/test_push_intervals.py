"""Bars of longer timeframes, exact from the first frame on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from market.domain.source import Source
from market.domain.window import MINUTE_MS
from tests.support.candles import load, ms
from tests.support.push import Client, Collector, Market

pytestmark = pytest.mark.django_db(transaction=True)

LONGER = ("5m", "15m", "1h", "4h", "1d", "1w", "1M")


def shown(bar: dict[str, Any]) -> dict[str, Any]:
    """A frame's data without what follows from the rest."""
    return {name: value for name, value in bar.items() if name not in {"net_volume", "is_closed"}}


def watch(browser: Client, market: Market, *intervals: str, **more: Any) -> None:
    browser.subscribe(market.name, intervals=list(intervals), **more)
    assert browser.hear()["type"] == "subscribed"


def first_bars(browser: Client, market: Market, index: int, count: int, volume: float = 1.5) -> list[dict[str, Any]]:
    """The first frames that come while this minute forms, one a series."""
    found: dict[str, dict[str, Any]] = {}
    for _ in range(100):
        market.publish(market.forming(index, volume))
        while not browser_is_quiet(browser, found):
            pass
        if len(found) == count:
            return list(found.values())
    raise AssertionError(f"only {sorted(found)} came")


def browser_is_quiet(browser: Client, found: dict[str, dict[str, Any]]) -> bool:
    try:
        bar = browser.bars(1, within=0.1)[0]
    except TimeoutError:
        return True
    found.setdefault(bar["interval"], bar)
    return False


def test_the_first_frame_of_each_timeframe_has_all_minutes_of_its_bar(market: Market, browser: Client) -> None:
    market.keep_tail(60)
    watch(browser, market, *LONGER)
    bars = first_bars(browser, market, 60, len(LONGER), volume=2.75)
    assert {bar["interval"]: shown(bar) for bar in bars} == {
        interval: market.bar(interval, 60, 60, forming=2.75) for interval in LONGER
    }
    assert not any(bar["is_closed"] for bar in bars)


def test_minutes_that_are_in_the_tail_only_are_in_the_first_frame(publisher: Collector, browser: Client) -> None:
    market = Market(publisher, ms("2024-03-05T09:10"), 120)
    market.store(0, 54)
    market.keep_tail(60)
    watch(browser, market, *LONGER)
    bars = first_bars(browser, market, 60, len(LONGER))
    assert {bar["interval"]: shown(bar) for bar in bars} == {
        interval: market.bar(interval, 60, 60, forming=1.5) for interval in LONGER
    }


def test_a_bar_closes_with_its_last_minute_and_the_next_one_opens(market: Market, browser: Client) -> None:
    market.keep_tail(62)
    watch(browser, market, "5m")
    for index in (60, 61, 62, 63):
        market.publish(market.closed(index))
    first_bars(browser, market, 64, 1)
    market.publish(market.closed(64), market.forming(65))
    closed, opened = browser.bars(2)
    assert (shown(closed), closed["is_closed"]) == (market.bar("5m", 64, 64), True)
    assert (shown(opened), opened["is_closed"]) == (market.bar("5m", 65, 65, forming=1.5), False)


def test_a_minute_that_no_message_told_of_is_read_from_the_database(market: Market, browser: Client) -> None:
    watch(browser, market, "15m")
    first_bars(browser, market, 60, 1)
    market.store(60, 63)
    bar = first_bars(browser, market, 63, 1, volume=4.5)[0]
    while bar["volume"] != market.bar("15m", 63, 63, forming=4.5)["volume"]:
        market.publish(market.forming(63, 4.5))
        bar = browser.bars(1)[0]
    assert shown(bar) == market.bar("15m", 63, 63, forming=4.5)


def test_a_bar_with_a_missing_minute_is_not_shown_until_it_has_come(market: Market, browser: Client) -> None:
    watch(browser, market, "15m")
    first_bars(browser, market, 60, 1)
    # Minute 60 is lost: nobody has stored it either.
    market.publish(market.closed(61), market.forming(62))
    assert browser.silent(0.5)
    market.publish(market.closed(60))
    bar = first_bars(browser, market, 62, 1)[0]
    assert shown(bar) == market.bar("15m", 62, 62, forming=1.5)


def test_a_corrected_minute_corrects_the_bar_that_forms(market: Market, browser: Client) -> None:
    watch(browser, market, "15m")
    market.publish(market.closed(60))
    market.store(60, 61)
    first_bars(browser, market, 61, 1)
    corrected = replace(market.closed(60), volume=1_000.125)
    market.publish(corrected)
    rows = market.frame.take(slice(60, 61))
    rows.volume[0] = corrected.volume
    load(market.symbol, rows, Source.REST)
    before = market.bar("15m", 61, 61, forming=1.5)["volume"]
    bar = first_bars(browser, market, 61, 1)[0]
    assert bar["volume"] == round(before - market.closed(60).volume + 1_000.125, 3)


def test_a_symbol_without_history_has_bars_from_its_first_minute_on(publisher: Collector, browser: Client) -> None:
    market = Market(publisher, ms("2024-03-05T09:11"), 20)
    watch(browser, market, "5m")
    market.publish(market.forming(0))
    market.publish(market.closed(0))
    bar = first_bars(browser, market, 1, 1)[0]
    assert shown(bar) == market.bar("5m", 1, 1, forming=1.5)


def test_a_late_forming_frame_of_a_closed_minute_is_not_shown(market: Market, browser: Client) -> None:
    watch(browser, market, "1m")
    market.publish(market.closed(60), market.forming(60))
    assert [bar["is_closed"] for bar in browser.bars(1)] == [True]
    assert browser.silent()


@pytest.mark.parametrize("interval", ["5m", "1h"])
def test_bars_closed_since_then_come_first_and_once(market: Market, browser: Client, interval: str) -> None:
    """Although the last of them is not in the database yet."""
    market.publish(*(market.closed(index) for index in range(60, 67)))
    since = market.time(0) - 60 * MINUTE_MS
    watch(browser, market, interval, since=since)
    length = {"5m": 5, "1h": 60}[interval]
    wanted = [index for index in range(67) if (market.time(index + 1) // MINUTE_MS) % length == 0]
    bars = browser.bars(len(wanted))
    assert [shown(bar) for bar in bars] == [market.bar(interval, index, index) for index in wanted]
    assert all(bar["is_closed"] for bar in bars)
    assert browser.silent()
