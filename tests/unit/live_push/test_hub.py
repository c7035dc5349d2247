"""What one message, or what the keeper has found, becomes for the sockets that watch."""

from __future__ import annotations

import asyncio
import json

import pytest

from market.domain.candle import Candle
from market.domain.interval import Interval
from market.live.hub import Feed, Hub
from market.live.minutes import PATIENCE
from market.live.socket import Socket
from tests.support.candles import ms, random_frame
from tests.unit.live_push.rows import rows_of

# The first of five minutes that make a bar.
START = ms("2024-03-05T09:10")
ROWS = rows_of(random_frame(3, START, 20))


@pytest.fixture
async def socket() -> Socket:
    """It watches minutes and bars of five, of a symbol whose first five minutes are known."""
    hub = Hub()
    socket = Socket(hub)
    hub.feed("BTCUSDT").minutes.start(ROWS[:5], 0.0)
    for interval in (Interval.M1, Interval.M5):
        series = hub.series("BTCUSDT", interval)
        series.sockets.add(socket)
        series.is_ready = True
    return socket


def feed_of(socket: Socket) -> Feed:
    return socket.hub.feed("BTCUSDT")


async def bars(socket: Socket) -> list[tuple[str, int, bool]]:
    """Interval, the place in ROWS of the first minute, and whether it is closed, of each bar that waits."""
    frames = [json.loads(await socket.outbox.take())["data"] for _ in range(len(socket.outbox))]
    times = [row[0] for row in ROWS]
    return [(frame["interval"], times.index(frame["timestamp"]), frame["is_closed"]) for frame in frames]


async def closed_bars(socket: Socket) -> list[tuple[str, int]]:
    """The same where all of them are closed."""
    waiting = await bars(socket)
    assert all(is_closed for _, _, is_closed in waiting)
    return [(interval, place) for interval, place, _ in waiting]


async def test_a_bar_closes_behind_its_last_minute(socket: Socket) -> None:
    for minute in ROWS[5:11]:
        socket.hub.take_closed(feed_of(socket), minute, 0.0)
    assert await closed_bars(socket) == [("1m", 5), ("1m", 6), ("1m", 7), ("1m", 8), ("1m", 9), ("5m", 5), ("1m", 10)]


async def test_a_minute_that_comes_after_it_was_given_up_closes_no_longer_bar(socket: Socket) -> None:
    """The bar that it belongs to was sent without it, and another one is forming."""
    hub, feed = socket.hub, feed_of(socket)
    for minute in (ROWS[5], *ROWS[7:11]):
        hub.take_closed(feed, minute, 0.0)
    hub.release(feed, feed.minutes.give_up(PATIENCE))
    assert await closed_bars(socket) == [("1m", 5), ("1m", 7), ("1m", 8), ("1m", 9), ("5m", 5), ("1m", 10)]
    hub.take_closed(feed, ROWS[6], PATIENCE)
    assert await closed_bars(socket) == [("1m", 6)]
    for minute in ROWS[11:15]:
        hub.take_closed(feed, minute, PATIENCE)
    assert (await closed_bars(socket))[-1] == ("5m", 10)


async def test_a_late_minute_leaves_the_bars_that_form(socket: Socket) -> None:
    hub, feed = socket.hub, feed_of(socket)
    for minute in (ROWS[5], *ROWS[7:11]):
        hub.take_closed(feed, minute, 0.0)
    hub.release(feed, feed.minutes.give_up(PATIENCE))
    await bars(socket)
    hub.take([Candle("BTCUSDT", ROWS[11][0], 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1, is_closed=False)])
    hub.take_closed(feed, ROWS[6], PATIENCE)
    assert await bars(socket) == [("1m", 6, True), ("1m", 11, False), ("5m", 10, False)]


@pytest.mark.parametrize("steps", range(6))
async def test_it_stops_at_whatever_moment_it_is_told_to(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Also in the instant in which the keeper's wait is over."""
    hub = Hub()

    async def nothing() -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(hub, "_listen", asyncio.Event().wait)
    monkeypatch.setattr(hub.keeper, "_round", nothing)
    hub.start()
    await asyncio.sleep(0.01)
    hub.keeper.nudge()
    for _ in range(steps):
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await hub.stop()
    assert not hub.is_running


async def test_a_task_that_swallows_its_first_cancellation_is_cancelled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As libraries do that wait by `asyncio.wait_for` of Python 3.11."""
    hub = Hub()

    async def listen() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()

    monkeypatch.setattr(hub, "_listen", listen)
    hub.start()
    await asyncio.sleep(0.01)
    async with asyncio.timeout(5):
        await hub.stop()
