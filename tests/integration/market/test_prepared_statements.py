"""Statements that stay planned in a connection."""

from __future__ import annotations

import re

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market.domain.interval import Interval
from market.domain.source import Source
from market.domain.window import DAY_MS, LATEST_MS, MINUTE_MS, TimeWindow
from market.store import charts, pages
from tests.support.candles import load, make_symbol, ms, random_frame
from tests.support.database import query

pytestmark = pytest.mark.django_db(transaction=True)

START = ms("2024-03-05T09:00")
WINDOW = TimeWindow(START, START + 3_600_000)
# Seasons are 90 days long and counted from 1970.
EDGE = START // (90 * DAY_MS) * 90 * DAY_MS


def newest(symbol_id: int) -> list[int]:
    query = pages.page_query(Interval.M1, symbol_id, WINDOW, 3)
    page: list[int] = pages.page_of(charts.execute(query)).time.tolist()
    return page


def test_a_page_is_planned_once_in_a_connection() -> None:
    symbol = make_symbol("BTCUSDT")
    load(symbol, random_frame(1, START, 5), Source.MONTHLY)
    assert newest(symbol.id) == newest(symbol.id) == [START + minute * 60_000 for minute in (2, 3, 4)]
    assert query("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'page 1m %'") == [(1,)]


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


@pytest.mark.parametrize("end", [WINDOW.end, LATEST_MS])
def test_a_plan_for_minutes_leaves_distant_chunks_alone(end: int) -> None:
    """What was stored long ago, or has come since, costs a page nothing."""
    symbol = make_symbol("BTCUSDT")
    for year in (2023, 2024) if end == LATEST_MS else (2023, 2024, 2025):
        for month in range(1, 4 if year == 2024 else 13):
            load(symbol, random_frame(month, ms(f"{year}-{month:02}-10T00:00"), 5), Source.MONTHLY)
    asked = pages.page_query(Interval.M1, symbol.id, TimeWindow(START, end), 3)
    plan = query(f"EXPLAIN (GENERIC_PLAN) {asked.statement.statement}")
    chunks = {name for (line,) in plan for name in re.findall(r"_hyper_\d+_\d+_chunk", line)}
    assert 1 <= len(chunks) <= 7


@pytest.fixture
def symbol_at_the_edge() -> int:
    symbol = make_symbol("ETHUSDT")
    load(symbol, random_frame(1, EDGE - 100 * MINUTE_MS, 200), Source.MONTHLY)
    return symbol.id


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.integers(-200, 200), length=st.integers(1, 300), limit=st.integers(1, 300))
def test_pages_around_the_edge_of_two_seasons(symbol_at_the_edge: int, first: int, length: int, limit: int) -> None:
    """The edge lies in the middle of the stored minutes; whatever part of them is asked for, it is all found."""
    window = TimeWindow(EDGE + first * MINUTE_MS, EDGE + (first + length) * MINUTE_MS)
    stored = range(EDGE - 100 * MINUTE_MS, EDGE + 100 * MINUTE_MS, MINUTE_MS)
    wanted = [time for time in stored if window.start <= time < window.end][-limit:]
    page = pages.page_of(charts.execute(pages.page_query(Interval.M1, symbol_at_the_edge, window, limit)))
    assert page.time.tolist() == wanted
