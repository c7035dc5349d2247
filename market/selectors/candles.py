"""Reading candles."""

from __future__ import annotations

import logging
import time
from typing import Final

import numpy as np
from redis import RedisError

from market.domain.bar import BarRow
from market.domain.candle import Candle
from market.domain.growth import bar_of, with_minutes
from market.domain.interval import Interval
from market.domain.window import DAY_MS, EARLIEST_MS, LATEST_MS, MINUTE_MS, TimeWindow, day_start
from market.selectors.ledger import stored_days
from market.store import candles, charts
from market.tail import CLOSED_KEPT, tail_read

logger = logging.getLogger(__name__)

# Timeframes in many chunks: a read without a lower bound would make the planner look at each of them.
_CHUNKED: Final = frozenset({Interval.M1, Interval.M5, Interval.M15})
# After this long an absent last minute means that the symbol is no longer collected, not that the bar still forms.
_SETTLING_MS: Final = 10 * MINUTE_MS
# After a failure, Redis is left alone for so long (seconds): while it is away, charts do without their forming bar and
# do not each wait to learn that.
_REDIS_PAUSE: Final = 2.0
_redis_retry_at = 0.0


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


def klines_live(
    *, symbol_id: int, name: str, interval: Interval, limit: int, now: int, end_time: int | None = None
) -> tuple[list[BarRow], bool]:
    """`klines_list` with the live tail merged in, and whether the newest bar is closed (all others are).

    The newest bar is made of every minute that is stored and of those that the tail has after them, the forming one
    included. Without Redis, or where the symbol is not streamed, it is made of what is stored.
    """
    # The tail first: what it no longer has once the bars are read, is stored by then.
    before = LATEST_MS if end_time is None else end_time + 1
    tail = [candle for candle in _tail_of(name) if interval.floor(candle.time) < before]
    if not tail:
        rows = klines_list(symbol_id=symbol_id, interval=interval, limit=limit, now=now, end_time=end_time)
        return rows, not rows or bar_is_closed(symbol_id=symbol_id, interval=interval, time=rows[-1][0], now=now)
    newest_start = interval.floor(tail[-1].time)
    start = interval.back(newest_start, limit)
    rows, stored = charts.newest_with_minutes(
        interval,
        symbol_id,
        TimeWindow(start, max(before, start)),
        limit,
        minutes=TimeWindow(tail[0].time, LATEST_MS),
        minutes_limit=CLOSED_KEPT + 1,
    )
    if len(rows) < limit and start > EARLIEST_MS:
        rows = _older(symbol_id, interval, before=start, limit=limit - len(rows))[::-1] + rows
    fresh = [candle for candle in tail if not stored or candle.time > stored[-1][0]]
    if not fresh:
        return rows, not rows or bar_is_closed(symbol_id=symbol_id, interval=interval, time=rows[-1][0], now=now)
    last = fresh[-1]
    rows = with_minutes(rows, map(bar_of, fresh), interval)[-limit:]
    return rows, last.is_closed and last.time + MINUTE_MS == interval.next(last.time)


def _tail_of(name: str) -> list[Candle]:
    """The symbol's live tail; empty while Redis is away."""
    global _redis_retry_at  # noqa: PLW0603 (one Redis, one process: the pause is a fact about both)
    if time.monotonic() < _redis_retry_at:
        return []
    try:
        return tail_read(name)
    except RedisError as error:
        _redis_retry_at = time.monotonic() + _REDIS_PAUSE
        logger.warning("charts go without their forming bar, for Redis does not answer: %s", error)
        return []


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
