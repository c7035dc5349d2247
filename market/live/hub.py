"""The hub: one per web process, between the group message and the sockets.

It is a member of the channel layer's group. Each update is encoded once for each (symbol, interval) that somebody
watches, and the same text is appended to the outbox of each watcher: nothing per socket but an append.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, ParamSpec, TypeVar

from channels.db import database_sync_to_async
from channels.layers import channel_layers
from redis import RedisError

from market.broadcast import GROUP, age_of, candles_of
from market.cancelling import cancel
from market.domain.bar import BarRow
from market.domain.candle import Candle
from market.domain.growth import bar_of
from market.domain.interval import Interval
from market.domain.window import MINUTE_MS
from market.live.figures import FIGURES
from market.live.keeper import Keeper
from market.live.minutes import Minutes
from market.live.outages import say_in_one_line
from market.live.protocol import kline_frame
from market.live.series import Series
from market.live.socket import Socket

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

_NEVER: Final = -1
# Seconds between two attempts to join the group while Redis is away.
_JOIN_PAUSE: Final = 0.5
# Seconds between two looks at who has waited too long: minutes for those before them, sockets for their readers.
_WATCH_PAUSE: Final = 0.5


class Feed:
    """All that the hub knows of one symbol."""

    __slots__ = ("look_at", "looks", "minutes", "plain", "series", "started", "symbol", "through")

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.minutes = Minutes()
        # Open time of the last minute that was sent in order.
        self.through = _NEVER
        self.plain = Series(self, None)
        # Those that somebody watches, by interval.
        self.series: dict[Interval, Series] = {}
        self.started = asyncio.Event()
        # When the keeper looks for missing minutes again, and how often it has looked in vain.
        self.look_at = 0.0
        self.looks = 0


class Hub:
    """Start it in the loop that serves the sockets; `stop` ends all its tasks."""

    def __init__(self) -> None:
        self.feeds: dict[str, Feed] = {}
        self.sockets: set[Socket] = set()
        # Sockets without a subscription get the minutes of every symbol.
        self.unsubscribed: set[Socket] = set()
        self.heard_at = 0.0
        self.heard = 0
        self.keeper = Keeper(self)
        self._tasks: list[asyncio.Task[None]] = []
        # Two connections to the database, whatever the number of sockets.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="hub")
        self._rejoin = asyncio.Event()

    @property
    def is_running(self) -> bool:
        return bool(self._tasks)

    def start(self) -> None:
        say_in_one_line()
        loops: list[tuple[str, Callable[[], Awaitable[None]]]] = [
            ("hub: listen", self._listen),
            ("hub: watch", self._watch),
            ("hub: keep", self.keeper.run),
        ]
        self._tasks = [asyncio.create_task(_immortal(run), name=name) for name, run in loops]

    async def stop(self) -> None:
        await cancel(self._tasks)
        self._tasks = []
        await self.keeper.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        with suppress(RedisError, OSError):
            await channel_layers["default"].flush()

    async def query(self, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What a selector reads, in a thread of the hub's own. Raises django.db.Error."""
        run = database_sync_to_async(read, thread_sensitive=False, executor=self._threads)
        return await run(*args, **kwargs)

    # Sockets

    def join(self, socket: Socket) -> None:
        self.sockets.add(socket)
        self.unsubscribed.add(socket)

    def leave(self, socket: Socket) -> None:
        self.sockets.discard(socket)
        self.unsubscribed.discard(socket)
        for series in socket.subscriptions():
            self.drop(series, socket)

    def series(self, symbol: str, interval: Interval | None) -> Series:
        """The series of a known symbol, made if nobody watched it so far."""
        feed = self.feed(symbol)
        if interval is None:
            return feed.plain
        series = feed.series.get(interval)
        if series is None:
            series = feed.series[interval] = Series(feed, interval)
            if not series.is_minutes:
                if feed.started.is_set():
                    series.owe()
                series.unready_since = time.monotonic()
                self.keeper.nudge()
        return series

    def drop(self, series: Series, socket: Socket) -> None:
        """This socket no longer wants the series."""
        series.sockets.discard(socket)
        series.users.discard(socket)
        if series.interval is not None and not series.users:
            series.feed.series.pop(series.interval, None)

    def feed(self, symbol: str) -> Feed:
        feed = self.feeds.get(symbol)
        if feed is None:
            feed = self.feeds[symbol] = Feed(symbol)
            self.keeper.nudge()
        return feed

    # Candles

    def take(self, candles: Iterable[Candle]) -> None:
        """The candles of one message, in order."""
        now = self.heard_at = time.monotonic()
        self.heard += 1
        for candle in candles:
            feed = self.feeds.get(candle.symbol) or self.feed(candle.symbol)
            if candle.is_closed:
                self.take_closed(feed, bar_of(candle), now)
            else:
                self._take_forming(feed, candle)

    def take_closed(self, feed: Feed, minute: BarRow, now: float) -> None:
        """A closed minute, from a message or from where the keeper found it; any number of times."""
        minutes = feed.minutes
        released = minutes.offer(minute, now)
        if released:
            self.release(feed, released)
        elif minutes.newest is not None and minute[0] <= minutes.newest:
            if minutes.is_forgotten(minute[0]):
                self.keeper.doubt_later(feed, minute[0])
            elif minutes.corrected(minute):
                self.doubt(feed, minute[0])

    def release(self, feed: Feed, minutes: list[BarRow]) -> None:
        """Send closed minutes and the bars that they close."""
        for minute in minutes:
            is_late = minute[0] <= feed.through
            self.send_closed(feed.plain, minute)
            for series in feed.series.values():
                if series.is_minutes or not is_late:
                    for bar in series.closed_by(minute):
                        self.send_closed(series, bar)
            if is_late:
                self.doubt(feed, minute[0])
            else:
                feed.through = minute[0]

    def _take_forming(self, feed: Feed, candle: Candle) -> None:
        minutes = feed.minutes
        if candle.time > minutes.heard:
            minutes.heard = candle.time
            if minutes.gap is not None:
                self.keeper.nudge()
        if minutes.is_stale(candle.time) or not (feed.series or feed.plain.sockets or self.unsubscribed):
            return
        bar = bar_of(candle)
        if feed.plain.sockets or self.unsubscribed:
            self._send_forming(feed.plain, bar)
        for series in feed.series.values():
            if series.sockets and (formed := series.forming_with(bar, minutes.newest)) is not None:
                self._send_forming(series, formed)

    def doubt(self, feed: Feed, minute: int) -> None:
        """A minute that was released has changed, or has come late: longer bars that have it in them are read anew."""
        newest = feed.minutes.newest
        for series in feed.series.values():
            if newest is not None and series.bucket.floor(minute) == series.bucket.floor(newest + MINUTE_MS):
                series.doubt(time.monotonic())
        self.keeper.nudge()

    def send_closed(self, series: Series, bar: BarRow) -> None:
        """A closed bar to all who get the series."""
        everybody = self.unsubscribed if series.interval is None else ()
        if not (series.sockets or everybody):
            return
        frame = kline_frame(series.feed.symbol, series.interval, bar, is_closed=True)
        ends_forming = series.formed <= bar[0]
        for socket in series.sockets:
            if not socket.has_seen(series, bar[0]):
                socket.outbox.closed(series, frame, ends_forming=ends_forming)
        for socket in everybody:
            socket.outbox.closed(series, frame, ends_forming=ends_forming)

    def _send_forming(self, series: Series, bar: BarRow) -> None:
        frame = kline_frame(series.feed.symbol, series.interval, bar, is_closed=False)
        series.formed = bar[0]
        for socket in series.sockets:
            socket.outbox.forming(series, frame)
        if series.interval is None:
            for socket in self.unsubscribed:
                socket.outbox.forming(series, frame)

    # Tasks

    def rejoin(self) -> None:
        """Leave the group and join it anew: it seems that nothing comes from there any more."""
        self._rejoin.set()

    async def _listen(self) -> None:
        layer = channel_layers["default"]
        while True:
            self._rejoin.clear()
            try:
                channel = await layer.new_channel()
                await layer.group_add(GROUP, channel)
                await self._receive(layer, channel)
            except (RedisError, OSError) as error:
                logger.warning("live updates stop: Redis does not answer: %s", error)
                await asyncio.sleep(_JOIN_PAUSE)
            with suppress(RedisError, OSError):
                await layer.flush()

    async def _receive(self, layer: object, channel: str) -> None:
        """Take what comes until it is time to rejoin. The layer subscribes anew by itself when Redis comes back."""
        rejoin = asyncio.create_task(self._rejoin.wait())
        receive = asyncio.create_task(self._take_all(layer, channel))
        try:
            await asyncio.wait({rejoin, receive}, return_when=asyncio.FIRST_COMPLETED)
            if receive.done():
                await receive
        finally:
            for task in (rejoin, receive):
                task.cancel()
            await asyncio.gather(rejoin, receive, return_exceptions=True)

    async def _take_all(self, layer: object, channel: str) -> None:
        while True:
            message = await layer.receive(channel)  # type: ignore[attr-defined]
            try:
                candles, age_s = candles_of(message), age_of(message)
            except (KeyError, TypeError) as error:
                # Another version of this product shares the Redis.
                logger.warning("a message of the group cannot be read: %s", error)
                continue
            FIGURES.heard(len(candles), age_s)
            self.take(candles)

    async def _watch(self) -> None:
        """Give up minutes and sockets that have waited too long."""
        while True:
            await asyncio.sleep(_WATCH_PAUSE)
            now = time.monotonic()
            for feed in self.feeds.values():
                self.release(feed, feed.minutes.give_up(now))
                if feed.minutes.is_started:
                    feed.started.set()
            for socket in self.sockets:
                socket.check(now)
            FIGURES.wait([len(socket.outbox) for socket in self.sockets])


async def _immortal(run: Callable[[], Awaitable[None]]) -> None:
    """Run a loop that never ends; a mistake in it is logged and the loop begins anew."""
    while True:
        try:
            await run()
        except Exception:
            logger.exception("the hub stumbled and goes on")
            await asyncio.sleep(1.0)
