"""Several writers at once, and writers that die."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest
from django.db import OperationalError, connection, transaction

from market.domain.batch import CandleBatch
from market.domain.frame import CandleFrame
from market.domain.interval import Interval
from market.domain.source import Source
from market.domain.window import to_datetime
from market.models import LedgerDay
from market.services.candles import candles_ingest
from market.services.symbols import symbols_sync
from market.store import candles as store
from market.store import ledger
from tests.support.candles import LISTED, load, make_symbol, ms, random_frame
from tests.support.database import query
from tests.support.eventually import eventually
from tests.support.expected_store import INTERVALS, ExpectedStore
from tests.support.stored import bars_by_time_bucket, stored_bars, stored_ledger, stored_sources
from tests.support.strategies import rows_of

pytestmark = pytest.mark.django_db(transaction=True)

# A month's edge inside a week.
START = ms("2024-01-31T12:00")


@contextmanager
def own_connections(threads: int) -> Iterator[ThreadPoolExecutor]:
    """Threads with a database connection each, closed at the end."""
    barrier = threading.Barrier(threads)

    def close() -> None:
        barrier.wait(timeout=30)
        connection.close()

    with ThreadPoolExecutor(threads) as pool:
        yield pool
        for closed in [pool.submit(close) for _ in range(threads)]:
            closed.result()


def expect(expected: ExpectedStore, symbol_id: int, frame: CandleFrame, source: Source) -> None:
    expected.ingest({(symbol_id, time): row for time, row in rows_of(frame).items()}, source)


def assert_bars_are(expected: ExpectedStore) -> None:
    for interval in INTERVALS:
        assert stored_bars(interval) == expected.bars(interval) == bars_by_time_bucket(interval)


def test_two_writers_of_one_symbol_leave_what_one_after_the_other_would() -> None:
    symbol = make_symbol()
    live, daily = random_frame(1, START, 1_440), random_frame(2, START, 1_440)
    minutes = range(0, 1_440, 60)
    with own_connections(2) as pool:
        one: list[Future[object]] = [
            pool.submit(load, symbol, live.take(slice(first, first + 90)), Source.LIVE) for first in minutes
        ]
        # Backwards, so that the two meet.
        other: list[Future[object]] = [
            pool.submit(load, symbol, daily.take(slice(first, first + 90)), Source.DAILY) for first in reversed(minutes)
        ]
        for done in one + other:
            done.result()
    expected = ExpectedStore()
    expect(expected, symbol.id, daily, Source.DAILY)
    assert_bars_are(expected)
    assert set(stored_sources().values()) == {Source.DAILY}
    assert sum(daily_rows for _, _, _, _, daily_rows, _ in stored_ledger().values()) == 1_440


def test_two_writers_of_the_two_halves_of_a_bar_leave_it_whole() -> None:
    symbol = make_symbol()
    frame = random_frame(3, START, 240)
    with own_connections(2) as pool:
        halves = [pool.submit(load, symbol, frame.take(slice(first, None, 2)), Source.REST) for first in (0, 1)]
        assert sum(half.result().inserted for half in halves) == 240
    expected = ExpectedStore()
    expect(expected, symbol.id, frame, Source.REST)
    assert_bars_are(expected)


def test_batches_that_name_the_same_symbols_in_other_orders_do_not_wait_for_each_other_for_ever() -> None:
    names = [make_symbol(f"S{number}USDT") for number in range(4)]
    frame = random_frame(4, START, 30)

    def write(step: int) -> None:
        part = frame.take(slice(step, step + 1))
        candles_ingest(
            batch=CandleBatch.concat((symbol.id, part) for symbol in names[:: (-1) ** step]), source=Source.LIVE
        )

    with own_connections(3) as pool:
        for done in [pool.submit(write, step) for step in range(30)]:
            done.result(timeout=60)
    expected = ExpectedStore()
    for symbol in names:
        expect(expected, symbol.id, frame, Source.LIVE)
    assert_bars_are(expected)


def backend_pid() -> int:
    return int(query("SELECT pg_backend_pid()")[0][0])


def kill(pid: int) -> None:
    """End that backend, from a connection of its own, and wait until it is gone."""

    def from_elsewhere() -> None:
        try:
            query("SELECT pg_terminate_backend(%s)", [pid])
            eventually(lambda: not query("SELECT FROM pg_stat_activity WHERE pid = %s", [pid]))
        finally:
            connection.close()

    thread = threading.Thread(target=from_elsewhere)
    thread.start()
    thread.join(timeout=30)


def dying_at(step: int, action: Callable[..., object], seen: list[str]) -> Callable[..., object]:
    """`action`, but before its call number `step` the backend of this thread is killed."""

    def call(*arguments: object, **options: object) -> object:
        seen.append(getattr(action, "__name__", ""))
        if len(seen) == step:
            kill(backend_pid())
        return action(*arguments, **options)

    return call


# The writing steps of an ingest: minutes, seven timeframes, the file record, the ledger.
@pytest.mark.parametrize("step", range(1, 18, 2))
def test_a_writer_whose_connection_dies_leaves_all_as_it_was(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    symbol = make_symbol()
    stored, incoming = random_frame(5, START, 1_000), random_frame(6, START, 1_440)
    load(symbol, stored, Source.LIVE)
    before = [stored_bars(interval) for interval in INTERVALS], stored_sources(), stored_ledger()
    seen: list[str] = []
    with monkeypatch.context() as patched:
        for name in ("insert", "delete"):
            patched.setattr(store, name, dying_at(step, getattr(store, name), seen))
        patched.setattr(ledger, "write_days", dying_at(step, ledger.write_days, seen))
        with pytest.raises(OperationalError):
            load(symbol, incoming, Source.DAILY)
    assert len(seen) == step
    connection.close()
    assert ([stored_bars(interval) for interval in INTERVALS], stored_sources(), stored_ledger()) == before
    load(symbol, incoming, Source.DAILY)
    expected = ExpectedStore()
    expect(expected, symbol.id, incoming, Source.DAILY)
    assert_bars_are(expected)


def test_an_error_in_the_last_step_leaves_all_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    symbol = make_symbol()

    def refuse(entries: object) -> None:
        raise RuntimeError("the ledger cannot be written")

    with monkeypatch.context() as patched:
        patched.setattr(ledger, "write_days", refuse)
        with pytest.raises(RuntimeError, match="ledger"):
            load(symbol, random_frame(1, START, 10))
    assert stored_bars("1m") == stored_bars("1M") == {}


def test_the_lock_of_one_symbol_does_not_stop_writers_of_another() -> None:
    held, free = make_symbol("HELDUSDT"), make_symbol("FREEUSDT")
    with own_connections(1) as pool, transaction.atomic():
        store.lock_symbols([held.id])
        assert pool.submit(load, free, random_frame(1, START, 5)).result(timeout=20).inserted == 5


def test_all_rollup_tables_are_written() -> None:
    load(make_symbol(), random_frame(1, START, 5))
    assert all(stored_bars(interval.value) for interval in Interval)


def test_a_day_that_is_written_while_a_delisting_is_noticed_expects_no_minute_after_it() -> None:
    symbol = make_symbol(onboard_at=to_datetime(ms("2020-01-01")))

    def notice() -> None:
        symbols_sync(listed=[replace(LISTED, status="SETTLING", delivery_ms=ms("2024-03-05T09:00"))])

    with own_connections(1) as pool:
        with transaction.atomic():
            load(symbol, random_frame(1, ms("2024-03-05"), 540), Source.DAILY)
            noticed = pool.submit(notice)
            eventually(lambda: query("SELECT count(*) FROM pg_locks WHERE NOT granted") == [(1,)])
        noticed.result()
    entry = LedgerDay.objects.get()
    assert (entry.expected, entry.state) == (540, "archive")
