"""The chart: first candles, the growing bar, other timeframes, the past, and a server that goes away."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from itertools import pairwise

import pytest

from tests.support.chart_stack import HISTORY_DAYS, ChartStack
from tests.support.eventually import eventually
from tests.support.visitor import Visitor

pytestmark = pytest.mark.timeout(240)

_MINUTE_MS = 60_000


def test_the_first_candles_are_there_within_a_second(visit: Callable[..., Visitor]) -> None:
    # The second visit is the usual one: the browser has the files, though it asks whether they are still the same.
    visit().open()
    visitor = visit()
    visitor.open()
    visitor.until("() => performance.getEntriesByName('first-candles').length > 0")
    took = visitor.ask("() => performance.getEntriesByName('first-candles')[0].startTime")
    print(f"first candles after {took:.0f} ms")
    # Alone on a machine it takes less than a second; a busy one may take longer.
    assert took < 3_000


def test_the_newest_bar_grows(visitor: Visitor) -> None:
    visitor.open()
    before = visitor.bars()[-1]
    visitor.until(
        f"() => page.feed.bars.at(-1).timestamp > {before['timestamp']}"
        f" || page.feed.bars.at(-1).volume > {before['volume']}"
    )
    visitor.sees(lambda: visitor.text("#link-text") == "live")


def test_the_newest_bar_shows_in_the_legend_and_the_title(visitor: Visitor) -> None:
    visitor.open("ETHUSDT", "1h")

    def agree() -> bool:
        close = visitor.page.inner_text("[data-field=close]")
        return close != "" and close == visitor.text("#price") and visitor.page.title().startswith(close)

    visitor.sees(agree)


def test_the_legend_shows_the_bar_under_the_crosshair(visitor: Visitor) -> None:
    visitor.open("BTCUSDT", "1h")
    newest = visitor.text("[data-field=volume]")
    bar = visitor.ask(
        """() => {
          const bar = page.feed.bars.at(-20);
          const [{ x }] = page.chart.convertToPixel([{ timestamp: bar.timestamp }], { paneId: "candle_pane" });
          return { x, open: bar.open, close: bar.close };
        }"""
    )
    left = visitor.ask("() => document.querySelector('#chart').getBoundingClientRect().left")
    visitor.page.mouse.move(left + bar["x"], 300)
    visitor.sees(lambda: visitor.text("[data-field=open]") == f"{bar['open']:,.1f}")
    assert visitor.text("[data-field=close]") == f"{bar['close']:,.1f}"
    assert visitor.text("[data-field=volume]") != newest
    visitor.page.mouse.move(5, 5)
    visitor.sees(lambda: visitor.text("[data-field=close]") == visitor.text("#price"))


@pytest.mark.parametrize("interval", ["5m", "1d", "1M"])
def test_another_timeframe_shows_what_the_server_has(visitor: Visitor, stack: ChartStack, interval: str) -> None:
    visitor.open()
    visitor.press(interval)
    visitor.until_shown("BTCUSDT", interval)
    assert f"interval={interval}" in visitor.page.url
    fields = ("timestamp", "open", "high", "low", "close", "volume", "net_volume", "taker_buy_volume")
    shown = [bar for bar in visitor.bars() if bar["is_closed"]]
    served = {bar["timestamp"]: bar for bar in stack.get("/api/klines/BTCUSDT", interval=interval, limit=1_500)}
    assert shown == [] if interval == "1M" else len(shown) >= HISTORY_DAYS
    for bar in shown:
        assert [bar[name] for name in fields] == [served[bar["timestamp"]][name] for name in fields]


def test_back_returns_to_what_was_shown_before(visitor: Visitor) -> None:
    visitor.open("BTCUSDT", "1h")
    visitor.press("5m")
    visitor.until_shown("BTCUSDT", "5m")
    visitor.page.go_back()
    visitor.until_shown("BTCUSDT", "1h")


def test_scrolling_into_the_past_loads_older_bars_without_a_repeat(visitor: Visitor) -> None:
    visitor.open()
    first = visitor.bars()[0]["timestamp"]
    visitor.until("() => { page.chart.scrollByDistance(4000); return page.feed.bars.length > 2500; }", within=30)
    times = [bar["timestamp"] for bar in visitor.bars()]
    assert times[0] < first
    assert {later - earlier for earlier, later in pairwise(times)} == {_MINUTE_MS}


def test_the_past_ends_where_the_history_begins(visitor: Visitor) -> None:
    visitor.open("ETHUSDT", "15m")

    def is_at_the_end() -> bool:
        visitor.ask("() => page.chart.scrollByDistance(4000)")
        return bool(visitor.ask("() => page.feed.isExhausted"))

    visitor.sees(is_at_the_end)
    begin = dt.datetime.combine(dt.datetime.now(dt.UTC).date() - dt.timedelta(days=HISTORY_DAYS), dt.time(), dt.UTC)
    assert visitor.bars()[0]["timestamp"] == begin.timestamp() * 1_000


def test_a_late_answer_for_another_symbol_is_not_shown(visitor: Visitor) -> None:
    visitor.open("BTCUSDT", "1h")
    visitor.ask("() => { page.show({ symbol: 'ETHUSDT' }); page.show({ symbol: 'BTCUSDT' }); }")
    visitor.ask("() => { page.show({ symbol: 'ETHUSDT' }); }")
    visitor.until_shown("ETHUSDT", "1h")
    visitor.page.wait_for_timeout(500)
    assert all(1_000 < bar["close"] < 10_000 for bar in visitor.bars())


def test_typing_finds_a_symbol_and_enter_shows_it(visitor: Visitor) -> None:
    visitor.open("BTCUSDT", "5m")
    visitor.until("() => page.watch.quotes.size === page.watch.symbols.length && page.watch.symbols.length > 1")
    visitor.page.keyboard.press("/")
    visitor.page.keyboard.type("eth")
    option = visitor.page.get_by_role("option").first
    assert option.inner_text().startswith("ETHUSDT")
    assert "%" in option.inner_text()
    visitor.page.keyboard.press("Enter")
    visitor.until_shown("ETHUSDT", "5m")
    assert "symbol=ETHUSDT" in visitor.page.url


def test_the_chart_catches_up_after_the_server_was_away(visitor: Visitor, stack: ChartStack) -> None:
    visitor.expect("ERR_CONNECTION", "WebSocket connection", "Failed to load resource", "ERR_EMPTY_RESPONSE")
    visitor.open()
    # The minute has to end while nobody tells of it.
    eventually(lambda: dt.datetime.now(dt.UTC).second >= 55, within=61, every=0.2)
    stack.stop_web()
    visitor.sees(lambda: "trying again" in visitor.text("#link-wait"))
    # What a screen reader tells of does not change with each second.
    assert visitor.text("#link-text") == "not live"
    before = visitor.bars()[-1]["timestamp"]
    eventually(lambda: dt.datetime.now(dt.UTC).second < 55, within=10, every=0.1)
    stack.start_web()
    visitor.until(f"() => page.feed.bars.at(-1).timestamp > {before}", within=30)
    visitor.sees(lambda: visitor.text("#link-text") == "live")
    shown = visitor.bars()[-10:]
    assert {later["timestamp"] - earlier["timestamp"] for earlier, later in pairwise(shown)} == {_MINUTE_MS}
    served = {bar["timestamp"]: bar for bar in stack.get("/api/klines/BTCUSDT", interval="1m", limit=20)}
    for bar in shown[:-1]:
        assert (bar["is_closed"], bar["close"], bar["volume"]) == (
            True,
            served[bar["timestamp"]]["close"],
            served[bar["timestamp"]]["volume"],
        )
