"""Batches and frames: order, uniqueness, equality."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.domain.batch import CandleBatch, row_keys
from market.domain.frame import CandleFrame
from market.domain.window import TimeWindow
from tests.support.candles import ms, random_frame

START = ms("2024-01-01")
PAIRS = st.tuples(st.integers(1, 2**30 - 1), st.integers(0, 2**33 - 1))


@given(st.lists(PAIRS, min_size=2, max_size=2))
def test_keys_order_by_symbol_and_then_by_time(pairs: list[tuple[int, int]]) -> None:
    keys = row_keys(
        np.array([symbol for symbol, _ in pairs]), np.array([minute * 60_000 for _, minute in pairs])
    ).tolist()
    assert (keys[0] < keys[1]) == (pairs[0] < pairs[1])
    assert (keys[0] == keys[1]) == (pairs[0] == pairs[1])


def test_frames_of_symbols_in_any_order_make_an_ordered_batch() -> None:
    one, other = random_frame(1, START, 3), random_frame(2, START, 2)
    batch = CandleBatch.concat([(9, other), (4, one.take(np.array([2, 0, 1])))])
    assert batch.symbol_id.tolist() == [4, 4, 4, 9, 9]
    assert batch.frame == CandleFrame.concat([one, other])


def test_one_minute_twice_is_no_batch() -> None:
    frame = random_frame(1, START, 3)
    with pytest.raises(ValueError, match="twice"):
        CandleBatch.concat([(1, frame), (1, frame.take(np.array([1])))])


@given(st.integers(-3, 8), st.integers(0, 8))
def test_a_slice_has_the_candles_that_open_inside(first: int, length: int) -> None:
    frame = random_frame(1, START, 5)
    window = TimeWindow(START + first * 60_000 + 1, START + (first + length) * 60_000 + 1)
    assert frame.slice(window).time.tolist() == [time for time in frame.time.tolist() if time in window]


def test_sorting_keeps_equal_times_in_their_order() -> None:
    frame = random_frame(1, START, 3)
    mixed = frame.take(np.array([2, 0, 0, 1]))
    assert mixed.sorted_by_time() == frame.take(np.array([0, 0, 1, 2]))


def test_frames_of_different_lengths_are_not_equal() -> None:
    frame = random_frame(1, START, 3)
    assert frame != frame.take(slice(0, 2))
    assert frame == frame.take(slice(0, 3))


def test_columns_of_different_lengths_make_no_frame() -> None:
    frame = random_frame(1, START, 3)
    with pytest.raises(ValueError, match="different lengths"):
        replace(frame, trade_count=frame.trade_count[:2])
