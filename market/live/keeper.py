"""What the hub reads to stay whole: where a symbol stands, minutes that were missed, the bars that form.

Redis and the database may each be away for a while. Then the hub goes on with what it hears, and what is missing is
read once they are back.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from django.conf import settings
from django.db import Error as DatabaseError
from redis import RedisError
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from market.domain.growth import bar_of
from market.domain.window import DAY_MS, MINUTE_MS, TimeWindow
from market.live.exact import bars_through, is_ahead, is_closed, minutes_to_read
from market.live.minutes import KEPT
from market.live.series import Series
from market.selectors import push
from market.tail import tails_read

if TYPE_CHECKING:
    from market.live.hub import Feed, Hub

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

# Seconds between two rounds of the keeper when nothing nudges it.
_ROUND: Final = 0.25
# Seconds after a failed round.
_PAUSE: Final = 1.0
# Seconds until a missing minute is looked for again; grows with each look in vain.
_LOOK_AGAIN: Final = 1.0
_LOOK_AGAIN_MOST: Final = 3.0
# Without a message for so long (seconds) the hub asks whether it has missed any.
_SILENCE: Final = 3.0
# A symbol of which nothing came for this long while others go on is looked at as well (ms of the exchange's time).
_BEHIND_MS: Final = 2 * MINUTE_MS
# The list of names is read again at most so often (seconds): for a name that a client asks for, and for one that only
# a message told of.
_NAMES_PAUSE: Final = 0.2
_NAMES_ROUND: Final = 2.0
# How long (seconds) a round may load bars: one client may name thousands of series, and the others' minutes must not
# wait until all of these are read.
_LOADING: Final = 0.5
# A bar that forms is read again after this long (seconds): history brings minutes of it that no message tells of.
_REREAD: Final = 30.0
# A corrected minute is in the database after this long (seconds): a batch waits for five.
_STORED_AFTER: Final = 7.0
# What the database says of a minute after this long (seconds) is its last word: no batch is on its way any more.
_TRUST_AFTER: Final = 30.0
_MOST_DOUBTS: Final = 10_000
# Bars that may be owed; who missed more has been away from the exchange, not from a few messages.
_MOST_OWED: Final = 1_500


class Keeper:
    """Works for one hub, in rounds; each round does what is due and can be repeated."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._redis = Redis.from_url(
            settings.REDIS_URL, socket_timeout=2.0, socket_connect_timeout=2.0, retry=Retry(NoBackoff(), 0)
        )
        self._due = asyncio.Event()
        self._ids: dict[str, int] = {}
        self._names_at = -_NAMES_ROUND
        self._reading_names = asyncio.Lock()
        self._silence_at = 0.0
        self._heard = 0
        self._deaf = 0
        self._doubts: list[tuple[float, Feed, int]] = []
        self._is_waiting = False

    def nudge(self) -> None:
        self._due.set()

    def doubt_later(self, feed: Feed, minute: int) -> None:
        """A minute has changed that only the database remembers: believe it once the change must have been stored."""
        if len(self._doubts) < _MOST_DOUBTS:
            self._doubts.append((time.monotonic() + _STORED_AFTER, feed, minute))

    async def close(self) -> None:
        await self._redis.aclose()

    async def known(self, symbols: tuple[str, ...]) -> set[str]:
        """Those of these names that exist. Raises django.db.Error when that cannot be told."""
        wanted = set(symbols)
        if not self._ids.keys() >= wanted:
            async with self._reading_names:
                if not self._ids.keys() >= wanted:
                    # Whoever asks for names that do not exist waits a little; the database is not asked for each.
                    await asyncio.sleep(self._names_at + _NAMES_PAUSE - time.monotonic())
                    await self._read_names()
        return {symbol for symbol in symbols if symbol in self._ids}

    def id_of(self, symbol: str) -> int:
        """The id of a name that `known` has told to exist."""
        return self._ids[symbol]

    async def run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_ROUND):
                    await self._due.wait()
            self._due.clear()
            try:
                await self._round()
            except DatabaseError as error:
                if not self._is_waiting:
                    logger.warning("the hub waits for the database: %s", error)
                self._is_waiting = True
                await asyncio.sleep(_PAUSE)

    async def _query(self, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        answer = await self._hub.query(read, *args, **kwargs)
        # Not after each round: one that has nothing to ask says nothing of the database.
        if self._is_waiting:
            logger.info("the database answers again")
        self._is_waiting = False
        return answer

    async def _round(self) -> None:
        now = time.monotonic()
        due = [doubt for doubt in self._doubts if doubt[0] <= now]
        self._doubts = [doubt for doubt in self._doubts if doubt[0] > now]
        for _, feed, minute in due:
            self._hub.doubt(feed, minute)
        await self._start_feeds()
        await self._find_missing()
        await self._reread()
        await self._load_series()

    async def _read_names(self) -> None:
        self._ids = await self._query(push.symbol_ids)
        self._names_at = time.monotonic()

    async def _start_feeds(self) -> None:
        """Learn of new symbols where they stand."""
        waiting = [feed for feed in self._hub.feeds.values() if not feed.minutes.is_started]
        if not waiting:
            return
        is_due = time.monotonic() - self._names_at > _NAMES_ROUND
        if is_due and any(feed.symbol not in self._ids for feed in waiting):
            await self._read_names()
        by_id = {self._ids[feed.symbol]: feed for feed in waiting if feed.symbol in self._ids}
        if not by_id:
            return
        stored = await self._query(push.newest_minutes, symbol_ids=list(by_id), limit=KEPT)
        now = time.monotonic()
        for symbol_id, feed in by_id.items():
            self._hub.release(feed, feed.minutes.start(stored.get(symbol_id, []), now))
        await self._read_tails(list(by_id.values()))
        for feed in by_id.values():
            # Only now: bars that were closed before anybody watched are owed to nobody.
            for series in feed.series.values():
                series.owe()
            feed.started.set()

    async def _find_missing(self) -> None:
        """Look for the minutes that should have come: in the live tail, then in the database."""
        now = time.monotonic()
        suspects = self._suspects(now)
        if not suspects:
            return
        before = {feed.symbol: feed.minutes.newest for feed in suspects}
        await self._read_tails(suspects)
        windows = {}
        for feed in suspects:
            symbol_id, newest = self._ids.get(feed.symbol), feed.minutes.newest
            if symbol_id is not None and newest is not None:
                end = feed.minutes.gap.end if feed.minutes.gap else newest + DAY_MS
                windows[symbol_id] = TimeWindow(newest + MINUTE_MS, min(end, newest + DAY_MS))
        found = await self._query(push.minutes_within, windows=windows)
        now = time.monotonic()
        for feed in suspects:
            for minute in found.get(self._ids.get(feed.symbol, 0), []):
                self._hub.take_closed(feed, minute, now)
            feed.looks = 0 if feed.minutes.newest != before[feed.symbol] else feed.looks + 1
            feed.look_at = now + min(_LOOK_AGAIN * 2 ** min(feed.looks, 5), _LOOK_AGAIN_MOST)
        self._judge_silence(any(feed.minutes.newest != before[feed.symbol] for feed in suspects))

    def _suspects(self, now: float) -> list[Feed]:
        started = [feed for feed in self._hub.feeds.values() if feed.minutes.is_started]
        suspects = [feed for feed in started if feed.look_at <= now and feed.minutes.gap is not None]
        if now - self._hub.heard_at > _SILENCE and now - self._silence_at > _SILENCE:
            self._silence_at = now
            return started
        newest = max((feed.minutes.heard for feed in started), default=0)
        suspects += [
            feed
            for feed in started
            if feed.look_at <= now and feed.minutes.gap is None and feed.minutes.heard < newest - _BEHIND_MS
        ]
        return suspects

    def _judge_silence(self, has_found: bool) -> None:
        """Minutes that are found again and again while no message comes: the membership is dead."""
        if self._hub.heard != self._heard or not has_found:
            self._heard, self._deaf = self._hub.heard, 0
            return
        self._deaf += 1
        if self._deaf >= 3:
            self._deaf = 0
            logger.warning("candles are stored and no message tells of them: the hub joins its group anew")
            self._hub.rejoin()

    async def _read_tails(self, feeds: list[Feed]) -> None:
        try:
            tails = await tails_read(self._redis, [feed.symbol for feed in feeds])
        except (RedisError, OSError) as error:
            logger.debug("the live tail cannot be read: %s", error)
            return
        now = time.monotonic()
        for feed in feeds:
            for candle in tails.get(feed.symbol, []):
                if candle.is_closed:
                    self._hub.take_closed(feed, bar_of(candle), now)

    async def _reread(self) -> None:
        """Read the bar again that was read longest ago. One a round: thousands must not cost more than a few do."""
        bars = (series for feed in self._hub.feeds.values() for series in feed.series.values() if series.users)
        ready = (series for series in bars if series.is_ready and not series.is_minutes)
        series = min(ready, key=lambda series: series.asked_at, default=None)
        if series is not None and (now := time.monotonic()) - series.asked_at > _REREAD:
            series.asked_at = now
            await self._load(series)

    async def _load_series(self) -> None:
        """Give the longer bars their bases, those first that have not been asked for or not for long."""
        waiting = [
            series
            for feed in self._hub.feeds.values()
            if feed.series and feed.minutes.is_started and feed.symbol in self._ids
            for series in feed.series.values()
            if not series.is_ready
        ]
        waiting.sort(key=lambda series: series.asked_at)
        until = time.monotonic() + _LOADING
        for series in waiting:
            if (now := time.monotonic()) > until:
                self.nudge()
                return
            series.asked_at = now
            if series.users and not series.is_ready:
                await self._load(series)

    async def _load(self, series: Series) -> None:
        """Read the base of a series; one that it has already gives way to it."""
        was_ready = series.is_ready
        minutes, interval = series.feed.minutes, series.bucket
        newest = minutes.newest
        if newest is None:
            # Nothing was ever stored or heard: the first minute begins the first bar.
            return
        forming = interval.floor(newest + MINUTE_MS)
        owed = max(forming if series.owed_from is None else series.owed_from, interval.back(forming, _MOST_OWED))
        stored_bars, stored = await self._query(
            push.bars_with_minutes,
            symbol_id=self._ids[series.feed.symbol],
            interval=interval,
            window=TimeWindow(owed, interval.next(newest + MINUTE_MS)),
            minutes=minutes_to_read(minutes, newest, interval),
        )
        now = time.monotonic()
        if is_ahead(stored, minutes):
            for minute in stored:
                self._hub.take_closed(series.feed, minute, now)
            if is_ahead(stored, minutes):
                return
        trusting = series.unready_since is not None and now - series.unready_since > _TRUST_AFTER
        bars = bars_through(stored_bars, stored, minutes, interval, trusting=trusting)
        if bars is None or series.is_ready != was_ready:
            return
        for bar in bars:
            # One that was ready has sent its bars as they closed, while this was read as well.
            if not was_ready and bar[0] >= owed and is_closed(bar, minutes, interval):
                self._hub.send_closed(series, bar)
        open_bars = [bar for bar in bars if not is_closed(bar, minutes, interval)]
        series.base = open_bars[-1] if open_bars else None
        series.is_ready = True
        series.owed_from = series.unready_since = None
