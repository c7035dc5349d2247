"""Closed minutes wait for the database, within a bound, and leave only when they are committed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace

import psycopg
import pytest
from django.db import DataError, OperationalError

from feeds.live.batcher import BATCH_ROWS, Batcher, Closed
from feeds.live.database import DatabaseThread
from market.domain.candle import Candle
from market.domain.source import Source
from market.domain.window import MINUTE_MS, TimeWindow
from tests.support.eventually import eventually_here

Store = Callable[[Sequence[Closed]], None]


class Thread(DatabaseThread):
    """Runs functions where they are called: these tests have no database."""

    def __init__(self) -> None:
        super().__init__("test")

    async def run(self, function, *args, **kwargs):  # type: ignore[no-untyped-def]
        await asyncio.sleep(0)
        return function(*args, **kwargs)


class Table:
    """What a database would hold; fails as it is told."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, int], Closed] = {}
        self.batches: list[int] = []
        self.fails: Callable[[Sequence[Closed]], Exception | None] = lambda _: None

    def store(self, batch: Sequence[Closed]) -> None:
        error = self.fails(batch)
        if error is not None:
            raise error
        self.batches.append(len(batch))
        self.rows |= {(entry.symbol_id, entry.candle.time): entry for entry in batch}


def closed(symbol_id: int, minute: int) -> Closed:
    candle = Candle(f"S{symbol_id}", minute * MINUTE_MS, 1, 1, 1, 1, 1, 1, 0, 0, 1, is_closed=True)
    return Closed(symbol_id, candle, Source.LIVE)


class Bench:
    def __init__(self, most_pending: int = 1_000) -> None:
        self.table = Table()
        self.committed: list[Closed] = []
        self.lost: dict[int, TimeWindow] = {}
        self.batcher = Batcher(
            Thread(),
            on_commit=self.committed.extend,
            on_lost=self._lose,
            store=self.table.store,
            most_pending=most_pending,
        )

    def _lose(self, lost: Mapping[int, TimeWindow]) -> None:
        self.lost.update(lost)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
async def running(bench: Bench) -> AsyncIterator[Bench]:
    task = asyncio.create_task(bench.batcher.run())
    yield bench
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_full_batch_is_written_at_once(running: Bench) -> None:
    for number in range(BATCH_ROWS):
        running.batcher.put(closed(number, 1))
    await eventually_here(lambda: len(running.table.rows) == BATCH_ROWS)
    assert running.table.batches == [BATCH_ROWS]


async def test_a_small_batch_is_written_when_it_is_old_enough(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feeds.live.batcher.BATCH_AGE_S", 0.05)
    task = asyncio.create_task(bench.batcher.run())
    bench.batcher.put(closed(1, 1))
    await eventually_here(lambda: len(bench.table.rows) == 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("error", [OperationalError("away"), psycopg.OperationalError("away")])
async def test_nothing_leaves_before_it_is_committed(bench: Bench, error: Exception) -> None:
    bench.table.fails = lambda _: error
    bench.batcher.put(closed(1, 1))
    assert not await bench.batcher.flush()
    assert len(bench.batcher) == 1
    assert not bench.committed
    bench.table.fails = lambda _: None
    assert await bench.batcher.flush()
    assert len(bench.batcher) == 0
    assert [entry.symbol_id for entry in bench.committed] == [1]


async def test_what_cannot_be_stored_does_not_keep_the_others_out(bench: Bench) -> None:
    bench.table.fails = lambda batch: DataError("no") if any(entry.symbol_id == 2 for entry in batch) else None
    for symbol_id in (1, 2, 3):
        bench.batcher.put(closed(symbol_id, 1))
    assert await bench.batcher.flush()
    assert {symbol_id for symbol_id, _ in bench.table.rows} == {1, 3}
    assert len(bench.batcher) == 0


async def test_a_database_that_goes_while_symbols_are_tried_apart_loses_nothing(bench: Bench) -> None:
    bench.table.fails = lambda batch: DataError("no") if len(batch) > 1 else OperationalError("away")
    for symbol_id in (1, 2):
        bench.batcher.put(closed(symbol_id, 1))
    assert not await bench.batcher.flush()
    assert len(bench.batcher) == 2


async def test_beyond_the_bound_the_oldest_go_and_are_told_of_when_the_database_is_back() -> None:
    bench = Bench(most_pending=4)
    bench.table.fails = lambda _: OperationalError("away")
    for minute in range(1, 8):
        bench.batcher.put(closed(1, minute))
    assert not await bench.batcher.flush()
    assert len(bench.batcher) == 4
    assert not bench.lost
    bench.table.fails = lambda _: None
    assert await bench.batcher.flush()
    assert bench.lost == {1: TimeWindow(1 * MINUTE_MS, 4 * MINUTE_MS)}


async def test_what_comes_while_a_batch_is_written_is_written_next(bench: Bench) -> None:
    def come(_: Sequence[Closed]) -> None:
        if len(bench.table.batches) == 0:
            bench.batcher.put(closed(2, 1))

    bench.table.fails = come
    bench.batcher.put(closed(1, 1))
    assert await bench.batcher.flush()
    assert set(bench.table.rows) == {(1, MINUTE_MS), (2, MINUTE_MS)}


async def test_a_correction_that_comes_while_its_minute_is_written_is_written_next(bench: Bench) -> None:
    first = closed(1, 1)
    correction = Closed(1, replace(first.candle, trade_count=2), Source.REST)

    def come(_: Sequence[Closed]) -> None:
        if len(bench.table.batches) == 0:
            bench.batcher.put(correction)

    bench.table.fails = come
    bench.batcher.put(first)
    assert await bench.batcher.flush()
    assert bench.table.rows == {(1, MINUTE_MS): correction}
    assert bench.committed == [first, correction]
