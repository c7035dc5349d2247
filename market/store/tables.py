"""The candle tables: their names, columns and binary form.

There is one hypertable for each interval, all with the same columns, so that one statement with a table's name reads
any timeframe. Only the minutes say where they came from.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from psycopg import sql

from market.domain.batch import CandleBatch
from market.domain.frame import PRICE_COLUMNS, VOLUME_COLUMNS, CandleFrame, IntArray
from market.domain.interval import Interval

TABLES: Final[dict[Interval, sql.Identifier]] = {
    Interval.M1: sql.Identifier("candle_1m"),
    Interval.M5: sql.Identifier("candle_5m"),
    Interval.M15: sql.Identifier("candle_15m"),
    Interval.H1: sql.Identifier("candle_1h"),
    Interval.H4: sql.Identifier("candle_4h"),
    Interval.D1: sql.Identifier("candle_1d"),
    Interval.W1: sql.Identifier("candle_1w"),
    Interval.MN1: sql.Identifier("candle_1mo"),
}

_FLOATS: Final = (*PRICE_COLUMNS, *VOLUME_COLUMNS)
COLUMNS: Final = ("time", *_FLOATS, "symbol_id", "trade_count")
SOURCE_COLUMN: Final = "source"

# PostgreSQL counts microseconds from 2000-01-01.
PG_EPOCH_MS: Final = 946_684_800_000
_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_SIGNATURE_BYTES: Final = np.frombuffer(_SIGNATURE, dtype=np.uint8)
_TRAILER_BYTES: Final = np.frombuffer(_TRAILER, dtype=np.uint8)


def column_list(*, with_source: bool) -> sql.Composable:
    """The columns in the order of the binary form."""
    names = (*COLUMNS, SOURCE_COLUMN) if with_source else COLUMNS
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _row_type(*, with_source: bool) -> np.dtype[np.void]:
    """One row of COPY's binary format: a field count, then each value behind its length, all big-endian."""
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for name in (*COLUMNS, SOURCE_COLUMN) if with_source else COLUMNS:
        value = {"time": ">i8", "symbol_id": ">i4", "trade_count": ">i4", SOURCE_COLUMN: ">i2"}.get(name, ">f8")
        fields += [(f"{name}_length", ">i4"), (name, value)]
    return np.dtype(fields)


def _empty_row(row_type: np.dtype[np.void]) -> npt.NDArray[np.uint8]:
    """The bytes of a row that are the same in each: the field count and the lengths."""
    row = np.zeros(1, dtype=row_type)
    names = [name for name in row_type.names or () if f"{name}_length" in (row_type.names or ())]
    row["fields"] = len(names)
    for name in names:
        row[f"{name}_length"] = row_type[name].itemsize
    return row.view(np.uint8)


_PLAIN_ROW: Final = _row_type(with_source=False)
_SOURCED_ROW: Final = _row_type(with_source=True)
_EMPTY_ROW: Final = {False: _empty_row(_PLAIN_ROW), True: _empty_row(_SOURCED_ROW)}


def encode(batch: CandleBatch, source: IntArray | int | None = None) -> memoryview:
    """A whole COPY ... FROM STDIN (FORMAT BINARY) stream of the batch; `source` where the table has that column."""
    empty = _EMPTY_ROW[source is not None]
    # One buffer from the first byte to the last: each copy of a month's megabytes costs as much as its encoding.
    stream = np.empty(len(_SIGNATURE) + len(batch) * len(empty) + len(_TRAILER), dtype=np.uint8)
    stream[: len(_SIGNATURE)] = _SIGNATURE_BYTES
    stream[-len(_TRAILER) :] = _TRAILER_BYTES
    body = stream[len(_SIGNATURE) : -len(_TRAILER)]
    body.reshape(len(batch), len(empty))[:] = empty
    rows = body.view(_PLAIN_ROW if source is None else _SOURCED_ROW)
    rows["time"] = (batch.frame.time - PG_EPOCH_MS) * 1_000
    for name in _FLOATS:
        rows[name] = getattr(batch.frame, name)
    rows["symbol_id"] = batch.symbol_id
    rows["trade_count"] = batch.frame.trade_count
    if source is not None:
        rows[SOURCE_COLUMN] = source
    return stream.data


def decode(stream: bytes | memoryview, *, with_source: bool) -> tuple[CandleBatch, IntArray]:
    """The inverse of `encode`, for COPY ... TO STDOUT (FORMAT BINARY); sources are zeros where there are none."""
    row_type = _SOURCED_ROW if with_source else _PLAIN_ROW
    body = memoryview(stream)[len(_SIGNATURE) : -len(_TRAILER)]
    rows = np.frombuffer(body, dtype=row_type)
    frame = CandleFrame(
        time=rows["time"].astype(np.int64) // 1_000 + PG_EPOCH_MS,
        trade_count=rows["trade_count"].astype(np.int64),
        **{name: rows[name].astype(np.float64) for name in _FLOATS},
    )
    sources = rows[SOURCE_COLUMN].astype(np.int64) if with_source else np.zeros(len(rows), dtype=np.int64)
    return CandleBatch(rows["symbol_id"].astype(np.int64), frame), sources
