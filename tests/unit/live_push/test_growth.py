"""Bars that grow by minutes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.domain.bar import BarRow
from market.domain.growth import with_minutes
from market.domain.interval import Interval
from market.domain.rollup import fold
from tests.support.candles import ms, random_frame
from tests.unit.live_push.rows import rows_of

START = ms("2024-02-25T22:00")


@pytest.mark.parametrize("interval", list(Interval))
@given(stored=st.integers(0, 400), seed=st.integers(0, 1_000))
def test_stored_bars_and_later_minutes_make_the_bars_of_all_minutes(interval: Interval, stored: int, seed: int) -> None:
    frame = random_frame(seed, START, 400)
    before = rows_of(fold(frame.take(slice(0, stored)), interval))
    after = rows_of(frame.take(slice(stored, 400)))
    assert with_minutes(before, after, interval) == rows_of(fold(frame, interval))


def test_a_minute_of_a_bar_before_the_last_one_is_left_out() -> None:
    rows: list[BarRow] = rows_of(random_frame(1, START, 10))
    assert with_minutes(rows[5:], rows[:5], Interval.M1) == rows[5:]
