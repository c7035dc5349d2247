"""Candles as files: CSV and Parquet, made piece by piece.

Both have these columns, one row a closed bar, ascending in time:

    time                     int64    open time in milliseconds UTC; in Parquet timestamp[ms, UTC], which is the same
    open, high, low, close   float64  prices in the quote asset
    volume                   float64  in the base asset
    quote_volume             float64  in the quote asset
    taker_buy_volume         float64  in the base asset
    taker_buy_quote_volume   float64  in the quote asset
    trade_count              int64    trades

A CSV begins with a line of the columns' names, and its numbers are the shortest decimals that read back to the same
float64. A Parquet file has one row group for each frame (zstd) and `symbol` and `interval` in its metadata; its end is
written last, so a file that was cut cannot be opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from enum import StrEnum
from io import RawIOBase
from typing import Any, Final

from market.domain.frame import CandleFrame
from market.domain.interval import Interval

COLUMNS: Final = tuple(field.name for field in fields(CandleFrame))
# A month is `1mo` as in the exchange's archive: `1M` and `1m` are one name to some file systems.
_NAMES: Final = {Interval.MN1: "1mo"}


class Format(StrEnum):
    """What a file is written in; the value is also the end of its name."""

    CSV = "csv"
    PARQUET = "parquet"

    @property
    def media_type(self) -> str:
        return "text/csv; charset=utf-8" if self is Format.CSV else "application/vnd.apache.parquet"


def file_name(symbol: str, interval: Interval, file_format: Format) -> str:
    """What the file is called unless somebody says otherwise."""
    return f"{symbol}-{_NAMES.get(interval, interval.value)}.{file_format.value}"


def encoded(frames: Iterable[CandleFrame], *, symbol: str, interval: Interval, file_format: Format) -> Iterator[bytes]:
    """The file's bytes in order, a part for each frame. Parts are made when they are asked for."""
    match file_format:
        case Format.CSV:
            return _csv(frames)
        case Format.PARQUET:
            return _parquet(frames, {"symbol": symbol, "interval": interval.value})


def _csv(frames: Iterable[CandleFrame]) -> Iterator[bytes]:
    from pyarrow import csv  # noqa: PLC0415 (30 MB that a process which never exports does not need)

    yield (",".join(COLUMNS) + "\n").encode()
    without_names = csv.WriteOptions(include_header=False)
    for frame in frames:
        sink = _Sink()
        csv.write_csv(_table(frame, _schema({}, times_are_numbers=True)), sink, without_names)
        yield sink.take()


def _parquet(frames: Iterable[CandleFrame], metadata: dict[str, str]) -> Iterator[bytes]:
    from pyarrow import parquet  # noqa: PLC0415 (as above)

    schema, sink = _schema(metadata), _Sink()
    with parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        for frame in frames:
            writer.write_table(_table(frame, schema))
            yield sink.take()
    yield sink.take()


def _schema(metadata: dict[str, str], *, times_are_numbers: bool = False) -> Any:
    import pyarrow as pa  # noqa: PLC0415 (as above)

    types = {"time": pa.int64() if times_are_numbers else pa.timestamp("ms", tz="UTC"), "trade_count": pa.int64()}
    columns = [pa.field(name, types.get(name, pa.float64()), nullable=False) for name in COLUMNS]
    return pa.schema(columns, metadata=metadata)


def _table(frame: CandleFrame, schema: Any) -> Any:
    import pyarrow as pa  # noqa: PLC0415 (as above)

    arrays = [pa.array(getattr(frame, column.name), type=column.type) for column in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


class _Sink(RawIOBase):
    """A file to write to whose bytes are taken away while it grows; it still knows how long it is."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._length = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._length += len(part)
        return len(part)

    def tell(self) -> int:
        return self._length

    def take(self) -> bytes:
        """What was written since the last time."""
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken
