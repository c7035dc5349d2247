"""Reading candles by the million."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from market.domain.frame import CandleFrame
from market.domain.interval import Interval
from market.domain.window import DAY_MS, TimeWindow, day_start
from market.selectors.candles import bar_is_closed
from market.selectors.ledger import stored_days
from market.store import candles

# Buckets that are read at once. A page is the most that is in memory, and what the database is asked for between two
# moments at which the reader may leave.
_PAGE_BUCKETS: Final = 20_000


def candles_export(*, symbol_id: int, interval: Interval, window: TimeWindow, now: int) -> Iterator[CandleFrame]:
    """The closed bars that open inside the window, ordered, page by page; no page is empty.

    The database is asked for each page when the page before has been taken. In between nothing is held there, neither
    a cursor nor a snapshot, so a slow reader disturbs nobody; a minute that a better source corrects meanwhile may be
    in the pages as it was or as it is now.
    """
    days = stored_days(symbol_id)
    if days is None:
        return iter(())
    end = min(window.end, day_start(days[1]) + DAY_MS, _closed_before(symbol_id, interval, now))
    start = max(window.start, interval.floor(day_start(days[0])))
    return _pages(symbol_id, interval, TimeWindow(min(start, end), end))


def _pages(symbol_id: int, interval: Interval, window: TimeWindow) -> Iterator[CandleFrame]:
    step = _PAGE_BUCKETS * interval.longest_ms
    for start in range(window.start, window.end, step):
        page = TimeWindow(start, min(start + step, window.end))
        batch, _ = candles.read(interval, [(symbol_id, page)])
        if len(batch):
            yield batch.frame


def _closed_before(symbol_id: int, interval: Interval, now: int) -> int:
    """The moment before which every stored bar has opened that is final; see `bar_is_closed`."""
    forming = interval.floor(now)
    if interval is Interval.M1:
        return interval.next(now)
    newest = interval.floor(forming - 1)
    is_closed = bar_is_closed(symbol_id=symbol_id, interval=interval, time=newest, now=now)
    return forming if is_closed else newest
