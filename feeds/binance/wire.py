"""The exchange's bytes as domain objects. The only place that knows column orders and one-letter keys.

Exactness: the domain holds prices and volumes as float64. Each decimal text becomes the float nearest to it. A text of
up to 15 significant digits is told apart from every other such text and prints back unchanged; minutes of futures have
at most that many up to a quote volume of 9,999,999,999 with five decimals. A longer text (recorded daily rows have 17
digits) is rounded in its 16th or 17th digit, by less than one part in 9,000,000,000,000,000: never more, never silently
zero, and never in a leading digit.
Counts and times are integers throughout; a time beyond 64 bits or a count beyond 31 refuses the file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl

from feeds.binance.checks import (
    CLOSE_OFFSET_MS,
    check_candle,
    check_rows,
    close_milliseconds,
    open_milliseconds,
    ordered_within,
)
from feeds.binance.endpoints import ONE_MINUTE
from feeds.binance.errors import BadCell, MalformedReply, RefusedData, shorten
from market.domain.candle import Candle
from market.domain.frame import CandleFrame
from market.domain.window import TimeWindow

# Column order of the archive's CSV and of a REST row. The header row exists in newer files only.
CSV_COLUMNS: Final = (
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_volume",
    "count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "ignore",
)
_INTEGER_COLUMNS: Final = frozenset({"open_time", "close_time", "count"})
_SCHEMA: Final = {name: pl.Int64() if name in _INTEGER_COLUMNS else pl.Float64() for name in CSV_COLUMNS}
_HEADER: Final = ",".join(CSV_COLUMNS).encode()
_INT64: Final = np.iinfo(np.int64)

_INTEGER: Final = re.compile(r"-?[0-9]+")
_DECIMAL: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
# What the CSV reader would accept inside a number or around it, and the archive never writes.
_LOOSE_MARKS: Final = (b" ", b"\t", b'"', b"e", b"E", b"+")


def frame_from_csv(data: bytes, window: TimeWindow) -> CandleFrame:
    """The minutes of one archive CSV, ordered, inside the window that the file's name stands for.

    1. The header row is recognised by its first field and must then name the twelve columns in order.
    2. Every row has twelve cells, each a plain number; microseconds become milliseconds.
    3. Each row keeps the rules of `checks.check_rows`; together they keep those of `checks.ordered_within`.
    A file without data rows gives an empty frame: its days are then missing, which the ledger sees.

    Raises RefusedData (BadCell with row, column and value; ConflictingRows; OutsideWindow). Nothing is ever
    repaired, replaced by 0 or left out.
    """
    has_header = _has_header(data)
    body_start = len(_HEADER) if has_header else 0
    if data.endswith(b",") or any(data.find(mark, body_start) != -1 for mark in _LOOSE_MARKS):
        raise _unreadable_cell(data, has_header=has_header, complaint="characters that belong in no number")
    try:
        table = pl.read_csv(data, has_header=has_header, schema=_SCHEMA, quote_char=None)
    except pl.exceptions.PolarsError as error:
        raise _unreadable_cell(data, has_header=has_header, complaint=str(error)) from error
    # The reader fills short rows and empty cells with null; so does it with blank lines.
    if any(table.null_count().row(0)):
        raise _unreadable_cell(data, has_header=has_header, complaint="empty cells")
    columns = {name: table[name].to_numpy() for name in CSV_COLUMNS}
    return _checked(columns, window, first_row=2 if has_header else 1)


def frame_from_klines(
    rows: Sequence[Any], window: TimeWindow, *, server_ms: int, keep_open: bool = False
) -> CandleFrame:
    """The minutes of one /fapi/v1/klines reply (decoded JSON), ordered, inside the window asked for.

    The newest row of a reply may be the minute still in the making. A minute whose close time is not before
    `server_ms`, the exchange's own time when it answered, is such a row and is left out unless `keep_open`.
    Cells beyond the eleventh are ignored, so that the exchange may add some. Rules and errors as in `frame_from_csv`,
    rows counted from 1.
    """
    cells: dict[str, list[float]] = {name: [] for name in CSV_COLUMNS[:-1]}
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, list) or len(row) < len(cells):
            raise BadCell(number, "row", str(row), f"a list of at least {len(cells)} cells")
        for name, cell in zip(cells, row, strict=False):
            cells[name].append(_json_number(cell, number, name))
    columns = {name: np.array(cells[name], np.int64 if name in _INTEGER_COLUMNS else np.float64) for name in cells}
    frame = _checked(columns, window, first_row=1)
    if keep_open:
        return frame
    return frame.take(frame.time + CLOSE_OFFSET_MS < server_ms)


def kline_event(message: bytes | str) -> tuple[Candle, int] | None:
    """The candle of one stream message and the time of the event (ms UTC); None for any other event.

    Reads both the raw and the combined form, ignores unknown keys, and takes the exchange's word (`x`) for whether
    the minute is closed. Acknowledgements, errors, other event types and other intervals give None.

    Raises MalformedReply for what is not JSON, RefusedData for a candle that breaks the rules of `checks`.
    """
    try:
        event = orjson.loads(message)
    except orjson.JSONDecodeError:
        text = message if isinstance(message, str) else message.decode(errors="replace")
        raise MalformedReply("the stream", "a JSON message", text) from None
    if isinstance(event, dict) and isinstance(event.get("data"), dict):
        event = event["data"]  # combined form: {"stream": name, "data": event}
    if not isinstance(event, dict) or event.get("e") != "kline":
        return None
    bar = event.get("k")
    if not isinstance(bar, dict):
        raise BadCell(1, "k", str(bar), "an object with the candle")
    if bar.get("i") != ONE_MINUTE:
        return None
    try:
        candle = Candle(
            symbol=bar["s"],
            time=bar["t"],  # open time, ms
            open=float(bar["o"]),
            high=float(bar["h"]),
            low=float(bar["l"]),
            close=float(bar["c"]),
            volume=float(bar["v"]),
            quote_volume=float(bar["q"]),
            taker_buy_volume=float(bar["V"]),
            taker_buy_quote_volume=float(bar["Q"]),
            trade_count=bar["n"],
            is_closed=bar["x"],
        )
        event_ms = event["E"]
    except (KeyError, TypeError, ValueError) as error:
        raise BadCell(1, "k", str(bar), f"a whole candle ({error!r})") from None
    check_candle(candle)
    if type(event_ms) is not int:
        raise BadCell(1, "E", str(event_ms), "a time (ms UTC)")
    return candle, event_ms


def _checked(columns: dict[str, npt.NDArray[Any]], window: TimeWindow, *, first_row: int) -> CandleFrame:
    frame = CandleFrame(
        time=open_milliseconds(columns["open_time"]),
        open=columns["open"],
        high=columns["high"],
        low=columns["low"],
        close=columns["close"],
        volume=columns["volume"],
        quote_volume=columns["quote_volume"],
        taker_buy_volume=columns["taker_buy_volume"],
        taker_buy_quote_volume=columns["taker_buy_quote_volume"],
        trade_count=columns["count"],
    )
    check_rows(frame, close_milliseconds(columns["close_time"]), first_row=first_row)
    return ordered_within(frame, window, first_row=first_row)


def _has_header(data: bytes) -> bool:
    """Whether the first row is the header; one that names other columns, or in another order, is refused."""
    first_line = data[: data.find(b"\n") if b"\n" in data else len(data)].rstrip(b"\r")
    if first_line[:1].isdigit():
        return False
    if first_line == _HEADER:
        return True
    text = first_line.decode(errors="replace")
    raise BadCell(1, "header", text, "a row of numbers or the header " + ",".join(CSV_COLUMNS))


def _unreadable_cell(data: bytes, *, has_header: bool, complaint: str) -> RefusedData:
    """The error that names the first unreadable cell: slow, and only for files that are refused anyway."""
    lines = data.decode(errors="replace").removesuffix("\n").split("\n")
    for number, line in enumerate(lines, start=1):
        if number == 1 and has_header:
            continue
        cells = line.removesuffix("\r").split(",")
        if len(cells) != len(CSV_COLUMNS):
            return BadCell(number, "row", line, f"a row of {len(CSV_COLUMNS)} cells")
        for name, cell in zip(CSV_COLUMNS, cells, strict=True):
            if name in _INTEGER_COLUMNS:
                if not _INTEGER.fullmatch(cell) or not _INT64.min <= int(cell) <= _INT64.max:
                    return BadCell(number, name, cell, "a whole number of at most 64 bits")
            elif not _DECIMAL.fullmatch(cell):
                return BadCell(number, name, cell, "a plain decimal number")
    return RefusedData(f"the CSV cannot be read: {shorten(complaint)}")


def _json_number(cell: object, row: int, column: str) -> float:
    """One REST cell: an integer as JSON number, a decimal as JSON string."""
    if column in _INTEGER_COLUMNS:
        if type(cell) is int and _INT64.min <= cell <= _INT64.max:
            return cell
        raise BadCell(row, column, str(cell), "a whole number of at most 64 bits")
    if isinstance(cell, str) and _DECIMAL.fullmatch(cell):
        return float(cell)
    raise BadCell(row, column, str(cell), "a plain decimal number in quotes")
