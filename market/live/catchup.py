"""Closed bars that a client missed: from the database, page by page, up to the point where live ones take over."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.db import Error as DatabaseError

from market.domain.bar import BarRow
from market.domain.interval import Interval
from market.domain.window import MINUTE_MS, TimeWindow
from market.live.exact import bars_through, is_behind, is_closed, minutes_to_read
from market.live.protocol import kline_frame
from market.live.series import Series
from market.selectors import push

if TYPE_CHECKING:
    from market.live.hub import Hub
    from market.live.socket import Socket

logger = logging.getLogger(__name__)

# Bars of one read, and of one burst: the next page is read when this one has been sent.
PAGE: Final = 500
# Seconds until it is tried again, where the database is away or behind.
_PAUSE: Final = 0.2
_PAUSE_AWAY: Final = 1.0
# The database is given so long (seconds) to agree with what was heard; see `bars_through`.
_TRUST_AFTER: Final = 30.0


@dataclass(slots=True, eq=False)
class _Wish:
    """Closed bars that open after `since`. Each is itself alone: who asks for the same again wants all of it again.

    `cursor` is the open time of the next bar to send, `begun` (seconds) when it was first asked for.
    """

    since: int
    cursor: int | None = None
    begun: float | None = None


class CatchUp:
    """The wishes of one socket, served one after the other by one task; one that has to wait lets others go first."""

    def __init__(self, hub: Hub, socket: Socket) -> None:
        self._hub = hub
        self._socket = socket
        self._wishes: dict[Series, _Wish] = {}
        self._due = asyncio.Event()

    def want(self, series: Series, since: int) -> None:
        """Send the closed bars of the series that open after `since`, then let the socket have the live ones."""
        self._wishes[series] = _Wish(since)
        self._due.set()

    def forget(self, series: Series) -> None:
        self._wishes.pop(series, None)

    async def run(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            while self._wishes:
                series, wish = next(iter(self._wishes.items()))
                await self._serve(series, wish)

    def _is_wanted(self, series: Series, wish: _Wish) -> bool:
        """Whether this is still the wish: the client may have changed its mind while a page was read."""
        return self._wishes.get(series) is wish

    async def _serve(self, series: Series, wish: _Wish) -> None:
        since = wish.since
        interval, minutes = series.bucket, series.feed.minutes
        symbol_id = self._hub.keeper.id_of(series.feed.symbol)
        await series.feed.started.wait()
        if wish.begun is None:
            wish.begun = time.monotonic()
        while self._is_wanted(series, wish):
            # A longer bar is handed over to the live ones only when these are exact.
            newest = minutes.newest
            if newest is None or since >= newest:
                self._go_live(series, since)
                return
            try:
                if wish.cursor is None:
                    wish.cursor = await self._first(series, symbol_id, since)
                cursor = wish.cursor
                page = self._page(series, cursor, newest)
                bars, stored = await self._hub.query(
                    push.bars_with_minutes,
                    symbol_id=symbol_id,
                    interval=interval,
                    window=page,
                    minutes=minutes_to_read(minutes, newest, interval),
                )
            except DatabaseError as error:
                logger.info("a socket waits for the database: %s", error)
                await asyncio.sleep(_PAUSE_AWAY)
                continue
            if not self._is_wanted(series, wish):
                return
            trusting = time.monotonic() - wish.begun > _TRUST_AFTER
            if page.end <= self._remembered(series, newest) and (trusting or not is_behind(stored, minutes)):
                wish.cursor = page.end
                self._send(series, bars)
                await self._socket.outbox.room()
                wish.begun = time.monotonic()
                continue
            whole = bars_through(bars, stored, minutes, interval, trusting=trusting) if series.is_ready else None
            if whole is None:
                self._wishes[series] = self._wishes.pop(series)
                await asyncio.sleep(_PAUSE)
                return
            # No await from here on: what is released after this moment comes live.
            self._send(series, [bar for bar in whole if bar[0] >= cursor and is_closed(bar, minutes, interval)])
            self._go_live(series, since)

    async def _first(self, series: Series, symbol_id: int, since: int) -> int:
        """Open time of the first bar to send, or where the history begins."""
        first = await self._hub.query(push.first_stored, symbol_id=symbol_id)
        start = series.bucket.next(since)
        return start if first is None else max(start, series.bucket.floor(first))

    def _remembered(self, series: Series, newest: int) -> int:
        """Bars that end before this hold no minute that might not be stored yet."""
        known_until = series.feed.minutes.known_until
        return series.bucket.floor(newest if known_until is None else known_until)

    def _page(self, series: Series, cursor: int, newest: int) -> TimeWindow:
        """The next bars to read: history by pages, then all that may not be whole in the database."""
        remembered = self._remembered(series, newest)
        if cursor < remembered:
            return TimeWindow(cursor, min(_after(series.bucket, cursor, PAGE), remembered))
        return TimeWindow(cursor, max(cursor, series.bucket.next(newest + MINUTE_MS)))

    def _send(self, series: Series, bars: list[BarRow]) -> None:
        for bar in bars:
            frame = kline_frame(series.feed.symbol, series.interval, bar, is_closed=True)
            self._socket.outbox.closed(series, frame, ends_forming=False)

    def _go_live(self, series: Series, since: int) -> None:
        del self._wishes[series]
        newest = series.feed.minutes.newest
        # A time inside of a minute is the client's clock and no bar's: the minute that forms is owed to it. And of a
        # longer bar, its beginning does not say that the client has seen its end.
        is_of_a_minute = series.is_minutes and since % MINUTE_MS == 0
        if is_of_a_minute and (newest is None or since >= newest):
            # The client has heard of more than this process has yet.
            self._socket.seen[series] = since
        series.sockets.add(self._socket)


def _after(interval: Interval, start: int, bars: int) -> int:
    """Open time of the bar so many buckets after `start`."""
    if interval.fixed_ms is not None:
        return start + bars * interval.fixed_ms
    end = start
    for _ in range(bars):
        end = interval.next(end)
    return end
