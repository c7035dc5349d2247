"""Putting a month right by its minutes, where somebody's hand has been."""

from __future__ import annotations

import datetime as dt

import pytest

from market.domain.window import Month
from market.models import LedgerDay
from market.services.ledger import days_settle
from market.services.rebuild import month_rebuild
from tests.support.candles import load, make_symbol, ms, random_frame
from tests.support.database import query

pytestmark = pytest.mark.django_db

START = ms("2024-02-01")
DAY = dt.date(2024, 2, 1)


def test_a_settled_day_that_has_lost_minutes_is_asked_for_again() -> None:
    symbol = make_symbol()
    load(symbol, random_frame(1, START, 1_000))
    days_settle(symbol=symbol, days=[DAY], line="no source has more")
    assert query("DELETE FROM candle_1m WHERE time < '2024-02-01 00:10+00' RETURNING 1")
    month_rebuild(symbol=symbol, month=Month(2024, 2))
    entry = LedgerDay.objects.get()
    assert (entry.daily_rows, entry.is_settled) == (990, False)


def test_a_settled_day_that_was_counted_right_stays_settled() -> None:
    symbol = make_symbol()
    load(symbol, random_frame(1, START, 1_000))
    days_settle(symbol=symbol, days=[DAY], line="no source has more")
    month_rebuild(symbol=symbol, month=Month(2024, 2))
    assert LedgerDay.objects.get().is_settled
