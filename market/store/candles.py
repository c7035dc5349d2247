"""Runtime SQL on the candle tables. Services and selectors are its only callers; writers hold the symbols' lock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import numpy as np
from django.db import connection
from psycopg import Copy, sql

from market.domain.batch import CandleBatch
from market.domain.frame import IntArray
from market.domain.interval import Interval
from market.domain.window import TimeWindow, to_datetime
from market.store.tables import TABLES, column_list, decode, encode

# Namespace of the advisory locks that serialise writers of one symbol, so that a rollup is always folded from all the
# minutes that are committed. Taken in the order given: callers sort, or two batches could wait for each other.
_SYMBOL_LOCK: Final = 7_001
LOCK_SYMBOLS: Final = "SELECT pg_advisory_xact_lock(%s, id) FROM unnest(%s::integer[]) AS id"

# A batch from an archive can be fetched again, and its ledger entries commit with it: losing the last half second of
# such batches with the server loses no candle. It saves a disk flush a file.
RELAX_COMMIT: Final = "SET LOCAL synchronous_commit TO off"

_INSERT: Final = sql.SQL("COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)")
# Composed once: it takes longer than the server needs for a small statement.
_INSERTS: Final = {
    (interval, with_source): _INSERT.format(table=table, columns=column_list(with_source=with_source)).as_string()
    for interval, table in TABLES.items()
    for with_source in (False, True)
}

# Primary key (symbol_id, time); the constant bounds let the planner drop all other chunks.
_READ_RANGE: Final = sql.SQL(
    "COPY (SELECT {columns} FROM {table} WHERE symbol_id = {symbol} AND time >= {start} AND time < {end} "
    "ORDER BY time) TO STDOUT (FORMAT BINARY)"
)
_READ_RANGES: Final = sql.SQL(
    "COPY (SELECT {columns} FROM unnest({symbols}::integer[], {starts}::timestamptz[], {ends}::timestamptz[])"
    " AS wanted (id, starts, ends)"
    " JOIN {table} ON symbol_id = wanted.id AND time >= wanted.starts AND time < wanted.ends"
    " WHERE time >= {start} AND time < {end} ORDER BY symbol_id, time) TO STDOUT (FORMAT BINARY)"
)

# Primary key probe.
_EXISTS: Final = sql.SQL("SELECT EXISTS (SELECT FROM {table} WHERE symbol_id = %s AND time >= %s AND time < %s)")

# Primary key probes, one a row; the bounds leave one or two chunks.
_DELETE: Final = sql.SQL(
    "DELETE FROM {table} USING unnest(%s::integer[], %s::timestamptz[]) AS gone (id, at)"
    " WHERE symbol_id = gone.id AND time = gone.at AND time >= %s AND time <= %s"
)

# Primary key range; the bounds leave the window's chunks.
_DELETE_RANGE: Final = sql.SQL("DELETE FROM {table} WHERE symbol_id = %s AND time >= %s AND time < %s")

# All rollup tables in one round trip; each statement is a primary key range in the window's chunks.
_CLEAR_ROLLUPS: Final = sql.SQL("; ").join(
    _DELETE_RANGE.format(table=table) for interval, table in TABLES.items() if interval is not Interval.M1
)

Range = tuple[int, TimeWindow]


def lock_symbols(symbol_ids: Sequence[int]) -> None:
    """Wait until no other transaction writes candles of these symbols; held until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK_SYMBOLS, [_SYMBOL_LOCK, sorted(symbol_ids)])


def relax_commit() -> None:
    """Let this transaction's commit return before it is on disk."""
    with connection.cursor() as cursor:
        cursor.execute(RELAX_COMMIT)


def exists(interval: Interval, symbol_id: int, window: TimeWindow) -> bool:
    """Whether any bar of the symbol opens inside the window."""
    with connection.cursor() as cursor:
        cursor.execute(
            _EXISTS.format(table=TABLES[interval]), [symbol_id, to_datetime(window.start), to_datetime(window.end)]
        )
        row = cursor.fetchone()
    return bool(row and row[0])


def read(interval: Interval, ranges: Sequence[Range]) -> tuple[CandleBatch, IntArray]:
    """All bars that open inside the ranges (which do not overlap), ordered, and their sources (minutes only)."""
    if not ranges:
        return CandleBatch.concat(()), np.zeros(0, dtype=np.int64)
    with_source = interval is Interval.M1
    common = {"columns": column_list(with_source=with_source), "table": TABLES[interval]}
    if len(ranges) == 1:
        symbol_id, window = ranges[0]
        statement = _READ_RANGE.format(
            symbol=sql.Literal(symbol_id),
            start=sql.Literal(to_datetime(window.start)),
            end=sql.Literal(to_datetime(window.end)),
            **common,
        )
    else:
        windows = [window for _, window in ranges]
        statement = _READ_RANGES.format(
            symbols=sql.Literal([symbol_id for symbol_id, _ in ranges]),
            starts=sql.Literal([to_datetime(window.start) for window in windows]),
            ends=sql.Literal([to_datetime(window.end) for window in windows]),
            start=sql.Literal(to_datetime(min(window.start for window in windows))),
            end=sql.Literal(to_datetime(max(window.end for window in windows))),
            **common,
        )
    with _copy(statement) as copy:
        stream = b"".join(copy)
    return decode(stream, with_source=with_source)


def insert(interval: Interval, batch: CandleBatch, source: IntArray | int | None = None) -> None:
    """Add bars that are not there; a bar that is there already is an IntegrityError."""
    if not len(batch):
        return
    with _copy(_INSERTS[interval, source is not None]) as copy:
        copy.write(encode(batch, source))


@contextmanager
def _copy(statement: sql.Composable | str) -> Iterator[Copy]:
    """A COPY under way. Its errors are Django's, as those of every other statement: Django translates what `execute`
    raises and lets what `copy` raises through as it is, and whoever waits for a lost database waits for Django's."""
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        yield copy


def delete(interval: Interval, symbol_id: IntArray, time: IntArray) -> None:
    """Remove the bars with these keys."""
    if not len(time):
        return
    times = [to_datetime(at) for at in time.tolist()]
    with connection.cursor() as cursor:
        cursor.execute(_DELETE.format(table=TABLES[interval]), [symbol_id.tolist(), times, min(times), max(times)])


def delete_range(interval: Interval, symbol_id: int, window: TimeWindow) -> None:
    """Remove the symbol's bars that open inside the window."""
    with connection.cursor() as cursor:
        cursor.execute(
            _DELETE_RANGE.format(table=TABLES[interval]),
            [symbol_id, to_datetime(window.start), to_datetime(window.end)],
        )


def clear_rollups(symbol_id: int, window: TimeWindow) -> None:
    """Remove the symbol's bars of every timeframe above the minute that open inside the window."""
    bounds: list[int | dt.datetime] = [symbol_id, to_datetime(window.start), to_datetime(window.end)]
    with connection.cursor() as cursor:
        cursor.execute(_CLEAR_ROLLUPS, bounds * (len(TABLES) - 1))


def ranges_of(interval: Interval, symbol_id: IntArray, buckets: IntArray) -> list[Range]:
    """The fewest ranges that cover these buckets (ordered and unique in symbol and time)."""
    ranges: list[Range] = []
    for symbol, start in zip(symbol_id.tolist(), buckets.tolist(), strict=True):
        end = interval.next(start)
        if ranges and ranges[-1][0] == symbol and ranges[-1][1].end == start:
            ranges[-1] = (symbol, TimeWindow(ranges[-1][1].start, end))
        else:
            ranges.append((symbol, TimeWindow(start, end)))
    return ranges
