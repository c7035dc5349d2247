"""Intervals against the calendar of the standard library."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.domain.interval import Interval
from market.domain.window import DAY_MS, MINUTE_MS, TimeWindow
from tests.support.candles import ms
from tests.support.expected_store import bucket_start, millis, moment

INSTANTS = st.integers(0, ms("2200-01-01"))
INTERVALS = st.sampled_from(Interval)
LENGTHS = {"1m": 1, "5m": 5, "15m": 15, "1h": 60, "4h": 240, "1d": 1_440, "1w": 10_080}


def after(interval: Interval, start: int) -> int:
    """Open time of the bar after the one that opens at `start`, by the calendar."""
    when = moment(start)
    if interval.value == "1M":
        return millis((when + dt.timedelta(days=31)).replace(day=1))
    return millis(when + dt.timedelta(minutes=LENGTHS[interval.value]))


# The first week of the epoch began before it.
@given(INTERVALS, st.integers(ms("1970-01-05"), ms("2200-01-01")))
def test_floor_is_the_bar_of_the_calendar(interval: Interval, instant: int) -> None:
    assert interval.floor(instant) == bucket_start(interval.value, instant)


@given(INTERVALS, INSTANTS)
def test_next_is_the_bar_after_it(interval: Interval, instant: int) -> None:
    assert interval.next(instant) == after(interval, interval.floor(instant))


@given(INTERVALS, INSTANTS)
def test_a_bucket_contains_its_instant_and_is_as_long_as_promised(interval: Interval, instant: int) -> None:
    bucket = interval.bucket(instant)
    assert instant in bucket
    assert bucket.end - bucket.start <= interval.longest_ms
    assert interval.fixed_ms in {None, bucket.end - bucket.start}


@given(INTERVALS, st.lists(INSTANTS, max_size=20))
def test_floor_of_an_array_is_the_floor_of_each(interval: Interval, instants: list[int]) -> None:
    floors = interval.floor_array(np.array(instants, dtype=np.int64))
    assert floors.tolist() == [interval.floor(instant) for instant in instants]


@given(INTERVALS, INSTANTS, st.integers(0, 120), st.integers(0, DAY_MS))
def test_starts_are_the_bars_that_open_inside_the_window(
    interval: Interval, start: int, bars: int, remainder: int
) -> None:
    window = TimeWindow(start, start + bars * interval.longest_ms + remainder % interval.longest_ms)
    opens = []
    at = interval.floor(start)
    while at < window.end:
        opens += [at] if at >= start else []
        at = after(interval, at)
    assert interval.starts(window).tolist() == opens
    assert interval.count(window) == len(opens)


@given(INTERVALS, INSTANTS, st.integers(0, 10**9))
def test_cover_is_the_smallest_range_of_whole_bars(interval: Interval, start: int, length: int) -> None:
    window = TimeWindow(start, start + length)
    cover = interval.cover(window)
    assert interval.floor(cover.start) == cover.start
    assert interval.floor(cover.end) == cover.end
    if not length:
        assert cover.is_empty
        return
    assert cover.start <= window.start < interval.next(cover.start)
    assert interval.floor(window.end - 1) < cover.end
    assert interval.next(window.end - 1) == cover.end


@given(INTERVALS, st.integers(ms("2020-01-01"), ms("2200-01-01")), st.integers(0, 60))
def test_so_many_bars_back_and_forth_is_where_one_began(interval: Interval, instant: int, bars: int) -> None:
    at = interval.back(instant, bars)
    for _ in range(bars):
        at = interval.next(at)
    assert at == interval.floor(instant)


@pytest.mark.parametrize("interval", Interval)
def test_looking_back_stops_at_the_epoch(interval: Interval) -> None:
    assert interval.back(ms("2024-01-01"), 10**9) == 0


@pytest.mark.parametrize("interval", Interval)
def test_an_interval_is_read_from_its_name(interval: Interval) -> None:
    assert Interval.parse(interval.value) is interval


@pytest.mark.parametrize("text", ["", "1", "1D", "1W", "60m", " 1m", "1mo", "2m", "1m\x00"])
def test_another_name_is_refused_with_the_valid_ones(text: str) -> None:
    with pytest.raises(ValueError, match="expected one of 1m, 5m, 15m, 1h, 4h, 1d, 1w, 1M"):
        Interval.parse(text)


def test_a_week_begins_on_monday_and_a_month_on_its_first() -> None:
    thursday = ms("2024-02-29T12:34")
    assert Interval.W1.bucket(thursday) == TimeWindow(ms("2024-02-26"), ms("2024-03-04"))
    assert Interval.MN1.bucket(thursday) == TimeWindow(ms("2024-02-01"), ms("2024-03-01"))
    assert Interval.M1.bucket(thursday + 59_999) == TimeWindow(thursday, thursday + MINUTE_MS)
