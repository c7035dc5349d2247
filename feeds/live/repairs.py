"""The guarantee that each minute of each live symbol is confirmed: what the stream has not closed in time is fetched by
REST, minutes without a trade included (the stream says nothing of them)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from feeds.binance.errors import ExchangeError
from feeds.exchange import open_exchange
from feeds.live.book import Book
from feeds.live.clock import ExchangeClock
from feeds.live.minutes import REACH_MS, SymbolMinutes
from market.domain.frame import CandleFrame
from market.domain.window import MINUTE_MS, SECOND_MS, TimeWindow

logger = logging.getLogger(__name__)

# Requests at once; the pacer spaces them, the ways out limit them further.
_AT_ONCE: Final = 4
# Then gaps are sorted anew: a new one does not wait for a long list of old ones.
_A_ROUND: Final = 16
_SWEEP_S: Final = 0.5
_CLOCK_EVERY_S: Final = 60.0
# A symbol for which REST had nothing is asked about again after this time, then after twice as long ... (market time)
_FIRST_WAIT_MS: Final = 5 * SECOND_MS
_LONGEST_WAIT_MS: Final = 10 * MINUTE_MS
# A minute that REST passes over while it has later ones does not exist there, once it was asked for so often.
_ASKED_ENOUGH: Final = 3


class Rest(Protocol):
    """As `feeds.binance.rest.RestClient`."""

    async def klines(self, symbol: str, window: TimeWindow) -> CandleFrame: ...

    async def server_time(self) -> int: ...


@asynccontextmanager
async def configured_rest() -> AsyncIterator[Rest | None]:
    """The client that the settings describe; None where only the archive may be asked."""
    async with open_exchange() as exchange:
        yield exchange.rest


@dataclass(slots=True)
class _Case:
    """A symbol with missing minutes: attempts in a row that did not help, how many of them REST has answered, and when
    (exchange's time) to ask again."""

    failures: int = 0
    passed_over: int = 0
    again_at: int = 0
    in_hand: bool = False


class Repairs:
    """Fetches what is missing, the symbols with the newest gaps first. Errors are followed by the next attempt."""

    def __init__(
        self,
        book: Book,
        clock: ExchangeClock,
        *,
        open_rest: Callable[[], AbstractAsyncContextManager[Rest | None]] = configured_rest,
    ) -> None:
        self._book = book
        self._clock = clock
        self._open_rest = open_rest
        self._cases: dict[str, _Case] = {}
        self.minutes: dict[str, int] = {}  # fetched so far, by symbol
        self.on_silent: Callable[[str], None] = lambda _: None

    async def run(self) -> None:
        """Until cancelled. Returns only where there is no REST to ask."""
        for case in self._cases.values():
            case.in_hand = False  # begun in a run that ended before its time
        async with self._open_rest() as rest:
            if rest is None:
                logger.warning("BINANCE_REST_URL is empty: minutes that the stream does not close are left to history")
                return
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_time(rest), name="exchange clock")
                room = asyncio.Semaphore(_AT_ONCE)
                while True:
                    for minutes, window in self._due()[:_A_ROUND]:
                        await room.acquire()
                        if minutes.name in self._book:
                            self._case(minutes.name).in_hand = True
                            task = group.create_task(self._repair(rest, minutes, window), name="repair")
                            task.add_done_callback(lambda _: room.release())
                        else:
                            room.release()
                    await asyncio.sleep(max(0.05, _SWEEP_S / self._clock.speed))

    def forget(self, name: str) -> None:
        self._cases.pop(name, None)
        self.minutes.pop(name, None)

    def _case(self, name: str) -> _Case:
        return self._cases.setdefault(name, _Case())

    def _due(self) -> list[tuple[SymbolMinutes, TimeWindow]]:
        now = self._clock.now()
        due: list[tuple[SymbolMinutes, TimeWindow]] = []
        if not self._clock.is_known:
            return due
        for minutes in self._book:
            minutes.give_up((now - REACH_MS) // MINUTE_MS * MINUTE_MS)
            window = minutes.missing(now)
            case = self._cases.get(minutes.name)
            if window is not None and (case is None or (not case.in_hand and now >= case.again_at)):
                due.append((minutes, window))
        # A short gap ends a moment ago for everybody who looks at the chart; a long one can wait for it.
        return sorted(due, key=lambda entry: entry[1].start, reverse=True)

    async def _repair(self, rest: Rest, minutes: SymbolMinutes, window: TimeWindow) -> None:
        name = minutes.name
        case = self._case(name)
        try:
            frame = await rest.klines(name, window)
        except ExchangeError as error:
            logger.info("%s: minutes from %d are asked for again later: %s", name, window.start, error)
            self._postpone(case)
            return
        except Exception:
            # One symbol's odd answer must not end the repairs of all others.
            logger.exception("%s: minutes from %d are asked for again later", name, window.start)
            self._postpone(case)
            return
        finally:
            case.in_hand = False
        if self._book.get(name) is not minutes:
            return  # dropped meanwhile
        self.minutes[name] = self.minutes.get(name, 0) + self._book.answer(name, frame)
        if len(frame) and int(frame.trade_count[-1]) > 0:
            self.on_silent(name)
        if not minutes.confirmed < window.end:
            case.failures = case.passed_over = 0
            return
        self._postpone(case)
        case.passed_over += 1
        if not len(frame):
            # Nothing was traded that REST would know of: delisted, not yet listed, or halted.
            minutes.trades = 0
        elif case.passed_over >= _ASKED_ENOUGH:
            logger.warning("%s: REST passes over minutes from %d on; left to history", name, minutes.confirmed)
            minutes.give_up(int(frame.time[-1]))

    def _postpone(self, case: _Case) -> None:
        case.again_at = self._clock.now() + min(_LONGEST_WAIT_MS, _FIRST_WAIT_MS * 2 ** min(case.failures, 20))
        case.failures += 1

    async def _keep_time(self, rest: Rest) -> None:
        while True:
            asked = self._clock.elapsed()
            try:
                server_ms = await rest.server_time()
            except ExchangeError as error:
                logger.info("the exchange does not tell its time: %s", error)
                await asyncio.sleep(1.0)
                continue
            self._clock.tell(server_ms, took_ms=self._clock.elapsed() - asked)
            await asyncio.sleep(_CLOCK_EVERY_S)
