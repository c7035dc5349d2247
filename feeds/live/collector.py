"""The live side: from the exchange's stream into the database and to the hubs.

    links -> intake -> tick -> book -> batcher -> database
                                    -> outlet  -> Redis (tail, hubs)
    repairs (REST)          -> book

Each arrow hands over without waiting. Each part runs by itself: one that fails is logged and starts again, and the
others do not notice.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from redis.asyncio import Redis

from feeds.binance.connection import StreamTiming
from feeds.binance.proxies import ProxySettings
from feeds.live.batcher import Batcher
from feeds.live.book import Book
from feeds.live.clock import ExchangeClock
from feeds.live.database import DATABASE_ERRORS, DatabaseThread
from feeds.live.intake import Intake
from feeds.live.leases import TURN_S, Assignment, Leases
from feeds.live.links import Links
from feeds.live.minutes import REACH_MS, SymbolMinutes, is_unlikely
from feeds.live.nudges import listen
from feeds.live.outlet import TICK_S, Outlet
from feeds.live.repairs import Repairs
from feeds.live.report import Watch
from feeds.live.work import work_report
from market.cancelling import cancel
from market.domain.window import MINUTE_MS, TimeWindow
from market.heartbeat import report_forget, report_write
from market.models import Symbol
from market.selectors.ledger import wanted_window
from market.selectors.live import minutes_stored

logger = logging.getLogger(__name__)

_REPORT_S: Final = 2.0
_AGAIN_S: Final = 1.0
# Stopping: the parts of 10 s that each step may take.
_FLUSH_S: Final = 3.5
_SEND_S: Final = 1.0
_LEAVE_S: Final = 1.5
# A symbol is streamed from shortly before its first minute until its last one is surely confirmed.
_MARGIN_MS: Final = 15 * MINUTE_MS
# A symbol that trades and is silent is subscribed to anew after a minute, then after twice as long ... (market time)
_RENEW_S: Final = 60.0
_RENEW_LONGEST_S: Final = 3_600.0


@dataclass(frozen=True, slots=True)
class CollectorSettings:
    """Where the stream is, the ways out to it, and how the work is divided. `speed`: how fast the exchange's clock runs
    (a double's)."""

    stream_url: str
    redis_url: str
    symbols_per_connection: int = 50
    shards: int = 8
    speed: float = 1.0
    proxies: ProxySettings | None = None


class Collector:
    """One life of a collector: from its start until it is stopped or wished to start anew."""

    def __init__(self, settings: CollectorSettings) -> None:
        self.id = uuid4()
        self._settings = settings
        self._redis = Redis.from_url(settings.redis_url)
        self._storing, self._watching = DatabaseThread("store"), DatabaseThread("watch")
        self._clock = ExchangeClock(speed=settings.speed)
        self._arrived = asyncio.Event()
        self._nudged = asyncio.Event()
        self._anew = asyncio.Event()
        self._generation: int | None = None
        self.is_closed = False  # whether everything was let go; a thread may still hang in a silent database
        self._assigned: dict[str, Symbol] = {}
        self._renewals: dict[str, tuple[float, float]] = {}
        self._intake = Intake(self._arrived.set)
        self._book = Book(self._clock)
        self._outlet = Outlet(self._redis, self._book.tail_of, self._book.names)
        self._batcher = Batcher(self._storing, on_commit=self._book.committed, on_lost=self._book.reopen)
        self._book.on_news, self._book.on_closed = self._outlet.put, self._batcher.put
        self._repairs = Repairs(self._book, self._clock)
        self._repairs.on_silent = self._renew
        self._watch = Watch(self._intake.heard, speed=settings.speed)
        self._leases = Leases(self._watching, self.id, shard_count=settings.shards)
        self._links = Links(
            settings.stream_url,
            symbols_per_link=settings.symbols_per_connection,
            deliver=self._deliver,
            expects_data=self._expects_data,
            timing=StreamTiming().at_speed(settings.speed),
            proxies=settings.proxies,
        )

    async def run(self, stopping: asyncio.Event) -> bool:
        """Until `stopping` is set or the operator wishes for a new start; True for the latter. What has come is
        stored and sent, and the leases are given back, within 10 s. Raises nothing."""
        parts = {
            "keeper": self._keep,
            "tick": self._tick,
            "batcher": self._batcher.run,
            "outlet": self._outlet.run,
            "repairs": self._repairs.run,
            "reporter": self._report,
            "nudges": lambda: listen(self._redis, self._nudged),
        }
        tasks = [asyncio.create_task(_again_and_again(name, part), name=name) for name, part in parts.items()]
        ends = [asyncio.create_task(event.wait()) for event in (stopping, self._anew)]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel([*tasks, *ends])
            await self._stop()
        return not stopping.is_set()

    async def _stop(self) -> None:
        await self._links.close()
        self._book.read(self._intake.take())
        stored = await _within(_FLUSH_S, self._batcher.flush())
        if not stored:
            logger.warning("%d closed minutes are left to the next collector's REST", len(self._batcher))
        else:
            # The closed ones are in the database; a forming one would only grow old.
            self._outlet.forget(self._book.names())
        await _within(_SEND_S, self._outlet.flush())
        await _within(_SEND_S, report_forget(self._redis, self.id))
        await _within(_LEAVE_S, self._leases.leave())
        self.is_closed = all(await asyncio.gather(self._storing.close(), self._watching.close()))
        await _within(_SEND_S, self._redis.aclose())

    async def _keep(self) -> None:
        """Compare what is wanted with what is done, every few seconds and when nudged."""
        while True:
            self._nudged.clear()
            assignment = await self._leases.turn(
                is_connected=self._links.is_delivering, connections=len(self._links), symbols=len(self._book)
            )
            if assignment is not None:
                if self._generation is None:
                    self._generation = assignment.generation
                if assignment.generation != self._generation:
                    self._anew.set()
                self._assign(assignment)
                if assignment.surplus:
                    await self._leases.release(assignment.surplus)
            begun = await self._begin()
            # Until the exchange's time is known nothing can be begun; that takes a moment only.
            await _wait(self._nudged, TURN_S if begun else _AGAIN_S / 10)

    def _assign(self, assignment: Assignment) -> None:
        now = self._clock.now()
        self._assigned = {
            symbol.name: symbol
            for symbol in assignment.symbols
            if not self._clock.is_known or symbol.life.start - _MARGIN_MS <= now < symbol.life.end + _MARGIN_MS
        }
        gone = [name for name in self._book.names() if name not in self._assigned]
        for name in gone:
            self._book.remove(name)
            self._repairs.forget(name)
            self._watch.end(name)
            self._renewals.pop(name, None)
        # What another collector streams from now on has a tail all the same: he overwrites it.
        self._outlet.forget(name for name in gone if name not in assignment.tracked or not assignment.is_wanted)
        for name in self._assigned:
            self._watch.begin(name)
        self._intake.expect(self._assigned)
        self._links.carry(self._assigned)

    async def _begin(self) -> bool:
        """Take newly assigned symbols into the book, with what is stored of their last hours; False to try again."""
        new = [symbol for name, symbol in self._assigned.items() if name not in self._book]
        if not new:
            return True
        if not self._clock.is_known:
            return False
        now = self._clock.now()
        begin = (now - REACH_MS) // MINUTE_MS * MINUTE_MS
        windows = {
            symbol.id: TimeWindow(max(begin, wanted_window(symbol, now).start), max(begin, now) + MINUTE_MS)
            for symbol in new
        }
        try:
            stored = await self._watching.run(minutes_stored, windows)
        except DATABASE_ERRORS as error:
            logger.warning("the last minutes of %d symbols cannot be read yet: %s", len(new), error)
            return True
        for symbol in new:
            if self._assigned.get(symbol.name) is symbol:
                minutes = SymbolMinutes(
                    symbol_id=symbol.id,
                    name=symbol.name,
                    start=windows[symbol.id].start,
                    stored=stored[symbol.id].tolist(),
                )
                self._book.add(minutes)
        logger.info("%d symbols are live, %d of them new", len(self._book), len(new))
        return True

    async def _tick(self) -> None:
        while True:
            await self._arrived.wait()
            await asyncio.sleep(TICK_S)
            self._arrived.clear()
            self._outlet.arrived(self._intake.since)
            self._book.read(self._intake.take())
            self._outlet.arrived(None)

    async def _report(self) -> None:
        while True:
            report = self._watch.report(
                self._book,
                link_of=self._links.link_of,
                repairs=self._repairs.minutes,
                pending=len(self._batcher),
                work=work_report(self._intake, self._book, self._batcher, self._outlet, self._links),
            )
            await _within(_SEND_S, report_write(self._redis, self.id, report))
            await asyncio.sleep(_REPORT_S)

    def _deliver(self, message: bytes) -> bool:
        return self._intake.put(message, time.monotonic())

    def _expects_data(self, symbols: Collection[str], quiet_s: float) -> bool:
        """Silence is a fault where the symbols' newest minutes, which REST brings if the stream does not, had too many
        trades for it. A symbol whose end is announced trades no more from then on."""
        now = self._clock.now()
        trades = [
            None if (minutes := self._book.get(name)) is None else minutes.trades
            for name in symbols
            if (symbol := self._assigned.get(name)) is not None and now < symbol.life.end
        ]
        return is_unlikely(trades, quiet_s * self._settings.speed)

    def _renew(self, name: str) -> None:
        """REST has brought a minute with trades: if the stream was silent meanwhile, subscribe anew."""
        age_s = self._watch.age_s(name)
        again_at, wait_s = self._renewals.get(name, (0.0, _RENEW_S))
        link = self._links.link_of(name)
        if age_s < _RENEW_S:
            self._renewals.pop(name, None)
        elif link is not None and time.monotonic() >= again_at:
            logger.warning("%s trades, but its stream has been silent for %.0f s: subscribing anew", name, age_s)
            self._renewals[name] = (
                time.monotonic() + wait_s / self._settings.speed,
                min(2 * wait_s, _RENEW_LONGEST_S),
            )
            link.renew(name)


async def _again_and_again(name: str, part: Callable[[], Awaitable[None]]) -> None:
    """Nothing ends a part for good but its own return and the collector's end."""
    while True:
        try:
            await part()
            return
        except Exception:
            # The end of a task: what was live goes on to be, and a part that stumbles again says so again.
            logger.exception("the collector's %s stumbled and starts again", name)
            await asyncio.sleep(_AGAIN_S)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def _within(seconds: float, work: Awaitable[bool | None]) -> bool:
    """Whether the work was done in time and without an error, which is logged; False also for its own False."""
    try:
        async with asyncio.timeout(seconds):
            return await work is not False
    except Exception as error:  # noqa: BLE001  (whatever it is, the next step must be taken)
        logger.info("not done: %s %s", type(error).__name__, error)
        return False


async def collect(settings: CollectorSettings, stopping: asyncio.Event) -> bool:
    """Collect until `stopping` is set, starting anew whenever the operator wishes; False if a thread still hangs in
    the database at the end."""
    while True:
        collector = Collector(settings)
        if not await collector.run(stopping):
            return collector.is_closed
        logger.info("starting anew, as wished")
