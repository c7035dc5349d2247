"""A chart's page: the newest bars of one symbol in one timeframe, as columns."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
from psycopg import sql
from psycopg.pq.abc import PGresult

from market.domain.interval import Interval
from market.domain.page import COLUMNS, Page
from market.domain.window import DAY_MS, TimeWindow, to_datetime
from market.store.prepared import BIGINT, INTEGER, TIMESTAMPTZ, Prepared, Query, ValueType
from market.store.tables import PG_EPOCH_MS, TABLES

# Primary key, read backwards from the end of the window; the newest chunk first, and no other if it has enough. One
# array for each column: a page comes over as seven values, and no object is made of any of its numbers.
_PAGE: Final = sql.SQL(
    "SELECT {arrays} FROM (SELECT {columns} FROM {table}"
    " WHERE symbol_id = $1 AND time >= $2 AND time < $3 AND {within} ORDER BY time DESC LIMIT $4) AS bar"
)
_PAGE_TYPES: Final = (INTEGER, TIMESTAMPTZ, TIMESTAMPTZ, BIGINT)
# The same, and the newest stored minute since a moment: one statement, hence one state of the database, so that a bar
# and the minutes that it was folded from cannot come from either side of a commit.
_PAGE_AND_MINUTE: Final = sql.SQL(
    "SELECT {arrays}, (SELECT time FROM {minutes} WHERE symbol_id = $1 AND time >= $5 AND {since}"
    " ORDER BY time DESC LIMIT 1)"
    " FROM (SELECT {columns} FROM {table}"
    " WHERE symbol_id = $1 AND time >= $2 AND time < $3 AND {within} ORDER BY time DESC LIMIT $4) AS bar"
)
# Minutes are in one chunk a month. A plan that holds for every window opens and locks all of them before it finds out
# which ones it wants, so a read would take longer with each month of history. A statement that says in its own text
# between which seasons it looks has a plan with the few chunks that are left.
_SEASON_MS: Final = 90 * DAY_MS
_ANY: Final = sql.SQL("true")

# An array of PostgreSQL's in binary form: one dimension without nulls, behind a header.
_ARRAY_HEADER: Final = 20
_TIMES: Final = np.dtype([("length", ">i4"), ("value", ">i8")])
_FLOATS: Final = np.dtype([("length", ">i4"), ("value", ">f8")])
_INT64: Final = struct.Struct(">q")


def page_query(interval: Interval, symbol_id: int, window: TimeWindow, limit: int) -> Query:
    """Asks for the newest `limit` bars that open inside the window."""
    statement = _page_statement(interval, *_seasons(interval, window))
    return Query(statement, (symbol_id, window.start, window.end, limit), limit)


def page_of(result: PGresult) -> Page:
    """The answer to `page_query`: arrays, the newest bar first, as columns the other way round."""
    times = result.get_value(0, 0)
    if times is None:
        return Page.of_rows(())
    newest_first = np.frombuffer(times, _TIMES, offset=_ARRAY_HEADER)["value"]
    floats = (result.get_value(0, place) or b"" for place in range(1, len(COLUMNS)))
    return Page(
        newest_first[::-1] // 1_000 + PG_EPOCH_MS,
        *(np.frombuffer(one, _FLOATS, offset=_ARRAY_HEADER)["value"][::-1].astype(np.float64) for one in floats),
    )


def page_and_minute_query(interval: Interval, symbol_id: int, window: TimeWindow, limit: int, *, since: int) -> Query:
    """Asks for the newest `limit` bars that open inside the window, and for the open time of the newest stored minute,
    if one opens at or after `since`; as of one moment."""
    statement = _page_and_minute_statement(interval, *_seasons(interval, window), since // _SEASON_MS)
    return Query(statement, (symbol_id, window.start, window.end, limit, since), limit)


def page_and_minute_of(result: PGresult) -> tuple[Page, int | None]:
    """The answer to `page_and_minute_query`."""
    minute = result.get_value(0, len(COLUMNS))
    return page_of(result), None if minute is None else _INT64.unpack(minute)[0] // 1_000 + PG_EPOCH_MS


def _seasons(interval: Interval, window: TimeWindow) -> tuple[int | None, int | None]:
    """Between which seasons a page of minutes lies, as numbers since 1970: [first, end), None for no bound.

    Not many different pairs: an end that is further away, as that of the newest page is, is none.
    """
    if interval is not Interval.M1:
        return None, None
    first = window.start // _SEASON_MS
    return first, first + 2 if window.end <= (first + 2) * _SEASON_MS else None


@cache
def _page_statement(interval: Interval, first: int | None, end: int | None) -> Prepared:
    text = _PAGE.format(**_parts(interval), within=_within(first, end)).as_string()
    return Prepared(f"page {interval.value} {first} {end}", text, _PAGE_TYPES)


@cache
def _page_and_minute_statement(interval: Interval, first: int | None, end: int | None, since: int) -> Prepared:
    text = _PAGE_AND_MINUTE.format(
        **_parts(interval), within=_within(first, end), minutes=TABLES[Interval.M1], since=_within(since, None)
    ).as_string()
    types: Sequence[ValueType] = (*_PAGE_TYPES, TIMESTAMPTZ)
    return Prepared(f"page and minute {interval.value} {first} {end} {since}", text, types)


def _parts(interval: Interval) -> dict[str, sql.Composable]:
    names = [sql.Identifier(column) for column in COLUMNS]
    return {
        "arrays": sql.SQL(", ").join(sql.SQL("array_agg({})").format(name) for name in names),
        "columns": sql.SQL(", ").join(names),
        "table": TABLES[interval],
    }


def _within(first: int | None, end: int | None) -> sql.Composable:
    bounds = [
        sql.SQL(template).format(sql.Literal(to_datetime(season * _SEASON_MS)))
        for template, season in (("time >= {}", first), ("time < {}", end))
        if season is not None
    ]
    return sql.SQL(" AND ").join(bounds) if bounds else _ANY
