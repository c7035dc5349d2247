"""The chart read: limits, ends, holes, timeframes."""

from __future__ import annotations

import numpy as np
import pytest

from market.domain.frame import CandleFrame
from market.domain.interval import Interval
from market.domain.source import Source
from market.domain.window import DAY_MS, EARLIEST_MS, LATEST_MS
from market.models import Symbol
from market.selectors.candles import klines_list
from tests.support.candles import load, make_symbol, ms, random_frame
from tests.support.expected_store import ExpectedStore
from tests.support.strategies import rows_of

pytestmark = pytest.mark.django_db

MINUTE = 60_000
NEWEST = ms("2024-06-01T12:00")
NOW = NEWEST + MINUTE


@pytest.fixture
def frame() -> CandleFrame:
    """Three stretches with holes of a day, of a month and of two years between them: far wider than a small page."""
    return CandleFrame.concat(
        random_frame(seed, start, 200)
        for seed, start in enumerate(
            (
                ms("2022-03-31T22:00"),
                ms("2024-04-28T23:00"),
                ms("2024-05-31T07:00"),
                NEWEST - 199 * MINUTE,
            )
        )
    )


@pytest.fixture
def symbol(frame: CandleFrame) -> Symbol:
    symbol = make_symbol()
    load(symbol, frame)
    load(make_symbol("OTHERUSDT"), random_frame(9, ms("2023-01-01"), 300))
    return symbol


def times(symbol: Symbol, interval: Interval, limit: int, end_time: int | None = None) -> list[int]:
    page = klines_list(symbol_id=symbol.id, interval=interval, limit=limit, now=NOW, end_time=end_time)
    return list(page.time.tolist())


@pytest.mark.parametrize("limit", [1, 2, 199, 200, 201, 399, 600, 601, 800, 20_000])
def test_a_page_has_its_limit_of_minutes_across_every_hole(symbol: Symbol, frame: CandleFrame, limit: int) -> None:
    assert times(symbol, Interval.M1, limit) == frame.time[-limit:].tolist()


@pytest.mark.parametrize("interval", Interval)
@pytest.mark.parametrize("limit", [1, 3, 7, 50, 20_000])
def test_each_interval_gives_its_newest_bars_oldest_first(
    symbol: Symbol, frame: CandleFrame, interval: Interval, limit: int
) -> None:
    opens = np.unique(interval.floor_array(frame.time)).tolist()
    assert times(symbol, interval, limit) == opens[-limit:]


@pytest.mark.parametrize("interval", Interval)
@pytest.mark.parametrize(
    "end", ["2022-04-01", "2022-04-15", "2024-04-28T23:59", "2024-05-31T07:15", "2024-05-31T10:19:59.999", "2024-06-01"]
)
@pytest.mark.parametrize("limit", [2, 150])
def test_an_end_is_inclusive_on_the_open_time_and_may_lie_in_a_hole(
    symbol: Symbol, frame: CandleFrame, interval: Interval, end: str, limit: int
) -> None:
    opens = np.unique(interval.floor_array(frame.time))
    assert times(symbol, interval, limit, ms(end)) == opens[opens <= ms(end)][-limit:].tolist()


@pytest.mark.parametrize("interval", Interval)
def test_pages_one_before_the_other_meet_without_gap_or_repeat(
    symbol: Symbol, frame: CandleFrame, interval: Interval
) -> None:
    opens = np.unique(interval.floor_array(frame.time)).tolist()
    pages: list[int] = []
    end: int | None = None
    while page := times(symbol, interval, 97, end):
        pages = page + pages
        end = page[0] - 1
    assert pages == opens


@pytest.mark.parametrize("interval", Interval)
def test_a_row_has_the_values_of_its_bar(symbol: Symbol, frame: CandleFrame, interval: Interval) -> None:
    expected = ExpectedStore()
    expected.ingest({(symbol.id, time): row for time, row in rows_of(frame).items()}, Source.DAILY)
    bars = expected.bars(interval.value)
    rows = klines_list(symbol_id=symbol.id, interval=interval, limit=20_000, now=NOW).rows()
    assert len(rows) == len(bars)
    for time, opened, high, low, close, volume, taker_buy in rows:
        bar = bars[symbol.id, time]
        assert (opened, high, low, close) == bar[:4]
        assert (volume, taker_buy) == (bar[4], bar[6])


@pytest.mark.parametrize("interval", Interval)
@pytest.mark.parametrize("end", [EARLIEST_MS, ms("2022-02-01"), ms("2022-01-01")])
def test_before_the_first_bar_there_is_nothing(symbol: Symbol, interval: Interval, end: int) -> None:
    assert times(symbol, interval, 10, end) == []


@pytest.mark.parametrize("interval", Interval)
@pytest.mark.parametrize("end", [NOW + 400 * DAY_MS, LATEST_MS - 1, LATEST_MS])
def test_an_end_in_the_future_is_as_none(symbol: Symbol, interval: Interval, end: int) -> None:
    assert times(symbol, interval, 5, end) == times(symbol, interval, 5)


@pytest.mark.parametrize("interval", Interval)
def test_a_symbol_without_candles_has_no_bars(interval: Interval) -> None:
    assert times(make_symbol("NEWUSDT"), interval, 10) == []


@pytest.mark.parametrize("interval", [Interval.M1, Interval.M5, Interval.M15])
def test_a_collector_that_stopped_long_ago_hides_nothing(
    symbol: Symbol, frame: CandleFrame, interval: Interval
) -> None:
    page = klines_list(symbol_id=symbol.id, interval=interval, limit=3, now=NOW + 900 * DAY_MS)
    assert page.time.tolist() == np.unique(interval.floor_array(frame.time))[-3:].tolist()
