"""What the stream did not close in time comes by REST."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from feeds.binance.errors import Unreachable
from feeds.live.batcher import Closed
from feeds.live.book import Book
from feeds.live.clock import ExchangeClock
from feeds.live.minutes import GRACE_MS, SymbolMinutes
from feeds.live.repairs import Repairs
from market.domain.frame import CandleFrame
from market.domain.source import Source
from market.domain.window import MINUTE_MS, TimeWindow
from tests.support.candles import random_frame
from tests.support.eventually import eventually_here

T0 = 1_774_008_000_000


class Exchange:
    """Answers as REST does, from so many minutes that it has; fails as it is told."""

    def __init__(self, minutes: int) -> None:
        self.has = random_frame(7, T0, minutes) if minutes else CandleFrame.empty()
        self.asked: list[tuple[str, TimeWindow]] = []
        self.now = T0
        self.fails = 0

    async def klines(self, symbol: str, window: TimeWindow) -> CandleFrame:
        self.asked.append((symbol, window))
        if self.fails:
            self.fails -= 1
            raise Unreachable("http://exchange", "no route")
        return self.has.slice(window)

    async def server_time(self) -> int:
        return self.now


class Bench:
    """Repairs of one symbol, at a minute's distance from the first one plus the grace."""

    def __init__(self, exchange: Exchange, now: int) -> None:
        exchange.now = now
        self.exchange = exchange
        self.closed: list[Closed] = []
        # Market time runs fast enough for repetitions to come at once.
        self.clock = ExchangeClock(speed=1_000.0, start_ms=lambda: now)
        self.book = Book(self.clock)
        self.book.on_closed = self.closed.append
        self.minutes = SymbolMinutes(symbol_id=1, name="BTCUSDT", start=T0)
        self.book.add(self.minutes)
        self.repairs = Repairs(self.book, self.clock, open_rest=self._rest)

    @asynccontextmanager
    async def _rest(self) -> AsyncIterator[Exchange]:
        yield self.exchange

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the repairs run until then."""
        task = asyncio.create_task(self.repairs.run())
        try:
            await eventually_here(condition)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def bench() -> Bench:
    return Bench(Exchange(60), T0 + 3 * MINUTE_MS + GRACE_MS)


async def test_missing_minutes_are_asked_for_together_and_come_as_rest(bench: Bench) -> None:
    await bench.until(lambda: len(bench.closed) >= 3)
    assert bench.exchange.asked[0] == ("BTCUSDT", TimeWindow(T0, T0 + 3 * MINUTE_MS))
    assert {entry.source for entry in bench.closed} == {Source.REST}
    times = [entry.candle.time for entry in bench.closed]
    assert times[:3] == [T0, T0 + MINUTE_MS, T0 + 2 * MINUTE_MS]
    assert bench.repairs.minutes["BTCUSDT"] == len(times)


async def test_a_failure_is_followed_by_another_attempt(bench: Bench) -> None:
    bench.exchange.fails = 3
    await bench.until(lambda: len(bench.closed) >= 3)
    assert len(bench.exchange.asked) >= 4


async def test_the_newest_gap_is_filled_first(bench: Bench) -> None:
    bench.book.add(SymbolMinutes(symbol_id=2, name="ETHUSDT", start=T0 + 2 * MINUTE_MS))
    await bench.until(lambda: len(bench.exchange.asked) >= 2)
    assert [name for name, _ in bench.exchange.asked[:2]] == ["ETHUSDT", "BTCUSDT"]


async def test_while_the_exchanges_time_is_not_known_no_minute_is_called_missing(bench: Bench) -> None:
    """This machine's clock may be hours ahead: then nothing of the future is to be asked for."""
    refused = asyncio.Event()

    async def server_time() -> int:
        refused.set()
        raise Unreachable("http://exchange", "no route")

    bench.exchange.server_time = server_time  # type: ignore[method-assign]
    await bench.until(refused.is_set)
    assert not bench.exchange.asked


@pytest.mark.parametrize(("trades", "told"), [(7, ["BTCUSDT"]), (0, [])])
async def test_minutes_that_were_traded_in_show_that_the_stream_was_silent(
    bench: Bench, trades: int, told: list[str]
) -> None:
    heard: list[str] = []
    bench.repairs.on_silent = heard.append
    bench.exchange.has.trade_count[:] = trades
    await bench.until(lambda: len(bench.closed) >= 3)
    assert heard[:1] == told


async def test_a_symbol_of_which_rest_has_nothing_is_quiet_and_asked_for_less_and_less() -> None:
    bench = Bench(Exchange(0), T0 + 3 * MINUTE_MS + GRACE_MS)
    await bench.until(lambda: len(bench.exchange.asked) >= 4)
    assert bench.minutes.trades == 0
    assert not bench.closed


async def test_a_minute_that_rest_passes_over_again_and_again_is_left_to_history(bench: Bench) -> None:
    has = bench.exchange.has
    bench.exchange.has = has.take(has.time != T0 + MINUTE_MS)
    await bench.until(lambda: bench.minutes.confirmed > T0 + MINUTE_MS)
    asked = [window for _, window in bench.exchange.asked if T0 + MINUTE_MS in window]
    assert len(asked) >= 3


async def test_an_event_between_question_and_answer_does_not_spoil_the_exchanges_time() -> None:
    """This machine's clock is hours ahead; the first frame of the stream comes while REST is asked for the time."""
    stage = Bench(Exchange(0), T0)
    stage.clock = ExchangeClock(monotonic=lambda: 0.0, start_ms=lambda: T0 + 200 * MINUTE_MS)
    stage.repairs = Repairs(stage.book, stage.clock, open_rest=stage._rest)
    answered = asyncio.Event()

    async def server_time() -> int:
        stage.clock.hear(T0)
        answered.set()
        return T0

    stage.exchange.server_time = server_time  # type: ignore[method-assign]
    await stage.until(answered.is_set)
    assert stage.clock.now() == T0
