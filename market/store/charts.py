"""The chart read: the newest bars of one symbol in one timeframe."""

from __future__ import annotations

import select
import struct
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format
from psycopg.pq.abc import PGresult

from market.domain.bar import BarRow
from market.domain.interval import Interval
from market.domain.page import COLUMNS, Page
from market.domain.window import TimeWindow, to_datetime
from market.store.prepared import BIGINT, INTEGER, TIMESTAMPTZ, Prepared, ValueType
from market.store.tables import PG_EPOCH_MS, TABLES

# Primary key, read backwards from the end of the window; the newest chunk first, and no other if it has enough. One
# array for each column: a page comes over as seven values, and no object is made of any of its numbers.
_PAGE: Final = sql.SQL(
    "SELECT {arrays} FROM (SELECT {columns} FROM {table}"
    " WHERE symbol_id = $1 AND time >= $2 AND time < $3 ORDER BY time DESC LIMIT $4) AS bar"
)
_PAGE_TYPES: Final = (INTEGER, TIMESTAMPTZ, TIMESTAMPTZ, BIGINT)
# The same, and the newest stored minute since a moment: one statement, hence one state of the database, so that a bar
# and the minutes that it was folded from cannot come from either side of a commit.
_PAGE_AND_MINUTE: Final = sql.SQL(
    "SELECT {arrays}, (SELECT time FROM {minutes} WHERE symbol_id = $1 AND time >= $5 ORDER BY time DESC LIMIT 1)"
    " FROM (SELECT {columns} FROM {table}"
    " WHERE symbol_id = $1 AND time >= $2 AND time < $3 ORDER BY time DESC LIMIT $4) AS bar"
)


def _page_statements(template: sql.SQL, name: str, types: Sequence[ValueType]) -> dict[Interval, Prepared]:
    names = [sql.Identifier(column) for column in COLUMNS]
    arrays = sql.SQL(", ").join(sql.SQL("array_agg({})").format(column) for column in names)
    statements = {
        interval: template.format(
            arrays=arrays, columns=sql.SQL(", ").join(names), table=table, minutes=TABLES[Interval.M1]
        ).as_string()
        for interval, table in TABLES.items()
    }
    return {interval: Prepared(f"{name} {interval.value}", text, types) for interval, text in statements.items()}


PAGE: Final = _page_statements(_PAGE, "page", _PAGE_TYPES)
PAGE_AND_MINUTE: Final = _page_statements(_PAGE_AND_MINUTE, "page and minute", (*_PAGE_TYPES, TIMESTAMPTZ))

# An array of PostgreSQL's in binary form: one dimension without nulls, behind a header.
_ARRAY_HEADER: Final = 20
_TIMES: Final = np.dtype([("length", ">i4"), ("value", ">i8")])
_FLOATS: Final = np.dtype([("length", ">i4"), ("value", ">f8")])
_INT64: Final = struct.Struct(">q")


class _Milliseconds(Loader):
    """timestamptz as milliseconds: no datetime is made for what is sent on as a number."""

    format = Format.BINARY
    _unpack = struct.Struct(">q").unpack

    def load(self, data: Buffer) -> int:
        micros: int = self._unpack(data)[0]
        return micros // 1_000 + PG_EPOCH_MS


def newest_page(interval: Interval, symbol_id: int, window: TimeWindow, limit: int) -> Page:
    """The newest `limit` bars that open inside the window."""
    return _page(_execute(PAGE[interval], (symbol_id, window.start, window.end, limit)))


def newest_page_and_minute(
    interval: Interval, symbol_id: int, window: TimeWindow, limit: int, *, since: int
) -> tuple[Page, int | None]:
    """The newest `limit` bars that open inside the window, and the open time of the newest stored minute, if one opens
    at or after `since`; as of one moment."""
    result = _execute(PAGE_AND_MINUTE[interval], (symbol_id, window.start, window.end, limit, since))
    minute = result.get_value(0, len(COLUMNS))
    return _page(result), None if minute is None else _INT64.unpack(minute)[0] // 1_000 + PG_EPOCH_MS


def _page(result: PGresult) -> Page:
    """The arrays of a page, which are the newest first, as columns the other way round."""
    times = result.get_value(0, 0)
    if times is None:
        return Page.of_rows(())
    newest_first = np.frombuffer(times, _TIMES, offset=_ARRAY_HEADER)["value"]
    floats = (result.get_value(0, place) or b"" for place in range(1, len(COLUMNS)))
    return Page(
        newest_first[::-1] // 1_000 + PG_EPOCH_MS,
        *(np.frombuffer(one, _FLOATS, offset=_ARRAY_HEADER)["value"][::-1].astype(np.float64) for one in floats),
    )


def _execute(statement: Prepared, values: Sequence[int]) -> PGresult:
    """The result of a statement that stays planned."""
    database = _connected()
    with database.wrap_database_errors:
        return statement.execute(database.connection, values)


def _fetch(statement: str, parameters: list[Any]) -> list[Any]:
    """All rows of a statement."""
    with _connected().wrap_database_errors, binary_cursor() as cursor:
        cursor.execute(statement, parameters, binary=True)
        return cursor.fetchall()


def binary_cursor() -> psycopg.Cursor[Any]:
    """A cursor that reads timestamps as milliseconds. Asked for in binary form, a page of 800 bars takes less time than
    Django's own cursor needs to parse its text."""
    cursor = psycopg.Cursor(connection.connection)
    cursor.adapters.register_loader("timestamptz", _Milliseconds)
    return cursor


def _connected() -> BaseDatabaseWrapper:
    """This thread's connection, after what Django's own cursor() does first: a connection that the server closed since
    the last request is replaced, and not noticed by a failed query.

    Django asks the database for that. Here it is enough that nothing has come from it since the last answer, for the
    end of a connection would have; that saves each page a way to the database and back.
    """
    # Not by Django's proxy, which looks for the thread's connection at each of its attributes.
    database = connections[DEFAULT_DB_ALIAS]
    held = database.connection
    is_unasked = held is not None and not getattr(database, "health_check_done", True)
    if is_unasked and not _has_spoken(held.pgconn.socket):
        database.health_check_done = True  # type: ignore[attr-defined]
    database.close_if_health_check_failed()
    database.ensure_connection()
    return database


def _has_spoken(socket: int) -> bool:
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))


# The newest bars, and the stored minutes of a short window: one statement, hence one state of the database, so that a
# bar and the minutes that it was folded from cannot come from either side of a commit.
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
