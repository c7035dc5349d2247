"""Reading candles."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np
from redis import RedisError

from market.domain.bar import BarRow
from market.domain.candle import Candle
from market.domain.growth import bar_of, with_minutes
from market.domain.interval import Interval
from market.domain.ledger import SETTLING_MS
from market.domain.page import Page
from market.domain.window import DAY_MS, EARLIEST_MS, LATEST_MS, MINUTE_MS, TimeWindow, day_start
from market.selectors.ledger import stored_days
from market.selectors.reading import Call, Reading, TailOf, read_now
from market.store import candles, pages

logger = logging.getLogger(__name__)

# Timeframes in many chunks: a read without a lower bound would make the planner look at each of them.
_CHUNKED: Final = frozenset({Interval.M1, Interval.M5, Interval.M15})
# Bars that ended so long ago are not in the live tail, which is some minutes long, even if it was left behind by a
# collector that is gone.
_TAIL_REACH_MS: Final = 60 * MINUTE_MS
# After a failure, Redis is left alone for so long (seconds): while it is away, charts do without their forming bar and
# do not each wait to learn that.
_REDIS_PAUSE: Final = 2.0
_redis_retry_at = 0.0


def klines_list(*, symbol_id: int, interval: Interval, limit: int, now: int, end_time: int | None = None) -> Page:
    """The newest `limit` bars that open at or before `end_time` (ms, inclusive; None: all).

    Holes are skipped, never counted: fewer bars come back only where no more exist.
    """
    return read_now(_stored(symbol_id, interval, limit=limit, now=now, end_time=end_time))


def klines_live(
    *, symbol_id: int, name: str, interval: Interval, limit: int, now: int, end_time: int | None = None
) -> tuple[Page, bool]:
    """`klines_list` with the live tail merged in, and whether the newest bar is closed (all others are).

    The newest bar is made of every minute that is stored and of those that the tail has after them, the forming one
    included. Without Redis, or where the symbol is not streamed, it is made of what is stored.
    """
    return read_now(
        klines_reading(symbol_id=symbol_id, name=name, interval=interval, limit=limit, now=now, end_time=end_time)
    )


def klines_reading(
    *, symbol_id: int, name: str, interval: Interval, limit: int, now: int, end_time: int | None = None
) -> Reading[tuple[Page, bool]]:
    """`klines_live`, for whoever waits in another way."""
    # The tail first: what it no longer has once the bars are read, is stored by then.
    before = LATEST_MS if end_time is None else end_time + 1
    is_old = interval.next(before - 1) < now - _TAIL_REACH_MS if before < now else False
    tail = [] if is_old else (yield from _tail_of(name))
    tail = [candle for candle in tail if interval.floor(candle.time) < before]
    if not tail:
        page = yield from _stored(symbol_id, interval, limit=limit, now=now, end_time=end_time)
        return page, (yield from _newest_is_closed(page, symbol_id, interval, now))
    start = interval.back(interval.floor(tail[-1].time), limit)
    window = TimeWindow(start, max(before, start))
    result = yield pages.page_and_minute_query(interval, symbol_id, window, limit, since=tail[0].time)
    page, stored = pages.page_and_minute_of(result)
    if len(page) < limit and start > EARLIEST_MS:
        page = yield from _with_older(page, symbol_id, interval, before=start, limit=limit)
    fresh = [candle for candle in tail if stored is None or candle.time > stored]
    if not fresh:
        return page, (yield from _newest_is_closed(page, symbol_id, interval, now))
    last = fresh[-1]
    return _grown(page, fresh, interval)[-limit:], last.is_closed and last.time + MINUTE_MS == interval.next(last.time)


def _stored(symbol_id: int, interval: Interval, *, limit: int, now: int, end_time: int | None) -> Reading[Page]:
    before = LATEST_MS if end_time is None else min(end_time, LATEST_MS - 1) + 1
    start = interval.back(min(before, now), limit) if interval in _CHUNKED else EARLIEST_MS
    page = yield from _newest(symbol_id, interval, TimeWindow(min(start, before), before), limit)
    if len(page) < limit and start > EARLIEST_MS:
        page = yield from _with_older(page, symbol_id, interval, before=min(start, before), limit=limit)
    return page


def _with_older(page: Page, symbol_id: int, interval: Interval, *, before: int, limit: int) -> Reading[Page]:
    """The page and bars beyond the hole before it: the search widens until there are enough or the first stored day is
    reached."""
    days = yield Call(partial(stored_days, symbol_id))
    if days is None:
        return page
    first, last = interval.floor(day_start(days[0])), day_start(days[1]) + DAY_MS
    before = min(before, last)
    missing = limit - len(page)
    reach, found = missing, [page]
    while before > first and missing > 0:
        start = max(first, interval.back(before, reach))
        found.append((yield from _newest(symbol_id, interval, TimeWindow(start, before), missing)))
        missing -= len(found[-1])
        before, reach = start, reach * 4
    return Page.concat(found[::-1])


def _newest(symbol_id: int, interval: Interval, window: TimeWindow, limit: int) -> Reading[Page]:
    return pages.page_of((yield pages.page_query(interval, symbol_id, window, limit)))


def _grown(page: Page, minutes: Sequence[Candle], interval: Interval) -> Page:
    """The page by minutes that are in none of its bars yet: its last bar by some of them, and new ones behind it."""
    # A page does not have the last two columns of a row, and nobody will look at them.
    newest: list[BarRow] = [(*row, 0.0, 0) for row in page[-1:].rows()]
    return Page.concat([page[:-1], Page.of_rows(with_minutes(newest, map(bar_of, minutes), interval))])


def _tail_of(name: str) -> Reading[list[Candle]]:
    """The symbol's live tail; empty while Redis is away."""
    global _redis_retry_at  # noqa: PLW0603 (one Redis, one process: the pause is a fact about both)
    if time.monotonic() < _redis_retry_at:
        return []
    try:
        tail: list[Candle] = yield TailOf(name)
    except RedisError as error:
        _redis_retry_at = time.monotonic() + _REDIS_PAUSE
        logger.warning("charts go without their forming bar, for Redis does not answer: %s", error)
        return []
    return tail


def bar_is_closed(*, symbol_id: int, interval: Interval, time: int, now: int) -> bool:
    """Whether the stored bar that opens at `time` is final.

    A minute is stored only when the exchange has closed it. A longer bar is closed when its end has passed and its
    last minute has come, which takes a moment.
    """
    return read_now(_is_closed(symbol_id, interval, time, now))


def _newest_is_closed(page: Page, symbol_id: int, interval: Interval, now: int) -> Reading[bool]:
    return not len(page) or (yield from _is_closed(symbol_id, interval, page.last, now))


def _is_closed(symbol_id: int, interval: Interval, time: int, now: int) -> Reading[bool]:
    if interval is Interval.M1:
        return True
    end = interval.next(time)
    if end > now:
        return False
    if now - end > SETTLING_MS:
        return True  # an absent last minute means that the symbol is no longer collected, not that the bar still forms
    window = TimeWindow(end - MINUTE_MS, end)
    last_has_come: bool = yield Call(partial(candles.exists, Interval.M1, symbol_id, window))
    return last_has_come


def missing_span(*, symbol_id: int, window: TimeWindow) -> TimeWindow | None:
    """From the first to the last minute of the window that is not stored; None when all are."""
    stored, _ = candles.read(Interval.M1, [(symbol_id, window)])
    missing = np.setdiff1d(Interval.M1.starts(window), stored.frame.time, assume_unique=True)
    return TimeWindow(int(missing[0]), int(missing[-1]) + MINUTE_MS) if len(missing) else None
