"""Windows, days and months against sets of minutes and the standard library's calendar."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.domain.window import (
    DAY_MS,
    EARLIEST_MS,
    LATEST_MS,
    MINUTE_MS,
    Month,
    TimeWindow,
    day_of,
    day_start,
    from_datetime,
    to_datetime,
)

INSTANTS = st.integers(EARLIEST_MS, LATEST_MS - 1)
DAYS = st.dates(dt.date(1970, 1, 1), dt.date(9998, 12, 30))
MONTHS = st.builds(Month, st.integers(1971, 9996), st.integers(1, 12))


@st.composite
def windows(draw: st.DrawFn, origin: int = 1_700_000_000_000, reach: int = 40 * MINUTE_MS) -> TimeWindow:
    """Short windows that often touch or overlap each other, with ends on and off the minute."""
    ends = sorted(draw(st.lists(st.integers(0, reach), min_size=2, max_size=2)))
    return TimeWindow(origin + ends[0], origin + ends[1])


def minutes_of(window: TimeWindow) -> set[int]:
    first = window.start // MINUTE_MS * MINUTE_MS
    return {at for at in range(first, window.end + MINUTE_MS, MINUTE_MS) if window.start <= at < window.end}


@given(windows())
def test_minutes_counts_those_that_open_inside(window: TimeWindow) -> None:
    assert window.minutes == len(minutes_of(window))


@given(windows(), windows())
def test_an_intersection_has_the_common_minutes(one: TimeWindow, other: TimeWindow) -> None:
    assert minutes_of(one.intersect(other)) == minutes_of(one) & minutes_of(other)


@given(windows(), windows())
def test_an_intersection_lies_inside_the_first_even_if_empty(one: TimeWindow, other: TimeWindow) -> None:
    common = one.intersect(other)
    assert one.start <= common.start <= common.end <= one.end


@given(DAYS, st.integers(0, 90 * DAY_MS))
def test_days_are_those_that_share_an_instant(day: dt.date, length: int) -> None:
    start = day_start(min(day, dt.date(9990, 1, 1)))
    window = TimeWindow(start + 1, start + 1 + length)
    days = window.days()
    shared = [
        start // DAY_MS + step
        for step in range(length // DAY_MS + 2)
        if max(window.start, start + step * DAY_MS) < min(window.end, start + (step + 1) * DAY_MS)
    ]
    assert [day_start(day) // DAY_MS for day in days] == shared


@given(DAYS)
def test_the_window_of_a_day_is_that_day(day: dt.date) -> None:
    window = TimeWindow.of_day(day)
    assert window.days() == [day]
    assert window.minutes == 1_440


@given(MONTHS)
def test_the_window_of_a_month_is_its_days(month: Month) -> None:
    days = month.days()
    assert {(day.year, day.month) for day in days} == {(month.year, month.month)}
    assert [day.day for day in days] == list(range(1, len(days) + 1))
    assert (days[-1] + dt.timedelta(days=1)).day == 1
    assert list(month.window.months()) == [month]


@given(MONTHS)
def test_the_next_month_begins_where_the_month_ends(month: Month) -> None:
    assert month.next().window.start == month.window.end
    assert month < month.next()


@given(MONTHS)
def test_a_month_is_read_from_its_text(month: Month) -> None:
    assert Month.parse(str(month)) == month


@pytest.mark.parametrize(
    "text", ["", "2024", "2024-1", "2024-13", "2024-00", "24-01", "2024-01-01", "2024/01", "٢٠٢٤-٠١x"]
)
def test_no_month_is_read_from_another_text(text: str) -> None:
    with pytest.raises(ValueError, match="month"):
        Month.parse(text)


@given(INSTANTS)
def test_an_instant_survives_the_way_through_datetime(instant: int) -> None:
    assert from_datetime(to_datetime(instant)) == instant


@given(INSTANTS)
def test_the_day_of_an_instant_is_that_of_the_calendar(instant: int) -> None:
    assert day_of(instant) == (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=instant)).date()
    assert day_start(day_of(instant)) <= instant < day_start(day_of(instant)) + DAY_MS


def test_a_datetime_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        from_datetime(dt.datetime(2024, 1, 1))  # noqa: DTZ001


def test_a_window_cannot_end_before_it_starts() -> None:
    with pytest.raises(ValueError, match="cannot end"):
        TimeWindow(1, 0)
