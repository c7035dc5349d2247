"""A link: a set of symbols whose candles keep coming, whatever becomes of the connections underneath."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Coroutine
from typing import Any, Final

from feeds.binance.connecting import Backoff, ConnectBudget
from feeds.binance.connection import Connection, StreamEnded, StreamTiming
from feeds.binance.routes import StreamRoutes
from market.cancelling import cancel

logger = logging.getLogger(__name__)

_ROTATION_JITTER: Final = 0.05
_REAL_TIME: Final = StreamTiming()


class StreamLink:
    """Carries symbols over one connection after the other; at most 1,024, one more costs the connection.

    A connection that ends is followed by the next, after a wait that grows until data comes. One that is to be left
    (its age, the exchange's announcement) is left only once its successor delivers, so that nothing is missed in
    between; what both deliver comes twice, which the receiver has to stand.

    `run` never gives up and raises nothing but its cancellation.
    """

    def __init__(
        self,
        base_url: str,
        *,
        deliver: Callable[[bytes], bool],
        expects_data: Callable[[Collection[str], float], bool],
        budget: ConnectBudget,
        routes: StreamRoutes,
        timing: StreamTiming = _REAL_TIME,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`deliver` takes a message and says whether it was a candle. `expects_data` says whether so many seconds
        of silence of these symbols are a fault. Both are called from the event loop and must not wait."""
        self._base_url = base_url
        self._expects_data = expects_data
        self._budget = budget
        self._routes = routes
        self._timing = timing
        self._jitter = jitter
        self._backoff = Backoff(first_s=timing.backoff_first_s, longest_s=timing.backoff_longest_s, jitter=jitter)
        self._running: dict[Connection, asyncio.Task[None]] = {}
        self.symbols: Collection[str] = frozenset()
        self.deliver = deliver
        self.connects = 0  # successful or not, planned or not

    @property
    def is_delivering(self) -> bool:
        """Connected, in the only sense that counts: a connection is up and candles have come over it."""
        return any(connection.delivering.is_set() for connection in self._running)

    @property
    def reconnects(self) -> int:
        return max(0, self.connects - 1)

    def expects_data(self, quiet_s: float) -> bool:
        return self._expects_data(self.symbols, quiet_s)

    def carry(self, symbols: Collection[str]) -> None:
        """Carry exactly these from now on; the others' subscriptions are not touched."""
        self.symbols = frozenset(symbols)
        for connection in self._running:
            connection.wish_changed()

    def renew(self, symbol: str) -> None:
        """Subscribe to this symbol anew."""
        for connection in self._running:
            connection.renew(symbol)

    async def run(self) -> None:
        """Keep the candles coming until cancelled."""
        current: Connection | None = None
        try:
            while True:
                try:
                    current = await self._next(current)
                except Exception:
                    # Nothing that goes wrong here may end the stream for good.
                    logger.exception("the stream's keeper stumbled")
                    self._backoff.fail()
        finally:
            await self._stop(*self._running)

    async def _next(self, current: Connection | None) -> Connection | None:
        """One round: open a successor; when it delivers, leave the current one and stay until it must be replaced."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(self._backoff.next_s(), self._budget.reserve(loop.time())))
        candidate = Connection(
            self._base_url,
            self,
            self._timing,
            routes=self._routes,
            clock=loop.time,
            failures=self._backoff.failures,
        )
        self.connects += 1
        task = asyncio.create_task(self._carry_out(candidate), name="stream connection")
        self._running[candidate] = task
        await _first_of(task, candidate.opened.wait())
        # A quiet market brings no candle: the old connection is then left after a while without one.
        patience_s = None if current is None else self._timing.silence_s
        await _first_of(task, candidate.delivering.wait(), timeout_s=patience_s)
        if patience_s is not None and not candidate.delivering.is_set() and self.expects_data(patience_s):
            # Accepted, silent, and the market is not: what still delivers is not given away for it.
            await self._stop(candidate)
        if task.done():
            self._backoff.fail()
            return current if current in self._running else None
        if current is not None:
            await self._stop(current)
        age_s = self._timing.rotate_s * (1 - _ROTATION_JITTER * self._jitter())
        await _first_of(task, candidate.leaving.wait(), timeout_s=age_s)
        if candidate.delivering.is_set():
            self._backoff.reset()
        if not task.done():
            return candidate
        # Even after it has worked: others have lost theirs as well, and do not all come back in the same instant.
        self._backoff.fail()
        return None

    async def _carry_out(self, connection: Connection) -> None:
        try:
            await connection.run()
        except StreamEnded as ended:
            logger.warning("stream of %d symbols (%s): %s", len(self.symbols), connection.way, ended)
        except Exception as error:  # noqa: BLE001  (a connection fails in a hundred ways; each is followed by the next)
            name = type(error).__name__
            logger.warning("stream of %d symbols (%s): %s: %s", len(self.symbols), connection.way, name, error)
        finally:
            self._running.pop(connection, None)

    async def _stop(self, *connections: Connection) -> None:
        await cancel([task for connection in connections if (task := self._running.get(connection))])


async def _first_of(
    task: asyncio.Task[None], event: Coroutine[Any, Any, Any], *, timeout_s: float | None = None
) -> None:
    """Wait until the task is done, the event has come or the time is up."""
    waiter = asyncio.create_task(event)
    try:
        await asyncio.wait({task, waiter}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        # Not by waiting for its CancelledError: one of our own in that instant would be taken for it, and lost.
        await cancel([waiter])
