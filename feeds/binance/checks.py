"""The rules that minute candles from the exchange must keep, applied to whole columns at once.

A row that breaks one of them refuses everything it came with (`RefusedData`): a file or reply with one false row
has shown that it was not made or not carried carefully, and its neighbours are no better founded.

Rules, per row:
- it opens on a whole minute and closes 59,999 ms later;
- prices are finite and above zero; low <= open, close <= high;
- volumes are finite and not negative; the takers' part of the volume is not above the whole;
- the trade count is not negative and has at most 31 bits, as the column that keeps it.
A minute without a trade (all prices the same, all volumes 0) keeps them.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from feeds.binance.errors import BadCell, ConflictingRows, OutsideWindow
from market.domain.candle import Candle
from market.domain.frame import PRICE_COLUMNS, VOLUME_COLUMNS, CandleFrame, IntArray
from market.domain.window import MINUTE_MS, TimeWindow

# An open time above this is in microseconds: as milliseconds it would lie in the year 5138.
MICROSECONDS_FROM: Final = 100_000_000_000_000
CLOSE_OFFSET_MS: Final = MINUTE_MS - 1
# A greater count would not be refused by the binary form of a row: it would wrap around.
MOST_TRADES: Final = 2**31 - 1
# Up to here a float64 tells whole units apart; sums over more would not be sums any longer.
MOST_VOLUME: Final = 2.0**53


def open_milliseconds(times: IntArray) -> IntArray:
    """Open times of a file in milliseconds, whichever of the two units it is written in, cell by cell.

    Futures files are in milliseconds; spot files are in microseconds since 2025, and nothing promises that futures
    files never will be. Microseconds that are no whole millisecond stay as they are, for `check_rows` to refuse.
    """
    micro = (times > MICROSECONDS_FROM) & (times % 1_000 == 0)
    return np.where(micro, times // 1_000, times) if micro.any() else times


def close_milliseconds(times: IntArray) -> IntArray:
    """Close times likewise: the last microsecond of a minute lies in its last millisecond."""
    micro = times > MICROSECONDS_FROM
    return np.where(micro, times // 1_000, times) if micro.any() else times


def check_rows(frame: CandleFrame, close_time: IntArray, *, first_row: int) -> None:
    """Raise BadCell for the first offence against the rules above, rule by rule.

    The frame is in the order of its source; `first_row` is the number that the source's first data row has there.
    """

    def demand(column: str, values: npt.NDArray[np.generic], kept: npt.NDArray[np.bool_], expected: str) -> None:
        if not kept.all():
            index = int(np.argmin(kept))
            raise BadCell(first_row + index, column, str(values[index].item()), expected)

    demand("open_time", frame.time, frame.time % MINUTE_MS == 0, "the start of a minute (ms UTC)")
    demand("close_time", close_time, close_time == frame.time + CLOSE_OFFSET_MS, "59,999 ms after the open time")
    # Comparisons with NaN are false, so each pair of bounds refuses NaN and infinities too.
    for name in PRICE_COLUMNS:
        values = getattr(frame, name)
        demand(name, values, (values > 0) & (values < np.inf), "a finite price above zero")
    for name in VOLUME_COLUMNS:
        values = getattr(frame, name)
        demand(name, values, (values >= 0) & (values < MOST_VOLUME), "a finite volume, zero or more")
    demand("high", frame.high, (frame.high >= frame.open) & (frame.high >= frame.close), "at least open and close")
    demand("low", frame.low, (frame.low <= frame.open) & (frame.low <= frame.close), "at most open and close")
    demand("taker_buy_volume", frame.taker_buy_volume, frame.taker_buy_volume <= frame.volume, "at most the volume")
    counts = frame.trade_count
    demand("count", counts, (counts >= 0) & (counts <= MOST_TRADES), "a number of trades, 0 to 2,147,483,647")


def ordered_within(frame: CandleFrame, window: TimeWindow, *, first_row: int) -> CandleFrame:
    """The rows ascending and unique in time.

    Rows outside the window refuse the lot (OutsideWindow) instead of being cut off: a file named after one month
    that holds minutes of another is not the file that it says it is, and cutting would hide that.
    A row repeated exactly is kept once. Two different rows for one minute are ConflictingRows.
    """
    inside = (frame.time >= window.start) & (frame.time < window.end)
    if not inside.all():
        index = int(np.argmin(inside))
        raise OutsideWindow(first_row + index, int(frame.time[index]), window)
    ordered = frame.sorted_by_time()
    if ordered.is_ordered:
        return ordered
    repeated = ordered.time[1:] == ordered.time[:-1]
    same = ordered.take(slice(1, None)).equal_rows(ordered.take(slice(None, -1)))
    conflicts = np.flatnonzero(repeated & ~same)
    if len(conflicts):
        raise ConflictingRows(int(ordered.time[conflicts[0]]))
    return ordered.take(np.concatenate(([True], ~repeated)))


def check_candle(candle: Candle) -> None:
    """The same rules for one live candle, without columns: this runs for every message of a stream.

    The minute's end is not known here, and an open minute may hold less than its end will.
    """
    prices = (candle.open, candle.high, candle.low, candle.close)
    volumes = (candle.volume, candle.quote_volume, candle.taker_buy_volume, candle.taker_buy_quote_volume)
    # bool is an int to isinstance, and a time of `true` must not pass.
    if type(candle.time) is not int or candle.time < 0 or candle.time % MINUTE_MS:
        raise BadCell(1, "t", str(candle.time), "the start of a minute (ms UTC)")
    if type(candle.trade_count) is not int or not 0 <= candle.trade_count <= MOST_TRADES:
        raise BadCell(1, "n", str(candle.trade_count), "a number of trades, 0 to 2,147,483,647")
    if type(candle.is_closed) is not bool:
        raise BadCell(1, "x", str(candle.is_closed), "true or false")
    if type(candle.symbol) is not str or not candle.symbol:
        raise BadCell(1, "s", str(candle.symbol), "a symbol")
    if not all(0 < price < math.inf for price in prices):
        raise BadCell(1, "o/h/l/c", str(prices), "four finite prices above zero")
    if not all(0 <= volume < MOST_VOLUME for volume in volumes):
        raise BadCell(1, "v/q/V/Q", str(volumes), "four finite volumes, zero or more")
    if candle.low != min(prices) or candle.high != max(prices):
        raise BadCell(1, "h/l", f"{candle.high}/{candle.low}", "around open and close")
    if candle.taker_buy_volume > candle.volume:
        raise BadCell(1, "V", str(candle.taker_buy_volume), "at most the volume")
