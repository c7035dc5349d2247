"""The eight timeframes and the buckets they cut time into.

Minutes to days are whole divisions of the UTC day. Weeks start on Monday 00:00 UTC and months are calendar
months in UTC: that is how the exchange cuts its own weekly and monthly candles.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

import numpy as np
import numpy.typing as npt

from market.domain.window import DAY_MS, MINUTE_MS, Month, TimeWindow, day_of

IntArray = npt.NDArray[np.int64]

_WEEK_MS: Final = 7 * DAY_MS
# 1970-01-01 was a Thursday: the Monday of its week lies three days earlier.
_MONDAY_OFFSET_MS: Final = 3 * DAY_MS


class Interval(Enum):
    """A timeframe. The value is its name in the API: ``1m`` is a minute, ``1M`` a month."""

    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    H1 = "1h"
    H4 = "4h"
    D1 = "1d"
    W1 = "1w"
    MN1 = "1M"

    @classmethod
    def parse(cls, text: str) -> Interval:
        """Read an API name; case matters. ValueError names the valid ones."""
        try:
            return cls(text)
        except ValueError:
            valid = ", ".join(member.value for member in cls)
            raise ValueError(f"unknown interval {text!r}: expected one of {valid}") from None

    @property
    def fixed_ms(self) -> int | None:
        """Length of every bucket in milliseconds; None for months, which differ."""
        return _FIXED_MS.get(self)

    @property
    def longest_ms(self) -> int:
        """Length of the longest bucket there can be, in milliseconds."""
        return self.fixed_ms or 31 * DAY_MS

    def floor(self, time_ms: int) -> int:
        """Open time of the bucket that contains the instant."""
        if self is Interval.MN1:
            return Month.of(time_ms).window.start
        length, offset = _GRID[self]
        return (time_ms + offset) // length * length - offset

    def next(self, time_ms: int) -> int:
        """Open time of the bucket after the one that contains the instant."""
        if self is Interval.MN1:
            return Month.of(time_ms).window.end
        return self.floor(time_ms) + _GRID[self][0]

    def bucket(self, time_ms: int) -> TimeWindow:
        """The bucket that contains the instant."""
        return TimeWindow(self.floor(time_ms), self.next(time_ms))

    def cover(self, window: TimeWindow) -> TimeWindow:
        """The smallest range of whole buckets that contains the window."""
        if window.is_empty:
            return TimeWindow(self.floor(window.start), self.floor(window.start))
        return TimeWindow(self.floor(window.start), self.next(window.end - 1))

    def count(self, window: TimeWindow) -> int:
        """How many buckets open inside the window."""
        return len(self.starts(window)) if self is Interval.MN1 else self._fixed_count(window)

    def starts(self, window: TimeWindow) -> IntArray:
        """Open times of all buckets that open inside the window, ascending."""
        if self is Interval.MN1:
            opens = [month.window.start for month in window.months()]
            return np.array([time for time in opens if time in window], dtype=np.int64)
        length, _ = _GRID[self]
        first = self._ceil(window.start)
        return np.arange(first, window.end, length, dtype=np.int64)

    def back(self, time_ms: int, buckets: int) -> int:
        """Open time of the bucket that lies so many buckets before the one that contains the instant."""
        if self is Interval.MN1:
            day = day_of(time_ms)
            index = day.year * 12 + day.month - 1 - buckets
            return Month(index // 12, index % 12 + 1).window.start if index >= 1970 * 12 else 0
        return max(0, self.floor(time_ms) - buckets * _GRID[self][0])

    def floor_array(self, times: IntArray) -> IntArray:
        """`floor` of many instants at once (int64 milliseconds)."""
        if self is Interval.MN1:
            months = times.astype("datetime64[ms]").astype("datetime64[M]")
            return months.astype("datetime64[ms]").astype(np.int64)
        length, offset = _GRID[self]
        return (times + offset) // length * length - offset

    def _ceil(self, time_ms: int) -> int:
        floor = self.floor(time_ms)
        return floor if floor == time_ms else floor + _GRID[self][0]

    def _fixed_count(self, window: TimeWindow) -> int:
        length, _ = _GRID[self]
        return max(0, -(-(window.end - self._ceil(window.start)) // length))


_FIXED_MS: Final[dict[Interval, int]] = {
    Interval.M1: MINUTE_MS,
    Interval.M5: 5 * MINUTE_MS,
    Interval.M15: 15 * MINUTE_MS,
    Interval.H1: 60 * MINUTE_MS,
    Interval.H4: 240 * MINUTE_MS,
    Interval.D1: DAY_MS,
    Interval.W1: _WEEK_MS,
}
_GRID: Final[dict[Interval, tuple[int, int]]] = {
    interval: (length, _MONDAY_OFFSET_MS if interval is Interval.W1 else 0) for interval, length in _FIXED_MS.items()
}
