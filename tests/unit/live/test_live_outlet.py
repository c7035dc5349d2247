"""What is news goes out in order, and waits within bounds while Redis is away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import ConnectionError as RedisAway

from feeds.live import outlet as outlet_module
from feeds.live.outlet import Outlet
from market.domain.candle import Candle
from market.domain.window import MINUTE_MS


def candle(symbol: str, minute: int, n: int, *, closed: bool = False) -> Candle:
    return Candle(symbol, minute * MINUTE_MS, 1, 1, 1, 1, 1, 1, 0, 0, n, closed)


class Tails:
    """The commands that tails need."""

    def __init__(self) -> None:
        self.is_away = False
        self.entries: dict[str, bytes] = {}

    async def hset(self, _key: str, mapping: dict[str, bytes]) -> None:
        self._check()
        self.entries |= mapping

    async def hdel(self, _key: str, *names: str) -> None:
        self._check()
        for name in names:
            self.entries.pop(name, None)

    def _check(self) -> None:
        if self.is_away:
            raise RedisAway("away")


class Bench:
    def __init__(self) -> None:
        self.redis = Tails()
        self.sent: list[Candle] = []
        self.live = {"A", "B"}
        redis: Any = self.redis
        self.outlet = Outlet(redis, lambda name: [candle(name, 1, 1)], lambda: self.live, send=self._send)

    async def _send(self, candles: Sequence[Candle]) -> None:
        self.sent += candles


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_the_newest_forming_candle_of_a_symbol_goes_out_alone(bench: Bench) -> None:
    for n in range(5):
        bench.outlet.put(candle("A", 1, n))
    assert await bench.outlet.flush()
    assert [entry.trade_count for entry in bench.sent] == [4]


async def test_a_closed_candle_goes_before_the_next_minute_and_silences_its_own(bench: Bench) -> None:
    bench.outlet.put(candle("A", 1, 1))
    bench.outlet.put(candle("A", 1, 2, closed=True))
    bench.outlet.put(candle("A", 2, 1))
    assert await bench.outlet.flush()
    assert [(entry.time // MINUTE_MS, entry.is_closed) for entry in bench.sent] == [(1, True), (2, False)]


async def test_while_redis_is_away_closed_candles_wait(bench: Bench) -> None:
    bench.redis.is_away = True
    bench.outlet.put(candle("A", 1, 2))
    assert not await bench.outlet.flush()
    bench.outlet.put(candle("A", 1, 3, closed=True))
    bench.outlet.put(candle("A", 2, 1))
    bench.outlet.put(candle("A", 2, 4, closed=True))
    assert not await bench.outlet.flush()
    bench.redis.is_away = False
    assert await bench.outlet.flush()
    assert [(entry.time // MINUTE_MS, entry.is_closed) for entry in bench.sent] == [(1, True), (2, True)]


async def test_when_redis_is_back_the_tails_of_all_are_written(bench: Bench) -> None:
    bench.redis.is_away = True
    bench.outlet.put(candle("A", 1, 2))
    assert not await bench.outlet.flush()
    bench.redis.is_away = False
    assert await bench.outlet.flush()
    assert set(bench.redis.entries) == {"A", "B"}


async def test_what_waits_is_bounded_and_the_newest_stay(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlet_module, "MOST_CLOSED", 3)
    bench = Bench()
    bench.redis.is_away = True
    for minute in range(6):
        bench.outlet.put(candle("A", minute, 1, closed=True))
        assert not await bench.outlet.flush()
    bench.redis.is_away = False
    assert await bench.outlet.flush()
    assert [entry.time // MINUTE_MS for entry in bench.sent] == [3, 4, 5]


async def test_a_forgotten_symbol_loses_its_tail(bench: Bench) -> None:
    bench.outlet.put(candle("A", 1, 1))
    assert await bench.outlet.flush()
    bench.outlet.put(candle("A", 1, 2))
    bench.outlet.forget(["A"])
    assert await bench.outlet.flush()
    assert "A" not in bench.redis.entries
    assert [entry.trade_count for entry in bench.sent] == [1]


@given(
    steps=st.lists(
        st.one_of(st.tuples(st.sampled_from("AB"), st.booleans()), st.sampled_from(["flush", "away", "back"])),
        max_size=40,
    )
)
async def test_in_whatever_weather_each_closed_candle_goes_out_once_and_in_order(
    steps: list[tuple[str, bool] | str],
) -> None:
    bench = Bench()
    minutes = {"A": 1, "B": 1}
    put: list[Candle] = []
    for step in steps:
        if isinstance(step, tuple):
            symbol, is_closed = step
            entry = candle(symbol, minutes[symbol], len(put), closed=is_closed)
            minutes[symbol] += is_closed
            put.append(entry)
            bench.outlet.put(entry)
        elif step == "flush":
            await bench.outlet.flush()
        else:
            bench.redis.is_away = step == "away"
    bench.redis.is_away = False
    assert await bench.outlet.flush()
    for symbol in "AB":
        sent = [entry for entry in bench.sent if entry.symbol == symbol]
        closed = [entry for entry in put if entry.symbol == symbol and entry.is_closed]
        assert [entry for entry in sent if entry.is_closed] == closed
        assert [entry.time for entry in sent] == sorted(entry.time for entry in sent)
        assert [entry.trade_count for entry in sent] == sorted(entry.trade_count for entry in sent)


async def test_a_symbol_that_comes_back_at_once_keeps_its_tail(bench: Bench) -> None:
    bench.outlet.forget(["A"])
    bench.outlet.put(candle("A", 1, 1))
    assert await bench.outlet.flush()
    assert "A" in bench.redis.entries


async def test_a_symbol_that_comes_back_while_redis_is_away_keeps_its_tail(bench: Bench) -> None:
    bench.redis.is_away = True
    bench.live = {"B"}
    bench.outlet.forget(["A"])
    assert not await bench.outlet.flush()
    bench.live = {"A", "B"}
    assert not await bench.outlet.flush()
    bench.redis.is_away = False
    assert await bench.outlet.flush()
    assert "A" in bench.redis.entries


async def test_what_was_being_sent_when_the_collector_ends_is_sent_by_its_last_flush(bench: Bench) -> None:
    asked = asyncio.Event()
    send = bench.outlet._send

    async def hang(_candles: Sequence[Candle]) -> None:
        asked.set()
        await asyncio.Event().wait()

    bench.outlet._send = hang
    bench.outlet.put(candle("A", 1, 1, closed=True))
    running = asyncio.create_task(bench.outlet.run())
    await asked.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    bench.outlet._send = send
    assert await bench.outlet.flush()
    assert [entry.time for entry in bench.sent] == [MINUTE_MS]
