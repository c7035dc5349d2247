"""What a day's entry says."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.domain.ledger import DayEntry, expected_minutes
from market.domain.source import DayState, Source
from market.domain.window import DAY_MS, TimeWindow, day_start

DAY = dt.date(2024, 2, 1)
COUNTS = st.dictionaries(st.sampled_from(Source), st.integers(0, 400))


@pytest.mark.parametrize(
    ("entry", "state"),
    [
        (DayEntry(DAY, 1_440), DayState.MISSING),
        (DayEntry(DAY, 1_440, is_settled=True), DayState.EMPTY),
        (DayEntry(DAY, 1_440, {Source.DAILY: 1_439}), DayState.PARTIAL),
        (DayEntry(DAY, 1_440, {Source.DAILY: 1_439}, is_settled=True), DayState.PARTIAL),
        (DayEntry(DAY, 1_440, {Source.DAILY: 1_439}, conflict_rows=3), DayState.PARTIAL),
        (DayEntry(DAY, 1_440, {Source.DAILY: 1_440}), DayState.ARCHIVE),
        (DayEntry(DAY, 1_440, {Source.DAILY: 1_000, Source.MONTHLY: 440}), DayState.ARCHIVE),
        (DayEntry(DAY, 1_440, {Source.DAILY: 1_439, Source.REST: 1}), DayState.REST),
        (DayEntry(DAY, 1_440, {Source.DAILY: 1_438, Source.REST: 1, Source.LIVE: 1}), DayState.LIVE),
        (DayEntry(DAY, 1_440, {Source.LIVE: 0, Source.DAILY: 1_440}), DayState.ARCHIVE),
        (DayEntry(DAY, 1_440, {Source.DAILY: 1_440}, conflict_rows=1), DayState.CONFLICT),
        (DayEntry(DAY, 60, {Source.DAILY: 60}), DayState.ARCHIVE),
    ],
)
def test_the_state_follows_from_counts(entry: DayEntry, state: DayState) -> None:
    assert entry.state == state


@given(COUNTS, st.sampled_from(Source), st.integers(0, 100), st.integers(0, 100))
def test_minutes_that_change_their_source_are_counted_once(
    rows: dict[Source, int], source: Source, new: int, better: int
) -> None:
    taken = {held: min(count, better) for held, count in rows.items() if held is not source}
    entry = DayEntry(DAY, 1_440, rows).moved(source, added=new + sum(taken.values()), taken_from=taken, conflicting=0)
    assert entry.total == sum(rows.values()) + new
    assert all(entry.rows.get(held, 0) == rows[held] - count for held, count in taken.items())
    assert all(entry.rows.values()), "a source without a minute is not named"


@given(st.lists(st.sets(st.integers(0, 1_439), max_size=20), max_size=5))
def test_a_minute_in_conflict_counts_once_however_often_it_is_reported(batches: list[set[int]]) -> None:
    entry = DayEntry(DAY, 1_440, {Source.DAILY: 1_440})
    for minutes in batches:
        entry = entry.moved(Source.MONTHLY, added=0, taken_from={}, conflicting=sum(1 << minute for minute in minutes))
    assert entry.conflict_rows == len(set().union(*batches))


def test_conflicts_of_which_no_minute_is_known_never_exceed_the_days_minutes() -> None:
    entry = DayEntry(DAY, 1_440, {Source.DAILY: 1_440}, conflict_rows=1_439)
    assert entry.moved(Source.MONTHLY, added=0, taken_from={}, conflicting=0b111).conflict_rows == 1_440


@pytest.mark.parametrize(("rows", "is_settled"), [(1_399, False), (1_400, True)])
def test_a_settled_day_is_open_again_when_the_count_finds_fewer_minutes(rows: int, is_settled: bool) -> None:
    entry = DayEntry(DAY, 1_440, {Source.DAILY: 1_400}, conflict_rows=1_400, is_settled=True)
    again = entry.counted_anew({Source.REST: rows})
    assert (again.rows, again.is_settled, again.conflict_rows) == ({Source.REST: rows}, is_settled, rows)


def test_a_settled_day_that_gains_minutes_is_open_again() -> None:
    entry = DayEntry(DAY, 1_440, is_settled=True)
    assert not entry.moved(Source.LIVE, added=1, taken_from={}, conflicting=0).is_settled
    assert entry.moved(Source.LIVE, added=0, taken_from={}, conflicting=0).is_settled


def test_a_note_keeps_its_newest_lines_each_once() -> None:
    entry = DayEntry(DAY, 1_440)
    for number in range(20):
        entry = entry.noted(f"line {number}")
    again = entry.noted("line 15")
    assert again.note.splitlines()[-2:] == ["line 19", "line 15"]
    assert again.note.count("line 15") == 1
    assert len(again.note.splitlines()) == len(entry.note.splitlines()) == 12


@given(st.integers(-DAY_MS, 2 * DAY_MS), st.integers(0, 3 * DAY_MS))
def test_the_minutes_expected_are_those_of_the_day_that_the_symbol_lived(offset: int, length: int) -> None:
    start = day_start(DAY)
    life = TimeWindow(start + offset, start + offset + length)
    lived = sum(life.start <= start + minute * 60_000 < life.end for minute in range(1_440))
    assert expected_minutes(DAY, life) == lived
