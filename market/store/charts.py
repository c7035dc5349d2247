"""The chart read: the newest bars of one symbol in one timeframe."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final

import psycopg
from django.db import connection
from psycopg import sql
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format

from market.domain.bar import BarRow
from market.domain.interval import Interval
from market.domain.window import TimeWindow, to_datetime
from market.store.tables import PG_EPOCH_MS, TABLES

# Primary key, read backwards from the end of the window; the newest chunk first, and no other if it has enough.
_NEWEST: Final = sql.SQL(
    "SELECT time, open, high, low, close, volume, taker_buy_volume, quote_volume, trade_count FROM {table}"
    " WHERE symbol_id = %s AND time >= %s AND time < %s ORDER BY time DESC LIMIT %s"
)
NEWEST: Final = {interval: _NEWEST.format(table=table).as_string() for interval, table in TABLES.items()}


class _Milliseconds(Loader):
    """timestamptz as milliseconds: no datetime is made for what is sent on as a number."""

    format = Format.BINARY
    _unpack = struct.Struct(">q").unpack

    def load(self, data: Buffer) -> int:
        micros: int = self._unpack(data)[0]
        return micros // 1_000 + PG_EPOCH_MS


def newest(interval: Interval, symbol_id: int, window: TimeWindow, limit: int) -> list[BarRow]:
    """The newest `limit` bars that open inside the window, newest first."""
    return _fetch(NEWEST[interval], [symbol_id, to_datetime(window.start), to_datetime(window.end), limit])


def _fetch(statement: str, parameters: list[Any]) -> list[Any]:
    """All rows of a statement that stays planned."""
    # As Django's own cursor() does first: without it, a connection that the server closed since the last request is
    # noticed only by a failed query.
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    with connection.wrap_database_errors, binary_cursor() as cursor:
        cursor.execute(statement, parameters, prepare=True, binary=True)
        return cursor.fetchall()


def binary_cursor() -> psycopg.Cursor[Any]:
    """A cursor that reads timestamps as milliseconds. Values come over in binary form and the statement stays planned:
    a page of 800 bars takes less time than Django's own cursor needs to parse its text."""
    cursor = psycopg.Cursor(connection.connection)
    cursor.adapters.register_loader("timestamptz", _Milliseconds)
    return cursor


# The same read, and the stored minutes of a short window: one statement, hence one state of the database, so that a bar
# and the minutes that it was folded from cannot come from either side of a commit.
_WITH_MINUTES: Final = sql.SQL(
    "(SELECT 0, time, open, high, low, close, volume, taker_buy_volume, quote_volume, trade_count FROM {table}"
    " WHERE symbol_id = %s AND time >= %s AND time < %s ORDER BY time DESC LIMIT %s)"
    " UNION ALL "
    "(SELECT 1, time, open, high, low, close, volume, taker_buy_volume, quote_volume, trade_count FROM {minutes}"
    " WHERE symbol_id = %s AND time >= %s AND time < %s ORDER BY time DESC LIMIT %s)"
)
WITH_MINUTES: Final = {
    interval: _WITH_MINUTES.format(table=table, minutes=TABLES[Interval.M1]).as_string()
    for interval, table in TABLES.items()
}

# Primary key, read backwards once for each symbol; it ends in the newest chunk that has the symbol.
_LATEST: Final = sql.SQL(
    "SELECT wanted.id, minute.* FROM unnest(%s::integer[]) AS wanted (id) CROSS JOIN LATERAL ("
    "SELECT time, open, high, low, close, volume, taker_buy_volume, quote_volume, trade_count FROM {table}"
    " WHERE symbol_id = wanted.id ORDER BY time DESC LIMIT %s) AS minute"
)
LATEST: Final = _LATEST.format(table=TABLES[Interval.M1]).as_string()


def newest_with_minutes(
    interval: Interval, symbol_id: int, window: TimeWindow, limit: int, *, minutes: TimeWindow, minutes_limit: int
) -> tuple[list[BarRow], list[BarRow]]:
    """The newest `limit` bars that open inside the window, and the newest minutes inside the other; ascending."""
    rows = _fetch(
        WITH_MINUTES[interval],
        [
            *(symbol_id, to_datetime(window.start), to_datetime(window.end), limit),
            *(symbol_id, to_datetime(minutes.start), to_datetime(minutes.end), minutes_limit),
        ],
    )
    rows.sort()
    return [row[1:] for row in rows if row[0] == 0], [row[1:] for row in rows if row[0] == 1]


def latest_minutes(symbol_ids: Sequence[int], limit: int) -> dict[int, list[BarRow]]:
    """The newest stored minutes of each symbol, ascending; symbols without any are absent."""
    latest: dict[int, list[BarRow]] = {}
    for symbol_id, *row in reversed(_fetch(LATEST, [list(symbol_ids), limit])):
        latest.setdefault(symbol_id, []).append(tuple(row))
    for rows in latest.values():
        rows.sort()
    return latest
