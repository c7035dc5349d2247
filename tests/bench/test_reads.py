"""Reading a chart's page, against the bare statement and against a history that grows."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from statistics import median
from typing import Final

import psycopg
import pytest
from django.db import connection, connections

from feeds.fakebinance.config import ExchangeConfig
from feeds.fakebinance.market import GeneratedMarket
from market.domain.batch import CandleBatch
from market.domain.interval import Interval
from market.domain.page import Page
from market.domain.source import Source
from market.domain.window import LATEST_MS, Month, TimeWindow, to_datetime
from market.models import Symbol
from market.selectors.candles import klines_list
from market.services.candles import candles_ingest
from market.store.pages import page_query
from market.store.tables import TABLES
from tests.bench.databases import scratch_database
from tests.bench.double import SYMBOLS
from tests.bench.tables import show, verdict
from tests.bench.truth import expected_bars

_END: Final = Month(2024, 12)
_SHORT_MONTHS: Final = 3
_LONG_MONTHS: Final = 35
_PAGE: Final = 800
_CALLS: Final = int(os.environ.get("BENCH_CALLS", "400"))
# Until every statement is prepared, and planned for good.
_WARM_UP: Final = 20
_RATIO: Final = 1.5
_GROWTH: Final = 1.3


def _months(count: int) -> list[Month]:
    """So many months up to the last one, the newest first, as history is loaded."""
    months = [_END]
    while len(months) < count:
        months.append(Month.of(months[-1].first_day - dt.timedelta(days=1)))
    return months


_HISTORY: Final = TimeWindow(_months(_LONG_MONTHS)[-1].window.start, _END.window.end)
_NOW: Final = _HISTORY.end


class Store:
    """One history in a database of its own, and the connection to it."""

    def __init__(self, months: int, market: GeneratedMarket) -> None:
        self.months = months
        self._connection = connections["default"]
        ids = {name: Symbol.objects.create(name=name).id for name in SYMBOLS}
        self.symbol_id = ids[SYMBOLS[0]]
        for month in _months(months):
            for name, symbol_id in ids.items():
                frame = market.minutes(name, month.window.start, month.window.end).frame()
                candles_ingest(batch=CandleBatch.of(symbol_id, frame), source=Source.MONTHLY, durable=False)
        with connection.cursor() as cursor:
            # As autovacuum does a minute later: the planner knows the tables.
            cursor.execute("ANALYZE")
        # Django's connections plan every statement anew; the bare one shall stay planned as the selector's does.
        self._connection.connection.prepare_threshold = 0

    @property
    def backend(self) -> int:
        """The server's process for this connection."""
        pid: int = self._connection.connection.info.backend_pid
        return pid

    def use(self) -> None:
        """Make this history's connection Django's."""
        connections["default"] = self._connection

    def selector(self, interval: Interval, limit: int) -> Page:
        return klines_list(symbol_id=self.symbol_id, interval=interval, limit=limit, now=_NOW)

    def timed_selector(self, interval: Interval, limit: int) -> float:
        began = time.perf_counter()
        klines_list(symbol_id=self.symbol_id, interval=interval, limit=limit, now=_NOW)
        return time.perf_counter() - began

    def timed_statement(self, interval: Interval, limit: int) -> float:
        """The selector's own statement with its values, on the same connection, with psycopg alone."""
        start = interval.back(_NOW, limit) if interval in (Interval.M1, Interval.M5, Interval.M15) else 0
        statement = page_query(interval, self.symbol_id, TimeWindow(start, LATEST_MS), limit).statement.statement
        values = [self.symbol_id, to_datetime(start), to_datetime(LATEST_MS), limit]
        began = time.perf_counter()
        cursor = psycopg.RawCursor(self._connection.connection)
        cursor.execute(statement, values, prepare=True, binary=True)
        cursor.fetchall()
        return time.perf_counter() - began


@pytest.fixture(scope="module")
def market() -> GeneratedMarket:
    listings = ExchangeConfig(symbols=SYMBOLS).market_listings()
    return GeneratedMarket(seed=7, listings=listings, history_start=_HISTORY.start)


@contextmanager
def _own_connection() -> Iterator[None]:
    """A second connection for this thread while the block runs."""
    home = connections["default"]
    connections["default"] = home.copy()
    try:
        yield
    finally:
        connections["default"].close()
        connections["default"] = home


