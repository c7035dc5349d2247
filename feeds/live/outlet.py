"""To the hubs and into the live tail: everything that is news, in order per symbol, as one message a tick.

Redis may be away. The collector goes on without it; when it is back, the tails are written whole and the closed
minutes of the last moments are sent after all.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

from redis.asyncio import Redis

from market.broadcast import publish
from market.domain.candle import Candle
from market.domain.delays import Delays
from market.tail import tail_forget, tail_write

logger = logging.getLogger(__name__)

# Updates of so long go together: a message to each hub costs more than a candle in it.
TICK_S: Final = 0.025
# Closed candles that wait while Redis is away; hubs read older ones from the database.
MOST_CLOSED: Final = 10_000
_ROWS_A_MESSAGE: Final = 1_000
_ANSWER_S: Final = 2.0
_RETRY_S: Final = 0.5
# Redis may have lost its memory without our noticing: tails of quiet symbols are written anew now and then.
_REFRESH_S: Final = 20.0


class Outlet:
    """Bounded: the newest forming candle of each symbol and `MOST_CLOSED` closed ones."""

    def __init__(
        self,
        redis: Redis,
        tail_of: Callable[[str], Sequence[Candle]],
        symbols: Callable[[], Iterable[str]],
        *,
        send: Callable[[Sequence[Candle]], Awaitable[None]] = publish,
    ) -> None:
        """`tail_of` is what the tail shall hold of a symbol, `symbols` names all that are live."""
        self._redis = redis
        self._tail_of = tail_of
        self._symbols = symbols
        self._send = send
        self._closed: deque[Candle] = deque(maxlen=MOST_CLOSED)
        self._forming: dict[str, Candle] = {}
        self._dirty: set[str] = set()
        self._gone: set[str] = set()
        self._news = asyncio.Event()
        self._is_away = False
        # When the oldest frame that waits here came from the stream (monotonic seconds), and how long those waited.
        self._since: float | None = None
        self._arrived_at: float | None = None
        self.delays = Delays()

    def __len__(self) -> int:
        return len(self._closed) + len(self._forming)

    def arrived(self, at: float | None) -> None:
        """What is put from now on came from the stream at this time or later; None: not from the stream."""
        self._arrived_at = at

    def put(self, candle: Candle) -> None:
        if self._since is None:
            self._since = self._arrived_at
        if candle.is_closed:
            self._closed.append(candle)
            waiting = self._forming.get(candle.symbol)
            if waiting is not None and waiting.time <= candle.time:
                del self._forming[candle.symbol]
        else:
            self._forming[candle.symbol] = candle
        self._dirty.add(candle.symbol)
        self._gone.discard(candle.symbol)
        self._news.set()

    def forget(self, symbols: Iterable[str]) -> None:
        """These are no longer live here: nothing of them is sent any more, their tails are removed."""
        for symbol in symbols:
            self._forming.pop(symbol, None)
            self._dirty.discard(symbol)
            self._gone.add(symbol)
        self._news.set()

    async def run(self) -> None:
        """Send what comes until cancelled."""
        loop = asyncio.get_running_loop()
        refresh_at = loop.time() + _REFRESH_S
        while True:
            try:
                async with asyncio.timeout_at(refresh_at):
                    await self._news.wait()
            except TimeoutError:
                pass
            if loop.time() >= refresh_at:
                refresh_at = loop.time() + _REFRESH_S
                self._dirty.update(self._symbols())
            if not await self.flush():
                await asyncio.sleep(_RETRY_S)

    async def flush(self) -> bool:
        """Send everything that waits; False if Redis did not take it, and then it waits on."""
        self._news.clear()
        closed, forming = list(self._closed), self._forming
        dirty, gone = self._dirty, self._gone
        since, self._since = self._since, None
        self._closed.clear()
        self._forming, self._dirty, self._gone = {}, set(), set()
        try:
            async with asyncio.timeout(_ANSWER_S):
                # The tail first: a hub that hears of a minute may look for those before it there.
                await tail_write(self._redis, {symbol: self._tail_of(symbol) for symbol in dirty})
                await tail_forget(self._redis, sorted(gone))
            candles = [*closed, *forming.values()]
            for first in range(0, len(candles), _ROWS_A_MESSAGE):
                async with asyncio.timeout(_ANSWER_S):
                    await self._send(candles[first : first + _ROWS_A_MESSAGE])
        except BaseException as error:
            self._take_back(closed, forming)
            self._since = since if since is not None else self._since
            self._dirty |= {*dirty, *self._symbols()}
            self._gone |= gone - self._dirty
            self._news.set()
            if not isinstance(error, Exception):
                raise  # cancelled at the collector's end, which flushes once more
            # Whatever ails Redis must not stop the collector.
            if not self._is_away:
                logger.warning("Redis does not take what is live (%s): it is sent later", type(error).__name__)
            self._is_away = True
            return False
        if self._is_away:
            logger.warning("Redis is back")
        self._is_away = False
        if since is not None and candles:
            self.delays.add(time.monotonic() - since)
        return True

    def _take_back(self, closed: list[Candle], forming: dict[str, Candle]) -> None:
        """Put what was not sent before what has come meanwhile."""
        final = {candle.symbol: candle.time for candle in self._closed}
        for symbol, candle in forming.items():
            if candle.time > final.get(symbol, -1):
                self._forming.setdefault(symbol, candle)
        self._closed = deque([*closed, *self._closed], maxlen=MOST_CLOSED)
