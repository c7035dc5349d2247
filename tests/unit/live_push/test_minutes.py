"""Closed minutes in order, whatever comes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.domain.bar import BarRow
from market.domain.window import MINUTE_MS, TimeWindow
from market.live.minutes import KEPT, LONGEST_GAP_MS, PATIENCE, Minutes
from tests.support.candles import ms, random_frame
from tests.unit.live_push.rows import rows_of

START = ms("2024-03-05T09:10")
ROWS = rows_of(random_frame(3, START, 100))


def started(count: int = 10) -> Minutes:
    minutes = Minutes()
    assert minutes.start(ROWS[:count], 0.0) == []
    return minutes


def test_the_next_minute_is_released() -> None:
    assert started().offer(ROWS[10], 0.0) == [ROWS[10]]


def test_a_minute_comes_once() -> None:
    minutes = started()
    minutes.offer(ROWS[10], 0.0)
    assert minutes.offer(ROWS[10], 0.0) == []
    assert minutes.offer(ROWS[5], 0.0) == []


def test_a_minute_that_comes_too_early_is_held_until_those_before_it_came() -> None:
    minutes = started()
    assert minutes.offer(ROWS[12], 0.0) == []
    assert minutes.offer(ROWS[11], 0.0) == []
    assert minutes.offer(ROWS[10], 0.0) == ROWS[10:13]


def test_a_gap_is_what_is_missing_before_a_minute_that_is_held() -> None:
    minutes = started()
    minutes.offer(ROWS[13], 0.0)
    assert minutes.gap == TimeWindow(ROWS[10][0], ROWS[13][0])


def test_a_forming_minute_shows_a_gap_as_well() -> None:
    minutes = started()
    minutes.heard = ROWS[10][0]
    assert minutes.gap is None
    minutes.heard = ROWS[11][0]
    assert minutes.gap == TimeWindow(ROWS[10][0], ROWS[11][0])


def test_what_does_not_come_is_given_up_in_the_end() -> None:
    minutes = started()
    minutes.offer(ROWS[12], 5.0)
    assert minutes.give_up(5.0 + PATIENCE - 0.1) == []
    assert minutes.give_up(5.0 + PATIENCE) == [ROWS[12]]


def test_a_minute_that_was_given_up_is_released_when_it_comes_after_all() -> None:
    minutes = started()
    minutes.offer(ROWS[12], 0.0)
    minutes.give_up(PATIENCE)
    assert minutes.offer(ROWS[10], PATIENCE) == [ROWS[10]]
    assert minutes.offer(ROWS[10], PATIENCE) == []
    assert minutes.kept[-2:] == [ROWS[10], ROWS[12]]


def test_nothing_is_released_before_it_is_known_where_the_symbol_stands() -> None:
    minutes = Minutes()
    assert minutes.offer(ROWS[11], 0.0) == []
    assert minutes.offer(ROWS[10], 0.0) == []
    assert minutes.start(ROWS[:10], 1.0) == ROWS[10:12]


def test_without_a_database_the_first_minutes_are_released_after_a_while() -> None:
    minutes = Minutes()
    minutes.offer(ROWS[10], 0.0)
    assert minutes.give_up(PATIENCE) == [ROWS[10]]
    assert minutes.offer(ROWS[11], PATIENCE) == [ROWS[11]]


def test_stored_minutes_behind_a_fresh_hole_are_held() -> None:
    minutes = Minutes()
    assert minutes.start([*ROWS[:5], *ROWS[7:10]], 0.0) == []
    assert minutes.newest == ROWS[4][0]
    minutes.offer(ROWS[6], 0.0)
    assert minutes.offer(ROWS[5], 0.0) == ROWS[5:10]


def test_a_symbol_that_was_not_collected_for_long_begins_anew() -> None:
    minutes = started()
    late = (ROWS[9][0] + LONGEST_GAP_MS + MINUTE_MS, *ROWS[0][1:])
    assert minutes.offer(late, 0.0) == [late]
    assert not minutes.has_forgotten


def test_what_is_remembered_is_bounded() -> None:
    minutes = started()
    for row in ROWS[10:]:
        minutes.offer(row, 0.0)
    assert minutes.kept == ROWS[-KEPT:]
    assert minutes.known_until == ROWS[-KEPT - 1][0]
    assert minutes.has_forgotten


def test_a_correction_is_told_from_a_repetition() -> None:
    minutes = started()
    assert not minutes.corrected(ROWS[9])
    assert minutes.corrected((*ROWS[9][:5], 99.5, *ROWS[9][6:]))
    assert minutes.kept[-1][5] == 99.5


@pytest.mark.parametrize("held", [True, False])
def test_a_partial_frame_after_the_final_one_is_stale(held: bool) -> None:
    minutes = started()
    minutes.offer(ROWS[12 if held else 10], 0.0)
    assert minutes.is_stale(ROWS[12 if held else 10][0])
    assert not minutes.is_stale(ROWS[13][0])


@given(st.data())
def test_any_order_with_any_repetition_comes_out_once_and_in_order(data: st.DataObject) -> None:
    arriving = data.draw(st.permutations(ROWS[10:40]))
    again = data.draw(st.lists(st.sampled_from(ROWS[5:40]), max_size=30))
    places = data.draw(st.lists(st.integers(0, 30), min_size=len(again), max_size=len(again)))
    for place, row in zip(places, again, strict=True):
        arriving.insert(place, row)
    minutes = replace(started())
    released: list[BarRow] = []
    for row in arriving:
        released += minutes.offer(row, 0.0)
    assert released == ROWS[10:40]
