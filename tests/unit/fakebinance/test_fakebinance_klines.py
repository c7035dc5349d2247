"""Selecting candles as REST does."""

from __future__ import annotations

import pytest

from feeds.fakebinance import intervals
from feeds.fakebinance.bars import MINUTE_MS, Bars
from feeds.fakebinance.clock import Clock
from feeds.fakebinance.faults import FaultBook
from feeds.fakebinance.klines import KlineReader
from feeds.fakebinance.listings import CATALOGUE
from feeds.fakebinance.market import GeneratedMarket, Truth
from market.domain.window import DAY_MS, Month, TimeWindow

START = Month(2024, 1).window.start
NOW = Month(2025, 3).window.start + 12 * 3_600_000 + 30_000
MARKET = GeneratedMarket(seed=3, listings=CATALOGUE.values(), history_start=START)


class Desk:
    """A reader with its clock and faults at hand."""

    def __init__(self, now: int = NOW) -> None:
        clock = Clock(now, speed=0)
        self.faults = FaultBook(clock)
        self.truth = Truth(MARKET, clock)
        self.reader = KlineReader(self.truth, self.faults)

    def times(
        self, interval: str, start: int | None, end: int | None, limit: int, symbol: str = "BTCUSDT"
    ) -> list[int]:
        return [int(time) for time in self.reader.select(symbol, interval, start, end, limit).time]


def minutes(first: int, count: int) -> list[int]:
    return [first + number * MINUTE_MS for number in range(count)]


OPEN = NOW // MINUTE_MS * MINUTE_MS


def test_without_bounds_the_newest_rows_come_and_the_last_is_open() -> None:
    assert Desk().times("1m", None, None, 3) == minutes(OPEN - 2 * MINUTE_MS, 3)


def test_with_a_start_the_window_fills_from_the_start() -> None:
    assert Desk().times("1m", START + DAY_MS, None, 3) == minutes(START + DAY_MS, 3)


def test_both_bounds_are_inclusive() -> None:
    assert Desk().times("1m", START, START + 2 * MINUTE_MS, 500) == minutes(START, 3)


def test_with_an_end_alone_the_newest_rows_up_to_it_come() -> None:
    assert Desk().times("1m", None, START + DAY_MS, 2) == minutes(START + DAY_MS - MINUTE_MS, 2)


def test_a_start_between_minutes_begins_with_the_next_one() -> None:
    assert Desk().times("1m", START + 1, None, 1) == [START + MINUTE_MS]


def test_an_end_before_the_open_minute_leaves_it_out() -> None:
    assert Desk().times("1m", None, OPEN - 1, 1) == [OPEN - MINUTE_MS]


def test_a_start_before_the_listing_begins_with_the_first_candle() -> None:
    onboard = CATALOGUE["HYPEUSDT"].onboard_ms
    desk = Desk(onboard + DAY_MS)
    assert desk.times("1m", 0, None, 2, "HYPEUSDT") == minutes(onboard, 2)


def test_the_first_day_of_a_listing_opens_at_midnight() -> None:
    onboard = CATALOGUE["HYPEUSDT"].onboard_ms
    desk = Desk(onboard + 5 * DAY_MS)
    assert desk.times("1d", 0, None, 1, "HYPEUSDT") == [onboard // DAY_MS * DAY_MS]


def test_a_delisted_symbol_ends_with_its_last_minute() -> None:
    delivery = CATALOGUE["OMGUSDT"].delivery_ms
    assert Desk().times("1m", None, None, 2, "OMGUSDT") == minutes(delivery - 2 * MINUTE_MS, 2)


def test_bounds_in_seconds_give_an_empty_list() -> None:
    assert Desk().times("1m", START // 1_000, START // 1_000 + 3_600, 500) == []


def test_a_start_in_the_future_gives_an_empty_list() -> None:
    assert Desk().times("1m", NOW + DAY_MS, None, 500) == []


@pytest.mark.parametrize("interval", intervals.INTERVALS)
def test_every_interval_is_the_minutes_folded(interval: str) -> None:
    desk = Desk()
    got = desk.reader.select("ETHUSDT", interval, None, None, 30)
    span = TimeWindow(int(got.time[0]), NOW)
    expected = intervals.fold(desk.truth.shown("ETHUSDT", span), interval)
    assert got.time.tolist() == expected.time.tolist()
    for name in ("open", "high", "low", "close", "volume", "quote_volume", "taker_buy_quote_volume", "trade_count"):
        assert getattr(got, name).tolist() == getattr(expected, name).tolist()


def test_days_come_the_same_from_the_start_and_from_the_end() -> None:
    desk = Desk()
    forward = desk.reader.select("ETHUSDT", "1d", START, NOW, 1_500)
    backward = desk.reader.select("ETHUSDT", "1d", None, NOW, 1_500)
    assert forward.time.tolist() == backward.time.tolist()
    assert forward.volume.tolist() == backward.volume.tolist()


def test_an_absent_day_is_skipped_and_the_rows_after_it_fill_the_limit() -> None:
    desk = Desk()
    desk.faults.add("day_absent", match={"symbol": "BTCUSDT"}, params={"days": ["2024-01-02"]})
    got = desk.times("1m", START + DAY_MS - 2 * MINUTE_MS, None, 4)
    assert got == [*minutes(START + DAY_MS - 2 * MINUTE_MS, 2), *minutes(START + 2 * DAY_MS, 2)]


def test_an_absent_day_is_absent_from_the_higher_intervals_too() -> None:
    desk = Desk()
    desk.faults.add("day_absent", match={"symbol": "BTCUSDT"}, params={"days": ["2024-01-02"]})
    assert START + DAY_MS not in desk.times("1d", START, None, 20)


def test_the_answer_does_not_change_after_the_clock_went_on() -> None:
    desk = Desk()
    before: Bars = desk.reader.select("BTCUSDT", "1d", START, START + 40 * DAY_MS, 50)
    desk.truth.clock.advance(40 * DAY_MS)
    after = desk.reader.select("BTCUSDT", "1d", START, START + 40 * DAY_MS, 50)
    assert before.volume.tolist() == after.volume.tolist()


def test_an_unfinished_day_grows_with_the_clock() -> None:
    desk = Desk()
    before = desk.reader.select("BTCUSDT", "1d", None, None, 10)
    desk.truth.clock.advance(3_600_000)
    after = desk.reader.select("BTCUSDT", "1d", None, None, 10)
    assert after.volume[-1] > before.volume[-1]
    assert after.volume[:-1].tolist() == before.volume[:-1].tolist()
