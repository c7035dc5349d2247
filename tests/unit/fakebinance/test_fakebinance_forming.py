"""The bar that is still open."""

from __future__ import annotations

import itertools

import pytest

from feeds.fakebinance.bars import COLUMNS, MINUTE_MS, Bars
from feeds.fakebinance.forming import partial
from feeds.fakebinance.listings import CATALOGUE
from feeds.fakebinance.market import GeneratedMarket
from market.domain.window import Month

_START = Month(2025, 11).window.start
_MARKET = GeneratedMarket(seed=3, listings=CATALOGUE.values(), history_start=_START)
_AMOUNTS = ("volume", "quote_volume", "trade_count", "taker_buy_volume", "taker_buy_quote_volume")


def minutes(symbol: str) -> list[Bars]:
    bars = _MARKET.minutes(symbol, _START, _START + 200 * MINUTE_MS)
    return [bars.take(slice(row, row + 1)) for row in range(len(bars))]


def steps(final: Bars) -> list[Bars]:
    close = int(final.open[0])
    return [partial(final, previous_close=close, elapsed_ms=ms) for ms in range(0, MINUTE_MS + 1, 250)]


@pytest.mark.parametrize("symbol", ["BTCUSDT", "LTCUSDT", "币安人生USDT"])
def test_amounts_never_fall_and_the_range_only_widens(symbol: str) -> None:
    for final in minutes(symbol):
        shown = [step for step in steps(final) if step.trade_count[0]]
        for before, after in itertools.pairwise(shown):
            assert all(getattr(before, name)[0] <= getattr(after, name)[0] for name in _AMOUNTS)
            assert before.high[0] <= after.high[0] <= final.high[0]
            assert before.low[0] >= after.low[0] >= final.low[0]
            assert after.low[0] <= after.close[0] <= after.high[0]


@pytest.mark.parametrize("symbol", ["BTCUSDT", "LTCUSDT", "币安人生USDT"])
def test_prices_stay_on_the_grid(symbol: str) -> None:
    tick = CATALOGUE[symbol].tick
    assert all(step.close[0] % tick == 0 for final in minutes(symbol)[:50] for step in steps(final))


def test_the_whole_minute_is_the_closed_bar() -> None:
    for final in minutes("LTCUSDT"):
        last = partial(final, previous_close=1, elapsed_ms=MINUTE_MS)
        assert all(getattr(last, name)[0] == getattr(final, name)[0] for name in COLUMNS)


def test_before_the_first_trade_the_bar_is_flat_at_the_previous_close() -> None:
    bar = partial(minutes("BTCUSDT")[0], previous_close=123, elapsed_ms=0)
    assert [bar.open[0], bar.high[0], bar.low[0], bar.close[0]] == [123] * 4
    assert all(getattr(bar, name)[0] == 0 for name in _AMOUNTS)
