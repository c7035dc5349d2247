"""Taking over a table of the original's shape, which lies in the test's own database."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from market.domain.frame import CandleFrame
from market.domain.source import Source
from market.domain.window import DAY_MS, MINUTE_MS, TimeWindow, to_datetime
from market.models import LedgerDay, Symbol
from market.selectors.audit import stored_minutes
from tests.support.candles import load, ms, random_frame
from tests.support.served import database_url

pytestmark = pytest.mark.django_db(transaction=True)

START = ms("2024-02-28T12:00")
MINUTES = 3 * 1_440
Fill = Callable[..., None]


@pytest.fixture
def frame() -> CandleFrame:
    """Three days over the end of a month."""
    return random_frame(11, START, MINUTES)


@pytest.fixture
def table() -> Iterator[Fill]:
    """Makes the table: `table("BTCUSDT", frame)`; columns as the original's API shows them."""

    def fill(symbol: str, frame: CandleFrame, *, time_type: str = "timestamptz", more: str = "") -> None:
        columns = (
            f"symbol text, timestamp {time_type}, open numeric, high numeric, low numeric, close numeric,"
            f" volume numeric, taker_buy_volume numeric, net_volume numeric, is_closed boolean {more}"
        )
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE TABLE IF NOT EXISTS klines_1m ({columns})")
            rows = zip(
                frame.time.tolist(), frame.open.tolist(), frame.high.tolist(), frame.low.tolist(), frame.close.tolist(),
                frame.volume.tolist(), frame.taker_buy_volume.tolist(), strict=True,
            )  # fmt: skip
            cursor.executemany(
                "INSERT INTO klines_1m VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 2 * %s::numeric - %s::numeric, true)",
                [
                    (
                        symbol,
                        time if time_type == "bigint" else to_datetime(time),
                        *prices,
                        volume,
                        bought,
                        bought,
                        volume,
                    )
                    for time, *prices, volume, bought in rows
                ],
            )

    yield fill
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS klines_1m")


def change(statement: str, *values: dt.datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)


def run(*symbols: str) -> tuple[str, str]:
    """What the command writes, and what it complains of."""
    output, problems = io.StringIO(), io.StringIO()
    call_command("import_original", *symbols, "--dsn", database_url(), stdout=output, stderr=problems)
    return output.getvalue(), problems.getvalue()


def stored(name: str) -> CandleFrame:
    symbol = Symbol.objects.get(name=name)
    return stored_minutes(symbol_id=symbol.id, window=TimeWindow(START - DAY_MS, START + 10 * DAY_MS))[0]


@pytest.mark.parametrize("time_type", ["timestamptz", "timestamp", "bigint"])
def test_every_minute_comes_over_as_it_is(table: Fill, frame: CandleFrame, time_type: str) -> None:
    table("btcusdt", frame, time_type=time_type)
    said, problems = run()
    found = stored("BTCUSDT")
    for name in ("time", "open", "high", "low", "close", "volume", "taker_buy_volume"):
        assert np.array_equal(getattr(found, name), getattr(frame, name)), name
    assert not problems
    assert "1 symbols, 4,320 rows read, 4,320 stored, 0 were here already, 0 refused" in said
    assert "the table has no quote_volume, taker_buy_quote_volume, trade_count" in said
    assert set(LedgerDay.objects.values_list("live_rows", flat=True)) == {720, 1440}


def test_a_second_run_goes_on_where_the_first_was_ended(table: Fill, frame: CandleFrame) -> None:
    table("BTCUSDT", frame.take(slice(0, 2_000)))
    run()
    table("BTCUSDT", frame.take(slice(2_000, MINUTES)))
    said, _ = run()
    assert "2,320 stored, 2,000 were here already" in said
    assert np.array_equal(stored("BTCUSDT").time, frame.time)


