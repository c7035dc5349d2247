"""Reads for charts, in this thread's connection."""

from __future__ import annotations

import select
import struct
from collections.abc import Sequence
from typing import Any, Final

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
from market.domain.window import TimeWindow, to_datetime
from market.store.prepared import Query
from market.store.tables import PG_EPOCH_MS, TABLES


class _Milliseconds(Loader):
    """timestamptz as milliseconds: no datetime is made for what is sent on as a number."""

    format = Format.BINARY
    _unpack = struct.Struct(">q").unpack

    def load(self, data: Buffer) -> int:
        micros: int = self._unpack(data)[0]
        return micros // 1_000 + PG_EPOCH_MS


def execute(query: Query) -> PGresult:
    """The result of a statement that stays planned in this thread's connection."""
    database = _connected()
    with database.wrap_database_errors:
        return query.execute(database.connection)


def _fetch(statement: str, parameters: list[Any]) -> list[Any]:
    """All rows of a statement."""
    with _connected().wrap_database_errors, _binary_cursor() as cursor:
        cursor.execute(statement, parameters, binary=True)
        return cursor.fetchall()


def _binary_cursor() -> psycopg.Cursor[Any]:
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
