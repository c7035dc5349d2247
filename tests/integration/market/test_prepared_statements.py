"""Statements that stay planned in a connection."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from market.domain.interval import Interval
from market.domain.source import Source
from market.domain.window import TimeWindow
from market.store import charts
from tests.support.candles import load, make_symbol, ms, random_frame
from tests.support.database import query

pytestmark = pytest.mark.django_db(transaction=True)

START = ms("2024-03-05T09:00")
WINDOW = TimeWindow(START, START + 3_600_000)


def newest(symbol_id: int) -> list[int]:
    page: list[int] = charts.newest_page(Interval.M1, symbol_id, WINDOW, 3).time.tolist()
    return page


def test_a_page_is_planned_once_in_a_connection() -> None:
    symbol = make_symbol("BTCUSDT")
    load(symbol, random_frame(1, START, 5), Source.MONTHLY)
    assert newest(symbol.id) == newest(symbol.id) == [START + minute * 60_000 for minute in (2, 3, 4)]
    assert query("SELECT count(*) FROM pg_prepared_statements WHERE name = 'page 1m'") == [(1,)]


def test_a_session_that_has_forgotten_its_plans_is_given_them_again() -> None:
    symbol = make_symbol("BTCUSDT")
    load(symbol, random_frame(1, START, 5), Source.MONTHLY)
    before = newest(symbol.id)
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    assert newest(symbol.id) == before


def test_a_transaction_that_was_rolled_back_leaves_the_plans() -> None:
    symbol = make_symbol("BTCUSDT")
    load(symbol, random_frame(1, START, 5), Source.MONTHLY)
    before = newest(symbol.id)
    with transaction.atomic():
        newest(symbol.id)
        transaction.set_rollback(True)
    assert newest(symbol.id) == before