def test_what_is_stored_from_elsewhere_stays_and_is_no_conflict(table: Fill, frame: CandleFrame) -> None:
    symbol = Symbol.objects.create(name="BTCUSDT")
    load(symbol, frame.take(slice(0, 1_000)), Source.DAILY)
    table("BTCUSDT", random_frame(12, START, MINUTES))
    run()
    assert stored("BTCUSDT").take(slice(0, 1_000)) == frame.take(slice(0, 1_000))
    assert len(stored("BTCUSDT")) == MINUTES
    assert not LedgerDay.objects.filter(conflict_rows__gt=0).exists()


def test_a_bad_row_is_told_and_never_stored(table: Fill, frame: CandleFrame) -> None:
    table("BTCUSDT", frame)
    bad = {
        "high = low - 1": "the high is not the highest",
        "close = NULL": "a price is not a positive number",
        "volume = -1, taker_buy_volume = -1": "a volume is not a number from 0 on",
        "taker_buy_volume = volume + 1": "more was bought than traded",
        "timestamp = timestamp + interval '7 seconds'": "its time is no whole minute",
    }
    for index, assignment in enumerate(bad):
        spoil = "UPDATE klines_1m SET " + assignment + " WHERE timestamp = %s"  # noqa: S608 (our own words)
        change(spoil, to_datetime(START + 100 * index * MINUTE_MS))
    again = to_datetime(START + 900 * MINUTE_MS)
    change("INSERT INTO klines_1m SELECT * FROM klines_1m WHERE timestamp = %s", again)
    said, problems = run()
    assert f"{MINUTES - len(bad):,} stored" in said
    for reason in (*bad.values(), "the minute stands there twice"):
        assert f"1 rows refused: {reason}" in problems
    assert set(frame.time.tolist()) - set(stored("BTCUSDT").time.tolist()) == {
        START + 100 * index * MINUTE_MS for index in range(len(bad))
    }


def test_a_forming_minute_is_left_out(table: Fill, frame: CandleFrame) -> None:
    table("BTCUSDT", frame)
    change("UPDATE klines_1m SET is_closed = false WHERE timestamp = %s", to_datetime(int(frame.time[-1])))
    run()
    assert np.array_equal(stored("BTCUSDT").time, frame.time[:-1])


def test_only_the_symbols_named_are_taken(table: Fill, frame: CandleFrame) -> None:
    table("BTCUSDT", frame.take(slice(0, 10)))
    table("ETHUSDT", frame.take(slice(0, 10)))
    run("ethusdt")
    assert list(Symbol.objects.values_list("name", flat=True)) == ["ETHUSDT"]


def test_what_was_bought_is_told_by_the_net_volume_where_it_is_not_told(table: Fill, frame: CandleFrame) -> None:
    table("BTCUSDT", frame)
    change("ALTER TABLE klines_1m DROP COLUMN taker_buy_volume")
    run()
    assert np.array_equal(stored("BTCUSDT").taker_buy_volume, frame.taker_buy_volume)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        ("DROP TABLE klines_1m", "no such table"),
        ("ALTER TABLE klines_1m RENAME close TO last", "expected are also: close"),
        ("ALTER TABLE klines_1m ALTER timestamp TYPE text", "klines_1m.timestamp is of type text"),
    ],
)
def test_a_table_of_another_shape_is_told(table: Fill, frame: CandleFrame, spoil: str, message: str) -> None:
    table("BTCUSDT", frame.take(slice(0, 3)))
    change(spoil)
    with pytest.raises(CommandError, match=message):
        run()


def test_times_in_seconds_are_not_taken_for_milliseconds(table: Fill, frame: CandleFrame) -> None:
    table("BTCUSDT", frame.take(slice(0, 3)), time_type="bigint")
    change("UPDATE klines_1m SET timestamp = timestamp / 1000")
    with pytest.raises(CommandError, match="milliseconds are expected"):
        run()


def test_a_database_that_is_not_there_is_told() -> None:
    with pytest.raises(CommandError, match="the database can't be reached"):
        call_command("import_original", "--dsn", "postgresql://nobody@127.0.0.1:1/none")
