"""When nobody will have more of a day than is stored."""

from __future__ import annotations

import datetime as dt

import pytest

from feeds.backfill import _is_final
from feeds.destinations import Unit
from feeds.plan import DailyFile, Step
from market.domain.window import MINUTE_MS, Month, TimeWindow
from market.models import Symbol

TODAY = dt.date(2024, 3, 5)


def unit(day: dt.date, *, delivery: dt.datetime | None = None, wanted: int = 0) -> Unit:
    """Wants the whole day as far as the symbol lived on it, or so many minutes of it."""
    symbol = Symbol(name="BTCUSDT", delivery_at=delivery)
    want = TimeWindow.of_day(day).intersect(symbol.life)
    if wanted:
        want = TimeWindow(want.start, want.start + wanted * MINUTE_MS)
    return Unit(symbol, Month.of(day), want)


def day_ago(days: int) -> dt.date:
    return TODAY - dt.timedelta(days=days)


def test_a_day_that_is_over_is_final_once_rest_has_answered() -> None:
    day = day_ago(1)
    assert _is_final(unit(day), day, TODAY, set(), {day})
    assert not _is_final(unit(day), day, TODAY, set(), set())


def test_a_day_of_which_a_part_is_wanted_is_not_final() -> None:
    day = day_ago(1)
    assert not _is_final(unit(day, wanted=1_439), day, TODAY, set(), {day})


def test_the_last_day_of_a_symbol_is_not_final_before_it_is_over() -> None:
    """All of its minutes are wanted by noon, and the last of them may still come."""
    ended = unit(TODAY, delivery=dt.datetime(2024, 3, 5, 9, tzinfo=dt.UTC))
    assert not _is_final(ended, TODAY, TODAY, set(), {TODAY})
    assert _is_final(ended, TODAY, TODAY + dt.timedelta(days=1), set(), {TODAY})


@pytest.mark.parametrize(("days", "is_final"), [(35, False), (36, True)])
def test_the_archive_alone_is_waited_for(days: int, is_final: bool) -> None:
    day = day_ago(days)
    tried: set[Step] = {DailyFile(day)}
    assert _is_final(unit(day), day, TODAY, tried, set()) is is_final
    assert not _is_final(unit(day), day, TODAY, set(), set())
