"""The event loop's own connections to the database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import psycopg
import pytest
from psycopg import OperationalError
from psycopg.pq.abc import PGresult

from klineproject.postgres.links import Links
from market.domain.interval import Interval
from market.domain.source import Source
from market.domain.window import TimeWindow
from market.store import charts, pages
from market.store.prepared import BIGINT, Prepared, Query
from tests.support.candles import load, make_symbol, ms, random_frame
from tests.support.database import query
from tests.support.served import database_url

pytestmark = pytest.mark.django_db(transaction=True)

MOST = 3
START = ms("2024-03-05T09:00")
NUMBER = Prepared("number", "SELECT $1", (BIGINT,))
SLEEP = Prepared("sleep", "SELECT $1 FROM pg_sleep($1 / 1000.0)", (BIGINT,))
BACKEND = Prepared("backend", "SELECT pg_backend_pid()::bigint + $1", (BIGINT,))
FAILING = Prepared("failing", "SELECT 1 / $1", (BIGINT,))

_Found = TypeVar("_Found")


def number(result: PGresult) -> int:
    return int.from_bytes(result.get_value(0, 0) or b"", "big")


async def asked(links: Links, statement: Prepared, value: int) -> int:
    return number(await links.run(Query(statement, (value,), 1)))


def with_links(work: Callable[[Links], Awaitable[_Found]], most: int = MOST) -> _Found:
    """What the work returns; it begins with a connection that is open."""

    async def whole() -> _Found:
        links = Links(most)
        try:
            await opened(links)
            return await work(links)
        finally:
            await links.stop()

    return asyncio.run(whole())


async def opened(links: Links, *, wanted: bool = True) -> None:
    """Wait until there is a connection, or none any more."""
    for _ in range(1_000):
        if links.are_open() is wanted:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"connections: {not wanted}")


async def ended(backend: int) -> None:
    """End a session of the database as its administrator can."""
    async with await psycopg.AsyncConnection.connect(database_url(), autocommit=True) as connection:
        await connection.execute("SELECT pg_terminate_backend(%s)", [backend])


@pytest.fixture(autouse=True)
def _no_session_is_left() -> Iterator[None]:
    """A session goes on sleeping after its client has left."""
    yield
    query(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )


def test_the_first_who_asks_is_sent_elsewhere_while_a_connection_is_opened() -> None:
    async def whole() -> int:
        links = Links(MOST)
        with pytest.raises(OperationalError):
            await asked(links, NUMBER, 1)
        await opened(links)
        found = await asked(links, NUMBER, 2)
        await links.stop()
        return found

    assert asyncio.run(whole()) == 2


def test_a_page_is_the_same_as_in_a_thread() -> None:
    symbol = make_symbol("BTCUSDT")
    load(symbol, random_frame(1, START, 300), Source.MONTHLY)
    for interval in Interval:
        wanted = pages.page_query(interval, symbol.id, TimeWindow(0, START + 86_400_000), 250)
        here = pages.page_of(charts.execute(wanted)).rows()
        there = pages.page_of(with_links(lambda links, wanted=wanted: links.run(wanted))).rows()  # type: ignore[misc]
        assert len(here) > 0
        assert there == here


def test_each_gets_his_own_answer_however_many_ask() -> None:
    async def work(links: Links) -> list[int]:
        return await asyncio.gather(*(asked(links, NUMBER, value) for value in range(500)))

    assert with_links(work) == list(range(500))


def test_no_more_connections_than_allowed_are_opened() -> None:
    async def work(links: Links) -> set[int]:
        found: set[int] = set()
        for _ in range(10):
            found.update(await asyncio.gather(*(asked(links, BACKEND, 0) for _ in range(20))))
            await asyncio.sleep(0.02)
        return found

    assert len(with_links(work)) == MOST


def test_a_connection_that_was_ended_is_replaced() -> None:
    async def work(links: Links) -> tuple[int, int]:
        first = await asked(links, BACKEND, 0)
        await ended(first)
        await opened(links, wanted=False)
        await opened(links)
        return first, await asked(links, BACKEND, 0)

    first, second = with_links(work, most=1)
    assert first != second


def test_a_connection_that_is_ended_in_the_middle_of_an_answer_fails_it_and_those_behind() -> None:
    async def work(links: Links) -> list[int | BaseException]:
        backend = await asked(links, BACKEND, 0)
        waiting = [asyncio.ensure_future(asked(links, SLEEP, 30_000)) for _ in range(3)]
        await asyncio.sleep(0.2)
        await ended(backend)
        async with asyncio.timeout(10):
            return await asyncio.gather(*waiting, return_exceptions=True)

    assert [isinstance(found, OperationalError) for found in with_links(work, most=1)] == [True] * 3


def test_a_statement_that_fails_fails_alone() -> None:
    async def work(links: Links) -> list[int]:
        with pytest.raises(psycopg.errors.DivisionByZero):
            await asked(links, FAILING, 0)
        await opened(links)
        return [await asked(links, FAILING, 1), await asked(links, NUMBER, 7)]

    assert with_links(work) == [1, 7]


def test_who_leaves_in_the_middle_takes_nobody_elses_answer_with_him() -> None:
    async def work(links: Links) -> list[int]:
        leaving = [asyncio.ensure_future(asked(links, SLEEP, 5_000)) for _ in range(4)]
        await asyncio.sleep(0.2)
        for one in leaving:
            one.cancel()
        gone = await asyncio.gather(*leaving, return_exceptions=True)
        assert all(isinstance(one, asyncio.CancelledError) for one in gone)
        await opened(links)
        return await asyncio.gather(*(asked(links, NUMBER, value) for value in range(50)))

    assert with_links(work) == list(range(50))


def test_a_statement_that_takes_its_time_is_waited_for() -> None:
    async def work(links: Links) -> int:
        return await asked(links, SLEEP, 1_500)

    assert with_links(work) == 1_500


def test_who_waits_when_all_is_stopped_is_told() -> None:
    async def work(links: Links) -> list[int | BaseException]:
        waiting = [asyncio.ensure_future(asked(links, SLEEP, 30_000)) for _ in range(4)]
        await asyncio.sleep(0.2)
        await links.stop()
        return await asyncio.gather(*waiting, return_exceptions=True)

    assert [isinstance(found, OperationalError) for found in with_links(work)] == [True] * 4
