"""The generated market: the same every time, without seams, and possible in every minute."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.fakebinance.bars import COLUMNS, MINUTE_MS, Bars
from feeds.fakebinance.clock import Clock
from feeds.fakebinance.listings import CATALOGUE, listing_of
from feeds.fakebinance.market import GeneratedMarket, Truth
from market.domain.window import DAY_MS, Month, TimeWindow

HISTORY_START = Month(2024, 1).window.start
MARKET = GeneratedMarket(seed=7, listings=CATALOGUE.values(), history_start=HISTORY_START)
NAMES = sorted(CATALOGUE)


def same(left: Bars, right: Bars) -> bool:
    return left.scale == right.scale and all(
        np.array_equal(getattr(left, name), getattr(right, name)) for name in COLUMNS
    )


def month_of(symbol: str, month: Month) -> Bars:
    return MARKET.minutes(symbol, month.window.start, month.window.end)


@pytest.mark.parametrize("symbol", NAMES)
def test_a_market_built_again_has_the_same_minutes(symbol: str) -> None:
    again = GeneratedMarket(seed=7, listings=CATALOGUE.values(), history_start=HISTORY_START)
    window = Month(2025, 1).window
    assert same(MARKET.minutes(symbol, window.start, window.end), again.minutes(symbol, window.start, window.end))


def test_another_seed_makes_another_market() -> None:
    other = GeneratedMarket(seed=8, listings=CATALOGUE.values(), history_start=HISTORY_START)
    window = TimeWindow(HISTORY_START, HISTORY_START + DAY_MS)
    ours, theirs = (market.minutes("BTCUSDT", window.start, window.end) for market in (MARKET, other))
    assert not np.array_equal(ours.close, theirs.close)


@settings(max_examples=150, deadline=None)
@given(
    symbol=st.sampled_from(NAMES),
    first=st.integers(0, 60 * 1_440),
    length=st.integers(1, 3_000),
)
def test_any_window_is_a_slice_of_the_whole(symbol: str, first: int, length: int) -> None:
    whole = _WHOLE[symbol]
    start = _WHOLE_START + first * MINUTE_MS
    end = min(start + length * MINUTE_MS, _WHOLE_END)
    assert same(MARKET.minutes(symbol, start, end), whole.between(start, end))


_WHOLE_START, _WHOLE_END = Month(2024, 12).window.start, Month(2025, 2).window.end
_WHOLE = {name: MARKET.minutes(name, _WHOLE_START, _WHOLE_END) for name in NAMES}


@pytest.mark.parametrize("symbol", ["BTCUSDT", "DOGEUSDT", "LTCUSDT"])
def test_prices_go_on_across_the_edges_of_months_and_days(symbol: str) -> None:
    tick = CATALOGUE[symbol].tick
    january, february = month_of(symbol, Month(2025, 1)), month_of(symbol, Month(2025, 2))
    assert abs(int(february.open[0]) - int(january.close[-1])) <= tick
    steps = np.abs(np.diff(np.log(np.concatenate([january.close, february.close]))))
    assert steps[len(january) - 1] <= steps.max()
    assert steps.max() < 0.02


@pytest.mark.parametrize("symbol", NAMES)
def test_every_minute_is_a_possible_candle_on_the_grid(symbol: str) -> None:
    bars = _WHOLE[symbol]
    tick = CATALOGUE[symbol].tick
    for column in (bars.open, bars.high, bars.low, bars.close):
        assert (column % tick == 0).all()
    assert (bars.low > 0).all()
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert ((bars.volume == 0) == (bars.trade_count == 0)).all()
    assert (bars.volume >= bars.trade_count).all()
    assert (bars.taker_buy_volume <= bars.volume).all()
    assert (bars.taker_buy_quote_volume <= bars.quote_volume).all()
    assert (bars.quote_volume <= bars.high * bars.volume).all()
    assert (bars.quote_volume >= bars.low * bars.volume).all()
    assert (bars.taker_buy_quote_volume <= bars.high * bars.taker_buy_volume).all()
    assert (bars.taker_buy_quote_volume >= bars.low * bars.taker_buy_volume).all()
    single = bars.trade_count == 1
    assert (bars.high[single] == bars.low[single]).all()


@pytest.mark.parametrize("symbol", NAMES)
def test_minutes_follow_each_other_without_a_gap(symbol: str) -> None:
    assert (np.diff(_WHOLE[symbol].time) == MINUTE_MS).all()


def test_quiet_minutes_are_flat_at_the_previous_close_with_zeros() -> None:
    bars = _WHOLE["LTCUSDT"]
    quiet = np.flatnonzero(bars.trade_count == 0)
    assert len(quiet) > 100
    previous = bars.close[quiet - 1]
    for column in (bars.open, bars.high, bars.low, bars.close):
        assert np.array_equal(column[quiet], previous)
    for column in (bars.volume, bars.quote_volume, bars.taker_buy_volume, bars.taker_buy_quote_volume):
        assert not column[quiet].any()


def test_the_exchange_stands_still_for_all_symbols_at_once() -> None:
    window = TimeWindow(HISTORY_START, Month(2026, 1).window.end)
    runs = {}
    for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT"):
        bars = MARKET.minutes(symbol, window.start, window.end)
        runs[symbol] = set(bars.time[bars.trade_count == 0].tolist())
    # These three have no quiet minutes of their own.
    assert runs["BTCUSDT"]
    assert runs["BTCUSDT"] == runs["ETHUSDT"] == runs["SOLUSDT"]


def test_the_open_differs_from_the_previous_close_about_as_often_as_on_the_exchange() -> None:
    bars = _WHOLE["ETHUSDT"]
    assert 0.40 < (bars.open[1:] != bars.close[:-1]).mean() < 0.48


def test_nothing_happens_before_a_late_listing() -> None:
    onboard = CATALOGUE["HYPEUSDT"].onboard_ms
    bars = MARKET.minutes("HYPEUSDT", onboard - DAY_MS, onboard + DAY_MS)
    assert bars.time[0] == onboard
    assert bars.trade_count[0] > 0
    assert len(bars) == 1_440


def test_nothing_happens_after_a_delisting() -> None:
    delivery = CATALOGUE["OMGUSDT"].delivery_ms
    bars = MARKET.minutes("OMGUSDT", delivery - DAY_MS, delivery + DAY_MS)
    assert bars.time[-1] == delivery - MINUTE_MS
    assert len(bars) == 1_440


def test_an_old_symbol_has_no_rows_before_the_history_starts() -> None:
    assert CATALOGUE["BTCUSDT"].onboard_ms < HISTORY_START
    bars = MARKET.minutes("BTCUSDT", HISTORY_START - DAY_MS, HISTORY_START + DAY_MS)
    assert bars.time[0] == HISTORY_START


def test_a_month_takes_milliseconds() -> None:
    def seconds() -> float:
        begun = time.process_time()
        month_of("BTCUSDT", Month(2025, 7))
        return time.process_time() - begun

    # About 8 ms; the bound leaves room for a busy machine.
    assert min(seconds() for _ in range(5)) < 0.06


def test_an_unknown_name_gets_an_invented_listing_that_stays_the_same() -> None:
    assert listing_of("QXZ17USDT") == listing_of("QXZ17USDT")
    market = GeneratedMarket(seed=1, listings=[listing_of("QXZ17USDT")], history_start=HISTORY_START)
    assert len(market.minutes("QXZ17USDT", HISTORY_START, HISTORY_START + DAY_MS)) in {0, 1_440}


@pytest.mark.parametrize("name", ["", "btcusdt", "USDT", "BTCBUSD", "A/BUSDT"])
def test_an_impossible_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="expected an upper-case name ending in USDT"):
        listing_of(name)


def test_the_truth_ends_with_the_last_closed_minute() -> None:
    now = HISTORY_START + 10 * MINUTE_MS + 59_999
    truth = Truth(MARKET, Clock(now, speed=0))
    frame = truth.frame("BTCUSDT", TimeWindow(HISTORY_START, HISTORY_START + DAY_MS))
    assert frame.time.tolist() == [HISTORY_START + n * MINUTE_MS for n in range(10)]


def test_what_is_shown_ends_with_the_forming_minute() -> None:
    now = HISTORY_START + 10 * MINUTE_MS + 30_000
    truth = Truth(MARKET, Clock(now, speed=0))
    shown = truth.shown("BTCUSDT", TimeWindow(HISTORY_START, HISTORY_START + DAY_MS))
    final = MARKET.minutes("BTCUSDT", HISTORY_START + 10 * MINUTE_MS, HISTORY_START + 11 * MINUTE_MS)
    assert shown.time[-1] == final.time[0]
    assert 0 < shown.volume[-1] < final.volume[0]


def test_sums_of_the_exact_integers_are_exact() -> None:
    bars = _WHOLE["BTCUSDT"].between(_WHOLE_START, _WHOLE_START + DAY_MS)
    assert int(bars.quote_volume.sum()) == sum(bars.quote_volume.tolist())
    assert bars.frame().quote_volume[0] == float(bars.texts()["quote_volume"][0])
