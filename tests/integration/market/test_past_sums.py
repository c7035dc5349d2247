"""Sums of the ledger that are kept are those that the ledger has, whoever has changed it meanwhile."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from market.domain.source import DayState
from market.domain.window import day_start
from market.models import LedgerDay, Symbol
from market.selectors.ledger import history_progress
from market.selectors.past import PastSums
from market.store.progress import sum_days
from tests.support.candles import make_symbol

pytestmark = pytest.mark.django_db

TODAY = dt.datetime.now(dt.UTC).date()
FIRST = TODAY - dt.timedelta(days=400)


def add(symbol: Symbol, *days: int, **fields: Any) -> None:
    """Entries of the days so many days ago."""
    whole = {"state": DayState.ARCHIVE, "expected": 1440, "monthly_rows": 1440, **fields}
    LedgerDay.objects.bulk_create(LedgerDay(symbol=symbol, day=TODAY - dt.timedelta(days=ago), **whole) for ago in days)


@pytest.fixture
def symbol() -> Symbol:
    symbol = make_symbol("PASTUSDT")
    add(symbol, *range(401))
    return symbol


def assert_true(sums: PastSums, *symbols: Symbol, first: dt.date = FIRST, today: dt.date = TODAY) -> None:
    """What is kept is what a sum over everything says."""
    wanted = [(symbol.id, first, today) for symbol in symbols]
    assert sums.with_recent(wanted, today=today) == sum_days(wanted, today=today)


def change_old(symbol: Symbol) -> None:
    LedgerDay.objects.filter(symbol=symbol, day=FIRST).update(monthly_rows=7, state=DayState.PARTIAL)


def change_new(symbol: Symbol) -> None:
    LedgerDay.objects.filter(symbol=symbol, day=TODAY).update(live_rows=0, monthly_rows=3)


def change_between(symbol: Symbol) -> None:
    for ago in range(1, 15):
        LedgerDay.objects.filter(symbol=symbol, day=TODAY - dt.timedelta(days=ago)).update(monthly_rows=ago)


def settle(symbol: Symbol) -> None:
    LedgerDay.objects.filter(symbol=symbol, day=FIRST).update(is_settled=True, monthly_rows=0, state=DayState.EMPTY)


def remove(symbol: Symbol) -> None:
    LedgerDay.objects.filter(symbol=symbol, day__lt=FIRST + dt.timedelta(days=30)).delete()


def remove_all(symbol: Symbol) -> None:
    LedgerDay.objects.filter(symbol=symbol).delete()


@pytest.mark.parametrize("change", [change_old, change_new, change_between, settle, remove, remove_all])
def test_a_change_is_seen_at_once(symbol: Symbol, change: Any) -> None:
    sums = PastSums()
    assert_true(sums, symbol)
    change(symbol)
    assert_true(sums, symbol)


def test_a_first_entry_is_seen(symbol: Symbol) -> None:
    sums = PastSums()
    late = make_symbol("LATEPASTUSDT")
    assert_true(sums, symbol, late)
    add(late, 300)
    assert_true(sums, symbol, late)


@pytest.mark.parametrize("ago", [0, 5, 9, 10, 11, 30, 399, 400, 401])
def test_wherever_the_window_begins_or_ends_the_sums_are_right(symbol: Symbol, ago: int) -> None:
    sums = PastSums()
    assert_true(sums, symbol)
    assert_true(sums, symbol, first=TODAY - dt.timedelta(days=ago))
    assert_true(sums, symbol, today=TODAY - dt.timedelta(days=ago))


def test_an_emptied_ledger_is_seen(symbol: Symbol) -> None:
    sums = PastSums()
    assert_true(sums, symbol)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("TRUNCATE market_ledgerday")
    assert_true(sums, symbol)


def test_only_the_symbol_that_has_changed_is_summed_again(symbol: Symbol) -> None:
    other = make_symbol("OTHERPASTUSDT")
    add(other, *range(401))
    sums = PastSums()
    assert_true(sums, symbol, other)
    change_old(other)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        sums.with_recent([(symbol.id, FIRST, TODAY), (other.id, FIRST, TODAY)], today=TODAY)
    _, again, recent = [query["sql"] for query in queries]
    assert f"{other.id}" in again
    assert f"{symbol.id}" not in again.partition("unnest")[2].partition("::integer[]")[0]
    assert f"{symbol.id}" in recent.partition("unnest")[2].partition("::integer[]")[0]


def test_nothing_old_is_summed_while_only_today_grows(symbol: Symbol) -> None:
    sums = PastSums()
    assert_true(sums, symbol)
    change_new(symbol)
    with CaptureQueriesContext(connection) as queries:
        sums.with_recent([(symbol.id, FIRST, TODAY)], today=TODAY)
    assert len(queries) == 2


def test_the_progress_of_a_symbol_follows_its_ledger(symbol: Symbol) -> None:
    Symbol.objects.filter(id=symbol.id).update(
        is_tracked=True, backfill_from=dt.datetime.combine(FIRST, dt.time(), dt.UTC)
    )
    symbol.refresh_from_db()
    now = day_start(TODAY) + 3_600_000
    assert history_progress(now=now, symbols=[symbol])[0].days_open == 0
    change_old(symbol)
    (progress,) = history_progress(now=now, symbols=[symbol])
    assert (progress.days_open, progress.gap_days, progress.states[DayState.PARTIAL]) == (1, 1, 1)
