"""The judge: does the database hold exactly what the exchange double published?

Everything is worked out here from the double's exact integers with Python's and numpy's whole numbers and the calendar;
nothing of the product's folding, merging or counting is used.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from feeds.fakebinance.bars import Bars
from market.domain.window import TimeWindow
from tests.support.database import query

IntArray = npt.NDArray[np.int64]
# Open time in ms, then open, high, low, close, volume, quote_volume, taker_buy_volume, taker_buy_quote_volume,
# trade_count.
Row = tuple[float, ...]
# Runs one statement with its parameters and returns all rows.
Ask = Callable[[str, list[Any]], list[tuple[Any, ...]]]

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
_THURSDAY_TO_MONDAY: Final = 3 * DAY
TABLES: Final = {
    "1m": "candle_1m",
    "5m": "candle_5m",
    "15m": "candle_15m",
    "1h": "candle_1h",
    "4h": "candle_4h",
    "1d": "candle_1d",
    "1w": "candle_1w",
    "1M": "candle_1mo",
}
_LENGTHS: Final = {"1m": MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE, "1h": HOUR, "4h": 4 * HOUR, "1d": DAY}
_COUNTS: Final = {1: "live_rows", 2: "monthly_rows", 3: "rest_rows", 4: "daily_rows"}


class Published(Protocol):
    """What the judge needs of a double; a process of its own is reached over its control endpoint."""

    def published(self, symbol: str, window: TimeWindow) -> Bars: ...


def assert_equals_truth(exchange: Published, symbols: Iterable[str], window: TimeWindow, ask: Ask = query) -> None:
    """Of these symbols the database holds the published minutes of the window (ms UTC) and no others, all nine values
    equal to the last bit; every other timeframe is what these minutes make; the ledger says the same as the tables.

    `ask` reaches a database that is not Django's own.
    """
    for name in symbols:
        _assert_holds(name, exchange.published(name, window), ask)


def assert_is_part_of_truth(exchange: Published, symbols: Iterable[str], window: TimeWindow, ask: Ask = query) -> int:
    """As `assert_equals_truth`, but minutes may be missing: those that are there make all the rest. Their number."""
    count = 0
    for name in symbols:
        bars = exchange.published(name, window)
        times = np.array([row[0] for row in stored_rows(name, "1m", ask)], dtype=np.int64)
        _assert_holds(name, bars.take(np.isin(bars.time, times)), ask)
        count += len(times)
    return count


def _assert_holds(name: str, bars: Bars, ask: Ask) -> None:
    for interval in TABLES:
        _assert_same(f"{name} {interval}", stored_rows(name, interval, ask), expected_rows(bars, interval))
    assert_ledger_agrees(name, ask)


def expected_rows(bars: Bars, interval: str) -> list[Row]:
    """The bars of a timeframe out of exact minutes, as the table should have them, oldest first."""
    if not len(bars):
        return []
    starts = bucket_starts(bars.time, interval)
    firsts = np.flatnonzero(np.concatenate(([True], starts[1:] != starts[:-1])))
    lasts = np.concatenate((firsts[1:], [len(starts)])) - 1
    price, quantity, quote = 10**bars.scale.price, 10**bars.scale.quantity, 10**bars.scale.quote
    columns: Sequence[tuple[IntArray, int]] = (
        (bars.open[firsts], price),
        (np.maximum.reduceat(bars.high, firsts), price),
        (np.minimum.reduceat(bars.low, firsts), price),
        (bars.close[lasts], price),
        (_sums(bars.volume, firsts), quantity),
        (_sums(bars.quote_volume, firsts), quote),
        (_sums(bars.taker_buy_volume, firsts), quantity),
        (_sums(bars.taker_buy_quote_volume, firsts), quote),
    )
    # Python divides two integers of any size to the nearest float.
    floats = [[units / one for units in column.tolist()] for column, one in columns]
    return list(zip(starts[firsts].tolist(), *floats, _sums(bars.trade_count, firsts).tolist(), strict=True))


def bucket_starts(times: IntArray, interval: str) -> IntArray:
    """Open time of the bar that each minute belongs to: weeks begin on Monday, months on the first, all in UTC."""
    if interval == "1M":
        months = times.astype("datetime64[ms]").astype("datetime64[M]")
        return months.astype("datetime64[ms]").astype(np.int64)
    if interval == "1w":
        return (times + _THURSDAY_TO_MONDAY) // (7 * DAY) * (7 * DAY) - _THURSDAY_TO_MONDAY
    return times // _LENGTHS[interval] * _LENGTHS[interval]


def stored_rows(symbol: str, interval: str, ask: Ask = query) -> list[Row]:
    """What the table of a timeframe has of a symbol, oldest first."""
    return ask(
        "SELECT (extract(epoch FROM time) * 1000)::bigint, open, high, low, close, volume, quote_volume,"  # noqa: S608
        f" taker_buy_volume, taker_buy_quote_volume, trade_count FROM {TABLES[interval]}"
        " WHERE symbol_id = (SELECT id FROM market_symbol WHERE name = %s) ORDER BY time",
        [symbol],
    )


def assert_ledger_agrees(symbol: str, ask: Ask = query) -> None:
    """Each day's counts by source are those of the minutes' table; its state and its expected count follow; a day with
    minutes has an entry."""
    ((symbol_id, onboard, delivery),) = ask(
        "SELECT id, onboard_at, delivery_at FROM market_symbol WHERE name = %s", [symbol]
    )
    counted: dict[dt.date, dict[str, int]] = {}
    for day, source, count in ask(
        "SELECT (time AT TIME ZONE 'UTC')::date AS day, source, count(*) FROM candle_1m WHERE symbol_id = %s"
        " GROUP BY day, source",
        [symbol_id],
    ):
        counted.setdefault(day, {})[_COUNTS[source]] = count
    entries = ask(
        "SELECT day, state, expected, live_rows, monthly_rows, rest_rows, daily_rows, conflict_rows, is_settled"
        " FROM market_ledgerday WHERE symbol_id = %s",
        [symbol_id],
    )
    assert counted.keys() <= {entry[0] for entry in entries}, f"{symbol}: days with minutes are not in the ledger"
    for day, state, expected, live, monthly, rest, daily, conflicts, settled in entries:
        said = dict(zip(_COUNTS.values(), (live, monthly, rest, daily), strict=True))
        found = {column: counted.get(day, {}).get(column, 0) for column in _COUNTS.values()}
        assert said == found, f"{symbol} {day}: the ledger counts {said}, the table has {found}"
        assert expected == minutes_of_life(day, onboard, delivery), f"{symbol} {day}: expects {expected} minutes"
        total = sum(found.values())
        wanted = _state(total, expected, conflicts=conflicts, settled=settled, found=found)
        assert state == wanted, f"{symbol} {day}: is {state}, should be {wanted} with {found} of {expected}"
        assert 0 <= conflicts <= total, f"{symbol} {day}: {conflicts} conflicts in {total} minutes"


def minutes_of_life(day: dt.date, onboard: dt.datetime | None, delivery: dt.datetime | None) -> int:
    """How many minutes of a day a symbol trades; the minute in which it was listed counts."""
    first = dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)
    last = first + dt.timedelta(days=1)
    start = first if onboard is None else max(first, onboard.replace(second=0, microsecond=0))
    end = last if delivery is None else min(last, delivery)
    return max(0, -(-(end - start) // dt.timedelta(minutes=1)))


def _state(total: int, expected: int, *, conflicts: int, settled: bool, found: dict[str, int]) -> str:
    if total == 0:
        return "empty" if settled else "missing"
    if total < expected:
        return "partial"
    if conflicts:
        return "conflict"
    if found["live_rows"]:
        return "live"
    return "rest" if found["rest_rows"] else "archive"


def _sums(values: IntArray, firsts: IntArray) -> IntArray:
    longest = int(np.diff(np.append(firsts, len(values))).max())
    assert int(values.max()) * longest < 2**63, "the sum may not fit into 64 bits"
    return np.add.reduceat(values, firsts)


def _assert_same(what: str, stored: list[Row], expected: list[Row]) -> None:
    if stored == expected:
        return
    held, wanted = {row[0]: row for row in stored}, {row[0]: row for row in expected}
    missing = [_moment(time) for time in sorted(wanted.keys() - held.keys())]
    extra = [_moment(time) for time in sorted(held.keys() - wanted.keys())]
    wrong = [(_moment(time), held[time], wanted[time]) for time in sorted(held.keys() & wanted.keys())
             if held[time] != wanted[time]]  # fmt: skip
    raise AssertionError(
        f"{what}: {len(stored)} rows stored, {len(expected)} published; {len(missing)} missing {missing[:3]}, "
        f"{len(extra)} too many {extra[:3]}, {len(wrong)} wrong (time, stored, published) {wrong[:2]}"
    )


def _moment(time_ms: float) -> str:
    return dt.datetime.fromtimestamp(time_ms / 1_000, dt.UTC).isoformat(timespec="minutes")