@contextmanager
def _one_processor(backends: Sequence[int]) -> Iterator[None]:
    """This process and these beside each other on one processor while the block runs.

    They work by turns, so nothing is lost. Where the scheduler puts them decides how long each waking takes, which is a
    third of a small page: here it is the same for all.
    """
    everywhere = os.sched_getaffinity(0)
    for process in (0, *backends):
        # A server of another machine, or of another user, stays where it is.
        with suppress(OSError):
            os.sched_setaffinity(process, {min(everywhere)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, everywhere)


@pytest.fixture(scope="module")
def stores(market: GeneratedMarket) -> Iterator[tuple[Store, Store]]:
    """The short and the long history. Both end in the same month."""
    made: list[Store] = []
    with ExitStack() as stack:
        for months in (_SHORT_MONTHS, _LONG_MONTHS):
            stack.enter_context(_own_connection())
            stack.enter_context(scratch_database(f"bench_reads_{months}"))
            made.append(Store(months, market))
        short, long = made
        stack.enter_context(_one_processor([store.backend for store in made]))
        yield short, long
        # Databases are dropped in the reverse order of their making, each by its own connection.
        long.use()


def test_pages_are_the_exchanges_bars(stores: tuple[Store, Store], market: GeneratedMarket) -> None:
    for store in stores:
        store.use()
        window = TimeWindow(_months(store.months)[-1].window.start, _NOW)
        truth = market.minutes(SYMBOLS[0], window.start, window.end)
        for interval in TABLES:
            expected = expected_bars(truth, interval)
            page = store.selector(interval, _PAGE)
            assert len(page) == min(_PAGE, len(expected))
            assert page.time.tolist() == expected.time[-_PAGE:].tolist()
            assert page.close.tolist() == expected.close[-_PAGE:].tolist()
            assert page.volume.tolist() == expected.volume[-_PAGE:].tolist()


def test_a_page_compared_with_the_bare_statement(stores: tuple[Store, Store]) -> None:
    lines = []
    for interval in TABLES:
        for store in stores:
            store.use()
            rows = len(store.selector(interval, _PAGE))
            page, bare = _in_turns(
                partial(store.timed_selector, interval, _PAGE), partial(store.timed_statement, interval, _PAGE)
            )
            met = verdict(met=page / bare <= _RATIO)
            lines.append((interval.value, store.months, rows, _ms(page), _ms(bare), f"{page / bare:.2f}", met))
    show(
        f"A page of {_PAGE} bars: selector against the bare statement (ratio <= {_RATIO}), medians of {_CALLS} calls",
        ("interval", "months", "rows", "selector, ms", "bare, ms", "ratio", ""),
        lines,
    )


def test_a_page_compared_with_the_same_page_of_a_short_history(stores: tuple[Store, Store]) -> None:
    """Both histories are asked for as many bars as the short one has, so that the history grows and not the page."""
    short, long = stores
    lines = []
    for interval in TABLES:
        short.use()
        rows = len(short.selector(interval, _PAGE))
        early, late = _in_turns(
            partial(short.timed_selector, interval, rows), partial(long.timed_selector, interval, rows), short, long
        )
        met = verdict(met=late / early <= _GROWTH)
        lines.append((interval.value, rows, _ms(early), _ms(late), f"{late / early:.2f}", met))
    show(
        f"The same page after {short.months} and {long.months} months (growth <= {_GROWTH}), medians of {_CALLS} calls",
        ("interval", "rows", f"{short.months} months, ms", f"{long.months} months, ms", "growth", ""),
        lines,
    )


def _in_turns(first: Callable[[], float], second: Callable[[], float], *stores: Store) -> tuple[float, float]:
    """Medians of two ways to do something, by turns; each with its store's connection, if stores are given."""
    times: tuple[list[float], list[float]] = ([], [])
    for call in range(_CALLS + _WARM_UP):
        for place, (way, kept) in enumerate(zip((first, second), times, strict=True)):
            if stores:
                stores[place].use()
            seconds = way()
            if call >= _WARM_UP:
                kept.append(seconds)
    return median(times[0]), median(times[1])


def _ms(seconds: float) -> str:
    return f"{seconds * 1_000:.2f}"
