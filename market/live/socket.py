"""One client: what it has subscribed to, and what it says."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from django.db import Error as DatabaseError

from market.live.catchup import CatchUp
from market.live.figures import FIGURES
from market.live.outbox import Outbox
from market.live.protocol import (
    MAX_SYMBOLS,
    PONG,
    Mistake,
    Ping,
    Subscribe,
    Unsubscribe,
    parse,
    subscribed_frame,
)
from market.live.series import Series

if TYPE_CHECKING:
    from market.live.hub import Hub

logger = logging.getLogger(__name__)

# A client that takes nothing for so long (seconds) is behind for good.
STALLED_AFTER: Final = 30.0
# How many names an error quotes.
_NAMES_QUOTED: Final = 10


class Socket:
    """Filled by the hub through its outbox. `is_behind` is done once the client has to be given up."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.outbox = Outbox()
        # Series whose bars up to an open time the client has already, by its own word.
        self.seen: dict[Series, int] = {}
        self.is_behind: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.catch_up = CatchUp(hub, self)
        self._series: dict[str, dict[Any, Series]] = {}
        self._sending_since: float | None = None

    def subscriptions(self) -> Iterator[Series]:
        for by_interval in self._series.values():
            yield from by_interval.values()

    def has_seen(self, series: Series, time: int) -> bool:
        """Whether the client said that it has the closed bar that opens at `time`."""
        if not self.seen:
            return False
        return time <= self.seen.get(series, -1)

    def check(self, now: float) -> None:
        """Notice a client that stays behind."""
        stalled = self._sending_since is not None and now - self._sending_since > STALLED_AFTER
        if (stalled or self.outbox.is_over) and not self.is_behind.done():
            self.is_behind.set_result(None)

    async def write(self, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        """Send what the outbox has, for ever."""
        take, clock = self.outbox.take, time.monotonic
        while True:
            frame = await take()
            self._sending_since = clock()
            await send({"type": "websocket.send", "text": frame})
            self._sending_since = None
            FIGURES.sent += 1

    async def read(self, receive: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        """Carry out what the client says, until it leaves."""
        while True:
            event = await receive()
            if event["type"] == "websocket.disconnect":
                return
            try:
                await self.hear(event.get("text"))
            except Mistake as mistake:
                self.outbox.answer(mistake.frame)
            await self.outbox.room_for_answers()

    async def hear(self, text: str | None) -> None:
        """Carry out one message. Raises Mistake."""
        match parse(text):
            case Ping():
                self.outbox.answer(PONG)
            case Subscribe() as wish:
                await self._subscribe(wish)
            case Unsubscribe() as wish:
                await self._unsubscribe(wish)

    async def _subscribe(self, wish: Subscribe) -> None:
        known = await self._known(wish.symbols)
        symbols = tuple(symbol for symbol in wish.symbols if symbol in known)
        if len(self._series.keys() | known) > MAX_SYMBOLS:
            raise Mistake("too_many_symbols", f"symbols: at most {MAX_SYMBOLS} are served on one socket")
        if symbols and wish.wants_answer:
            self.outbox.answer(subscribed_frame(symbols, wish))
        if symbols:
            self.hub.unsubscribed.discard(self)
        named = [self.hub.series(symbol, interval) for symbol in symbols for interval in wish.intervals or (None,)]
        if wish.since is not None:
            self.outbox.forget(named)
        for series in named:
            self._add(series, wish.since)
        self._complain(wish.symbols, known)

    def _add(self, series: Series, since: int | None) -> None:
        self._series.setdefault(series.feed.symbol, {})[series.interval] = series
        is_new = self not in series.users
        series.users.add(self)
        if since is not None:
            series.sockets.discard(self)
            self.seen.pop(series, None)
            self.catch_up.want(series, since)
        elif is_new:
            series.sockets.add(self)

    async def _unsubscribe(self, wish: Unsubscribe) -> None:
        gone: list[Series] = []
        for symbol in wish.symbols:
            held = self._series.get(symbol, {})
            intervals = list(held) if wish.intervals is None else wish.intervals
            gone += [series for interval in intervals if (series := held.pop(interval, None)) is not None]
            if not held:
                self._series.pop(symbol, None)
        self.outbox.forget(gone)
        for series in gone:
            self._remove(series)
        if not self._series:
            # As if it had never subscribed: everything.
            self.hub.unsubscribed.add(self)
        self._complain(wish.symbols, await self._known(wish.symbols))

    def _remove(self, series: Series) -> None:
        self.catch_up.forget(series)
        self.seen.pop(series, None)
        self.hub.drop(series, self)

    async def _known(self, symbols: tuple[str, ...]) -> set[str]:
        try:
            return await self.hub.keeper.known(symbols)
        except DatabaseError:
            raise Mistake(
                "unavailable", "the database does not answer, so the names cannot be checked; try again in a moment"
            ) from None

    def _complain(self, symbols: tuple[str, ...], known: set[str]) -> None:
        unknown = [symbol for symbol in symbols if symbol not in known]
        if unknown:
            quoted = ", ".join(unknown[:_NAMES_QUOTED])
            more = f" and {len(unknown) - _NAMES_QUOTED} more" if len(unknown) > _NAMES_QUOTED else ""
            raise Mistake("unknown_symbol", f"symbols: not known: {quoted}{more}")
