"""Bars that are exact although the database is behind, or known not to be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.domain.bar import BarRow
from market.domain.interval import Interval
from market.domain.rollup import fold
from market.live.exact import bars_through, is_ahead, is_closed, minutes_to_read
from market.live.minutes import Minutes
from tests.support.candles import ms, random_frame
from tests.unit.live_push.rows import rows_of

START = ms("2024-03-05T09:10")
FRAME = random_frame(3, START, 200)
ROWS = rows_of(FRAME)


def heard(first: int, end: int) -> Minutes:
    """A process that started with `first` minutes stored and has heard of those up to `end`."""
    minutes = Minutes()
    minutes.start(ROWS[max(0, first - 30) : first], 0.0)
    for row in ROWS[first:end]:
        minutes.offer(row, 0.0)
    return minutes


def stored(minutes: Minutes, count: int, interval: Interval) -> tuple[list[BarRow], list[BarRow]]:
    """Bars and minutes of a database that has so many."""
    assert minutes.newest is not None
    window = minutes_to_read(minutes, minutes.newest, interval)
    return rows_of(fold(FRAME.take(slice(0, count)), interval)), [row for row in ROWS[:count] if row[0] in window]


@pytest.mark.parametrize("interval", list(Interval))
@given(first=st.integers(1, 150), more=st.integers(0, 40), flushed=st.integers(0, 40))
def test_whatever_is_stored_already_the_bars_have_every_minute_once(
    interval: Interval, first: int, more: int, flushed: int
) -> None:
    minutes = heard(first, first + more)
    bars = bars_through(*stored(minutes, first + min(more, flushed), interval), minutes, interval)
    whole = rows_of(fold(FRAME.take(slice(0, first + more)), interval))
    assert bars in (whole, None)
    if more - flushed < 30:
        assert bars == whole


def test_a_database_that_is_further_behind_than_is_remembered_is_waited_for() -> None:
    minutes = heard(50, 100)
    assert bars_through(*stored(minutes, 60, Interval.H1), minutes, Interval.H1) is None


def test_a_remembered_minute_that_is_not_stored_between_stored_ones_is_waited_for() -> None:
    minutes = heard(50, 55)
    bars, rows = stored(minutes, 55, Interval.H1)
    del rows[-3]
    assert bars_through(bars, rows, minutes, Interval.H1) is None


def test_a_stored_minute_with_other_values_is_waited_for_and_then_believed() -> None:
    minutes = heard(50, 55)
    bars, rows = stored(minutes, 55, Interval.H1)
    rows[-2] = (*rows[-2][:5], 1.25, *rows[-2][6:])
    assert bars_through(bars, rows, minutes, Interval.H1) is None
    assert bars_through(bars, rows, minutes, Interval.H1, trusting=True) == bars


def test_a_database_that_has_heard_more_is_told() -> None:
    minutes = heard(50, 55)
    assert not is_ahead(stored(minutes, 55, Interval.H1)[1], minutes)
    assert is_ahead(stored(minutes, 56, Interval.H1)[1], minutes)


def test_a_bar_is_closed_with_its_last_minute() -> None:
    bar = rows_of(fold(FRAME.take(slice(0, 5)), Interval.M5))[0]
    assert not is_closed(bar, heard(1, 4), Interval.M5)
    assert is_closed(bar, heard(1, 5), Interval.M5)
