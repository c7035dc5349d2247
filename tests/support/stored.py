"""What the database holds, read with statements of the tests' own."""

from __future__ import annotations

import datetime as dt
from typing import Final

from market.domain.source import Source
from tests.support.database import query
from tests.support.expected_store import DayKey, Key, Values
from tests.support.oracle import TABLES

_WIDTHS: Final = {
    "1m": "1 minute",
    "5m": "5 minutes",
    "15m": "15 minutes",
    "1h": "1 hour",
    "4h": "4 hours",
    "1d": "1 day",
    "1w": "1 week",
    "1M": "1 month",
}


def stored_bars(interval: str) -> dict[Key, Values]:
    """Every bar of the timeframe's table by (symbol id, open time in ms)."""
    return _keyed(
        query(
            "SELECT symbol_id, (extract(epoch FROM time) * 1000)::bigint, open, high, low, close, volume, quote_volume,"  # noqa: S608
            f" taker_buy_volume, taker_buy_quote_volume, trade_count FROM {TABLES[interval]}"
        )
    )


def bars_by_time_bucket(interval: str) -> dict[Key, Values]:
    """The same bars, computed by the database from the minutes alone.

    A cast of float8 to numeric keeps only 15 digits; by way of text it keeps the decimal that the float stands for.
    """
    sums = ", ".join(
        f"sum({column}::text::numeric)::float8"
        for column in ("volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume")
    )
    return _keyed(
        query(
            "SELECT symbol_id, (extract(epoch FROM time_bucket(%s::interval, time)) * 1000)::bigint AS bucket,"  # noqa: S608
            f" first(open, time), max(high), min(low), last(close, time), {sums}, sum(trade_count)"
            " FROM candle_1m GROUP BY symbol_id, bucket",
            [_WIDTHS[interval]],
        )
    )


def stored_sources() -> dict[Key, Source]:
    """Where each minute came from."""
    rows = query("SELECT symbol_id, (extract(epoch FROM time) * 1000)::bigint, source FROM candle_1m")
    return {(symbol, time): Source(source) for symbol, time, source in rows}


def stored_ledger() -> dict[DayKey, tuple[str, int, int, int, int, int]]:
    """(state, live, monthly, rest, daily, conflicts) of each day."""
    rows: list[tuple[int, dt.date, str, int, int, int, int, int]] = query(
        "SELECT symbol_id, day, state, live_rows, monthly_rows, rest_rows, daily_rows, conflict_rows"
        " FROM market_ledgerday"
    )
    return {
        (symbol, day): (state, live, monthly, rest, daily, conflicts)
        for symbol, day, state, live, monthly, rest, daily, conflicts in rows
    }


def _keyed(rows: list[tuple[object, ...]]) -> dict[Key, Values]:
    return {(row[0], row[1]): (*row[2:10], int(row[10])) for row in rows}  # type: ignore[misc,call-overload]
