"""How file faults change an archive file: rows first, then their text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from feeds.fakebinance.bars import HEADER, Bars, IntArray, csv_columns, csv_text
from feeds.fakebinance.fault_kinds import FILE_FAULTS
from feeds.fakebinance.faults import Fault, days_named
from market.domain.window import DAY_MS, day_start

COLUMN_NAMES: Final = tuple(HEADER.split(","))
_TEXT_FAULTS: Final = frozenset({"duplicate_rows", "unordered_rows", "bad_cell"})


def without_days(bars: Bars, days: Iterable[str]) -> Bars:
    """The bars but for those of whole UTC days (YYYY-MM-DD)."""
    starts = [day_start(dt.date.fromisoformat(day)) for day in days]
    if not starts:
        return bars
    return bars.take(~np.isin(bars.time // DAY_MS * DAY_MS, np.array(starts, dtype=np.int64)))


def of_files(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """The faults that change a file's content, data faults included, in order."""
    return tuple(fault for fault in faults if fault.name in FILE_FAULTS or fault.name == "day_absent")


def csv(bars: Bars, faults: Sequence[Fault]) -> bytes:
    """The CSV of a file's bars as the faults have it; without faults, as the exchange writes it."""
    for fault in faults:
        bars = _change_rows(bars, fault)
    names = {fault.name for fault in faults}
    if not names & (_TEXT_FAULTS | {"headerless", "microseconds"}):
        return csv_text(bars)
    columns = csv_columns(bars)
    if "microseconds" in names:
        columns[0] = [f"{text}000" for text in columns[0]]
        columns[6] = [f"{text}999" for text in columns[6]]
    rows = [list(row) for row in zip(*columns, strict=True)]
    for fault in faults:
        if fault.name in _TEXT_FAULTS and rows:
            rows = _change_text(rows, fault)
    header = "" if "headerless" in names else HEADER + "\n"
    return (header + "".join(",".join(row) + "\n" for row in rows)).encode()


def _change_rows(bars: Bars, fault: Fault) -> Bars:
    if not len(bars):
        return bars
    if fault.name in {"missing_days", "day_absent"}:
        return without_days(bars, days_named([fault]))
    what = fault.params.get("what", "altered") if fault.name == "reissued" else fault.name
    if what == "missing_rows":
        chosen = _chosen(fault.params, len(bars), default=1)
        keep = np.ones(len(bars), dtype=np.bool_)
        keep[chosen] = False
        return bars.take(keep)
    if what == "altered":
        return _altered(bars, _chosen(fault.params, len(bars), default=10))
    return bars


def _altered(bars: Bars, rows: IntArray) -> Bars:
    """Other values that are still possible ones: the close at the far end of the range, twice the volume."""
    close, volume, quote = bars.close.copy(), bars.volume.copy(), bars.quote_volume.copy()
    close[rows] = np.where(close[rows] == bars.high[rows], bars.low[rows], bars.high[rows])
    volume[rows] *= 2
    quote[rows] *= 2
    return replace(bars, close=close, volume=volume, quote_volume=quote)


def _chosen(params: Mapping[str, Any], length: int, *, default: int) -> IntArray:
    """The row numbers that a fault names: `rows`, or `count` rows spread evenly; a single one is the middle."""
    if "rows" in params:
        rows = np.array([int(row) for row in params["rows"]], dtype=np.int64)
        return rows[(rows >= 0) & (rows < length)]
    count = min(length, int(params.get("count", default)))
    return (np.arange(1, count + 1, dtype=np.int64) * length) // (count + 1)


def _change_text(rows: list[list[str]], fault: Fault) -> list[list[str]]:
    if fault.name == "unordered_rows":
        half = len(rows) // 2
        return rows[half:] + rows[:half]
    if fault.name == "duplicate_rows":
        twice = set(_chosen(fault.params, len(rows), default=3).tolist())
        return [row for number, row in enumerate(rows) for row in [row] * (2 if number in twice else 1)]
    row = rows[min(int(fault.params.get("row", len(rows) // 2)), len(rows) - 1)]
    _spoil(row, str(fault.params.get("column", "close")), str(fault.params.get("value", "NaN")))
    return rows


def _spoil(row: list[str], column: str, value: str) -> None:
    """Write a bad value into one row."""
    high, low = COLUMN_NAMES.index("high"), COLUMN_NAMES.index("low")
    cell = COLUMN_NAMES.index(column)
    if value == "high<low":
        # A flat row swapped would still be possible: lift its low above its high first.
        row[low] = row[low] if row[low] != row[high] else f"9{row[low]}"
        row[high], row[low] = (row[low], row[high]) if float(row[high]) > float(row[low]) else (row[high], row[low])
    elif value == "negative":
        row[cell] = f"-{row[cell] if float(row[cell]) else 1}"
    else:
        row[cell] = value
