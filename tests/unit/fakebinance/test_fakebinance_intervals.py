"""The double's own arithmetic of timeframes."""

from __future__ import annotations

import datetime as dt

import pytest

from feeds.fakebinance import intervals
from feeds.fakebinance.listings import CATALOGUE
from feeds.fakebinance.market import GeneratedMarket
from market.domain.window import Month, day_of, from_datetime

_START = Month(2024, 12).window.start
_MARKET = GeneratedMarket(seed=3, listings=CATALOGUE.values(), history_start=_START)


def at(text: str) -> int:
    return from_datetime(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC))


@pytest.mark.parametrize(
    ("interval", "bucket"),
    [
        ("1m", "2025-01-01T17:47"),
        ("15m", "2025-01-01T17:45"),
        ("4h", "2025-01-01T16:00"),
        ("12h", "2025-01-01T12:00"),
        ("1d", "2025-01-01T00:00"),
        ("1w", "2024-12-30T00:00"),
        ("1M", "2025-01-01T00:00"),
    ],
)
def test_an_instant_belongs_to_the_bucket_that_the_exchange_gives_it(interval: str, bucket: str) -> None:
    assert intervals.floor(at("2025-01-01T17:47:12"), interval) == at(bucket)


def test_weeks_start_on_mondays() -> None:
    assert day_of(intervals.floor(at("2024-02-29"), "1w")).weekday() == 0


def test_months_step_by_the_calendar_in_both_directions() -> None:
    assert intervals.step(at("2024-01-01"), "1M", 2) == at("2024-03-01")
    assert intervals.step(at("2024-03-01"), "1M", -13) == at("2023-02-01")


def test_ceil_is_the_first_bucket_at_or_after_an_instant() -> None:
    assert intervals.ceil(at("2024-02-01"), "1M") == at("2024-02-01")
    assert intervals.ceil(at("2024-02-01T00:00:01"), "1M") == at("2024-03-01")


@pytest.mark.parametrize("interval", intervals.INTERVALS)
def test_a_bucket_is_what_a_plain_loop_over_its_minutes_says(interval: str) -> None:
    bars = _MARKET.minutes("XRPUSDT", _START + 7 * 60_000, at("2025-01-08T03:21"))
    folded = intervals.fold(bars, interval)
    expected: dict[int, list[int]] = {}
    position = 0
    edges = [*folded.time.tolist()[1:], 2**62]
    for number, opened in enumerate(bars.time.tolist()):
        while opened >= edges[position]:
            position += 1
        expected.setdefault(int(folded.time[position]), []).append(number)
    assert list(expected) == folded.time.tolist()
    for row, members in enumerate(expected.values()):
        assert intervals.floor(int(bars.time[members[0]]), interval) == folded.time[row]
        assert intervals.floor(int(bars.time[members[-1]]), interval) == folded.time[row]
        assert folded.open[row] == bars.open[members[0]]
        assert folded.close[row] == bars.close[members[-1]]
        assert folded.high[row] == max(bars.high[members].tolist())
        assert folded.low[row] == min(bars.low[members].tolist())
        assert folded.volume[row] == sum(bars.volume[members].tolist())
        assert folded.quote_volume[row] == sum(bars.quote_volume[members].tolist())
        assert folded.taker_buy_volume[row] == sum(bars.taker_buy_volume[members].tolist())
        assert folded.taker_buy_quote_volume[row] == sum(bars.taker_buy_quote_volume[members].tolist())
        assert folded.trade_count[row] == sum(bars.trade_count[members].tolist())
