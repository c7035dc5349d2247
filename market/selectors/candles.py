"""Reading candles."""

from __future__ import annotations

from typing import Final

import numpy as np

from market.domain.bar import BarRow
from market.domain.interval import Interval
from market.domain.window import DAY_MS, EARLIEST_MS, LATEST_MS, MINUTE_MS, TimeWindow, day_start
from market.selectors.ledger import stored_days
from market.store import candles, charts

# Timeframes in many chunks: a read without a lower bound would make the planner look at each of them.
_CHUNKED: Final = frozenset({Interval.M1, Interval.M5, Interval.M15})
# After this long an absent last minute means that the symbol is no longer collected, not that the bar still forms.
_SETTLING_MS: Final = 10 * MINUTE_MS


def klines_list(
    *, symbol_id: int, interval: Interval, limit: int, now: int, end_time: int | None = None
) -> list[BarRow]:
    """The newest `limit` bars that open at or before `end_time` (ms, inclusive; None: all), oldest first.

    Holes are skipped, never counted: fewer bars come back only where no more exist.
    """
    before = LATEST_MS if end_time is None else min(end_time, LATEST_MS - 1) + 1
    start = interval.back(min(before, now), limit) if interval in _CHUNKED else EARLIEST_MS
    rows = charts.newest(interval, symbol_id, TimeWindow(min(start, before), before), limit)
    if len(rows) < limit and start > EARLIEST_MS:
        rows += _older(symbol_id, interval, before=min(start, before), limit=limit - len(rows))
    rows.reverse()
    return rows


def _older(symbol_id: int, interval: Interval, *, before: int, limit: int) -> list[BarRow]:
    """Bars beyond a hole: the search widens until there are enough or the first stored day is reached."""
    days = stored_days(symbol_id)
    if days is None:
        return []
    first, last = interval.floor(day_start(days[0])), day_start(days[1]) + DAY_MS
    before = min(before, last)
    rows: list[BarRow] = []
    reach = limit
    while before > first and len(rows) < limit:
        start = max(first, interval.back(before, reach))
        rows += charts.newest(interval, symbol_id, TimeWindow(start, before), limit - len(rows))
        before, reach = start, reach * 4
    return rows


def bar_is_closed(*, symbol_id: int, interval: Interval, time: int, now: int) -> bool:
    """Whether the stored bar that opens at `time` is final.

    A minute is stored only when the exchange has closed it. A longer bar is closed when its end has passed and its
    last minute has come, which takes a moment.
    """
    if interval is Interval.M1:
        return True
    end = interval.next(time)
    if end > now:
        return False
    if now - end > _SETTLING_MS:
        return True
    return candles.exists(Interval.M1, symbol_id, TimeWindow(end - MINUTE_MS, end))


def missing_span(*, symbol_id: int, window: TimeWindow) -> TimeWindow | None:
    """From the first to the last minute of the window that is not stored; None when all are."""
    stored, _ = candles.read(Interval.M1, [(symbol_id, window)])
    missing = np.setdiff1d(Interval.M1.starts(window), stored.frame.time, assume_unique=True)
    return TimeWindow(int(missing[0]), int(missing[-1]) + MINUTE_MS) if len(missing) else None
