"""Selecting candles the way REST does: by bounds, direction and limit, in any interval."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

from feeds.fakebinance import intervals
from feeds.fakebinance.bars import Bars
from feeds.fakebinance.faults import FaultBook
from feeds.fakebinance.intervals import DAY_MS
from feeds.fakebinance.market import Truth
from feeds.fakebinance.tampering import without_days
from market.domain.window import TimeWindow

_COARSE: Final = frozenset({"1d", "3d", "1w", "1M"})
_KEPT_SPANS: Final = 2_048
_SPAN_MS: Final = 32 * DAY_MS


class KlineReader:
    """Reads the truth through the eyes of REST: nothing after the clock, the forming bar last, lost days absent."""

    def __init__(self, truth: Truth, faults: FaultBook) -> None:
        self._truth = truth
        self._faults = faults
        self._lock = threading.Lock()
        self._daily: OrderedDict[tuple[str, int], Bars] = OrderedDict()

    def select(self, symbol: str, interval: str, start: int | None, end: int | None, limit: int) -> Bars:
        """Candles whose open time lies in [start, end], both inclusive and optional, ascending.

        With a start the first `limit` of them, without one the last `limit`. KeyError for an unknown symbol.
        """
        life, now = self._truth.market.life(symbol), self._truth.clock.now()
        # Nothing opens after the clock or at the delisting.
        last = min(now, life.end - 1) if end is None else min(end, now, life.end - 1)
        first = intervals.floor(life.start, interval)
        if start is not None:
            first = max(first, intervals.ceil(start, interval))
        # The bound of the work is one past the newest bucket that may be shown.
        bound = intervals.step(intervals.floor(last, interval), interval, 1) if last >= life.start else first
        if first >= bound:
            return Bars.empty(self._truth.market.listings[symbol].scale)
        return self._collect(symbol, interval, first, bound, limit, newest=start is None)

    def _collect(self, symbol: str, interval: str, first: int, bound: int, limit: int, *, newest: bool) -> Bars:
        """Up to `limit` candles out of the buckets in [first, bound), from the newer or the older end. Goes on
        past days that are absent, so that a hole does not shorten the answer."""
        parts: list[Bars] = []
        missing = limit
        low, high = first, bound
        while missing > 0 and low < high:
            if newest:
                cut = max(low, intervals.step(high, interval, -missing))
                part, high = self._read(symbol, interval, cut, high), cut
                parts.insert(0, part)
            else:
                cut = min(high, intervals.step(low, interval, missing))
                part, low = self._read(symbol, interval, low, cut), cut
                parts.append(part)
            missing -= len(part)
        return Bars.concat(parts, self._truth.market.listings[symbol].scale)

    def _read(self, symbol: str, interval: str, start: int, end: int) -> Bars:
        """The candles of the buckets in [start, end)."""
        if interval in _COARSE and end - start > 4 * DAY_MS:
            return intervals.fold(self._days(symbol, start, end), interval)
        return intervals.fold(self._minutes(symbol, start, end), interval)

    def _minutes(self, symbol: str, start: int, end: int) -> Bars:
        """Closed minutes and, if it is inside, the forming one; days that no source has are left out."""
        shown = self._truth.shown(symbol, TimeWindow(start, max(start, end)))
        return without_days(shown, self._faults.absent_days(symbol))

    def _days(self, symbol: str, start: int, end: int) -> Bars:
        """Daily candles of [start, end), which are whole days; those of closed spans are remembered."""
        scale = self._truth.market.listings[symbol].scale
        parts = []
        for span in range(start // _SPAN_MS * _SPAN_MS, end, _SPAN_MS):
            if span + _SPAN_MS <= self._truth.clock.now():
                parts.append(self._closed_days(symbol, span))
            else:
                stop = min(end, span + _SPAN_MS)
                parts.append(intervals.fold(self._minutes(symbol, span, stop), "1d"))
        days = Bars.concat(parts, scale).between(start, end)
        return without_days(days, self._faults.absent_days(symbol))

    def _closed_days(self, symbol: str, span: int) -> Bars:
        with self._lock:
            if (kept := self._daily.get((symbol, span))) is not None:
                self._daily.move_to_end((symbol, span))
                return kept
        folded = intervals.fold(self._truth.market.minutes(symbol, span, span + _SPAN_MS), "1d")
        with self._lock:
            self._daily[symbol, span] = folded
            while len(self._daily) > _KEPT_SPANS:
                self._daily.popitem(last=False)
        return folded
