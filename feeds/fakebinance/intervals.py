"""The exchange's own arithmetic of timeframes: bucket edges and the aggregation of minutes.

Deliberately separate from the product's rollup code, for it is the witness against it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from feeds.fakebinance.bars import MINUTE_MS, Bars, IntArray

DAY_MS: Final = 1_440 * MINUTE_MS
_WEEK_MS: Final = 7 * DAY_MS
_EPOCH_TO_MONDAY_MS: Final = 4 * DAY_MS  # 1970-01-05 was a Monday.
MONTH: Final = "1M"

# The week's anchor is a Monday; every other fixed interval divides time from the epoch on.
_LENGTHS: Final = {
    **{f"{n}m": n * MINUTE_MS for n in (1, 3, 5, 15, 30)},
    **{f"{n}h": n * 60 * MINUTE_MS for n in (1, 2, 4, 6, 8, 12)},
    "1d": DAY_MS,
    "3d": 3 * DAY_MS,
    "1w": _WEEK_MS,
}
INTERVALS: Final = (*_LENGTHS, MONTH)


def floors(times: IntArray, interval: str) -> IntArray:
    """The open time of the bucket of each instant."""
    if interval == MONTH:
        months = times.astype("datetime64[ms]").astype("datetime64[M]")
        return months.astype("datetime64[ms]").astype(np.int64)
    anchor = _EPOCH_TO_MONDAY_MS if interval == "1w" else 0
    return times - (times - anchor) % _LENGTHS[interval]


def floor(time_ms: int, interval: str) -> int:
    return int(floors(np.array([time_ms], dtype=np.int64), interval)[0])


def step(bucket_ms: int, interval: str, count: int) -> int:
    """The open time of the bucket `count` buckets later (earlier, if negative)."""
    if interval == MONTH:
        month = np.array([bucket_ms], dtype="datetime64[ms]").astype("datetime64[M]") + count
        return int(month.astype("datetime64[ms]").astype(np.int64)[0])
    return bucket_ms + count * _LENGTHS[interval]


def ceil(time_ms: int, interval: str) -> int:
    """The first bucket that opens at or after the instant."""
    bucket = floor(time_ms, interval)
    return bucket if bucket == time_ms else step(bucket, interval, 1)


def fold(bars: Bars, interval: str) -> Bars:
    """Ordered bars gathered into buckets: first open, highest high, lowest low, last close, sums of the rest."""
    if not len(bars):
        return bars
    buckets = floors(bars.time, interval)
    first = np.flatnonzero(np.concatenate(([True], buckets[1:] != buckets[:-1])))
    last = np.concatenate((first[1:], [len(bars)])) - 1
    return Bars(
        bars.scale,
        buckets[first],
        bars.open[first],
        np.maximum.reduceat(bars.high, first),
        np.minimum.reduceat(bars.low, first),
        bars.close[last],
        np.add.reduceat(bars.volume, first),
        np.add.reduceat(bars.quote_volume, first),
        np.add.reduceat(bars.trade_count, first),
        np.add.reduceat(bars.taker_buy_volume, first),
        np.add.reduceat(bars.taker_buy_quote_volume, first),
    )
