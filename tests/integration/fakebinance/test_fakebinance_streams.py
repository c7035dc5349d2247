"""The market streams over real sockets, without faults."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from aiohttp import web
from websockets.exceptions import InvalidMessage, InvalidStatus

from feeds.fakebinance.config import ExchangeConfig
from feeds.fakebinance.connection_log import ConnectionRecord
from feeds.fakebinance.feed import Feed
from feeds.fakebinance.frames import PING
from feeds.fakebinance.server import FakeExchange
from feeds.fakebinance.streams import StreamLimits
from market.domain.window import DAY_MS, MINUTE_MS
from tests.integration.fakebinance.conftest import NOW, SYMBOLS
from tests.integration.fakebinance.listener import Listener, as_printed, finals
from tests.support.eventually import eventually

BTC, LTC, LIFE = "btcusdt@kline_1m", "ltcusdt@kline_1m", "币安人生usdt@kline_1m"
# A minute in two seconds.
SPEED = 30.0


@pytest.fixture
def live(zip_cache: Path) -> Iterator[FakeExchange]:
    with FakeExchange.running(symbols=SYMBOLS, start_ms=NOW, speed=SPEED, cache_dir=zip_cache) as running:
        yield running


def at_least(count: int, symbol: str | None = None) -> Callable[[list[dict[str, Any]]], bool]:
    """A condition for `Listener.bars`: so many closed frames."""
    return lambda bars: len(finals(bars, symbol)) >= count


def handshake(path: str) -> bytes:
    """A client's first words, for sockets that no library reads."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def newest_rows(exchange: FakeExchange, symbol: str, limit: int) -> list[list[Any]]:
    query: dict[str, str | int] = {"symbol": symbol, "interval": "1m", "limit": limit}
    rows: list[list[Any]] = httpx.get(f"{exchange.url}/fapi/v1/klines", params=query, trust_env=False).json()
    return rows


async def test_closed_frames_equal_the_truth(live: FakeExchange) -> None:
    async with Listener.at(f"{live.ws_url}/stream?streams={BTC}/{LTC}/{LIFE}") as listener:
        bars = await listener.bars(until=at_least(9))
    for bar in finals(bars):
        expected = as_printed(live, bar["s"], bar["t"])
        assert {key: bar[key] for key in expected} == expected


async def test_every_minute_of_a_sped_up_market_is_closed_once_and_in_order(live: FakeExchange) -> None:
    async with Listener.at(f"{live.ws_url}/stream?streams={BTC}") as listener:
        times = [bar["t"] for bar in finals(await listener.bars(until=at_least(5)))]
    assert times == list(range(times[0], times[0] + 5 * MINUTE_MS, MINUTE_MS))


async def test_values_of_forming_frames_only_grow(live: FakeExchange) -> None:
    async with Listener.at(f"{live.ws_url}/stream?streams={BTC}") as listener:
        bars = await listener.bars(until=at_least(2))
    for before, after in itertools.pairwise(bars):
        if before["t"] == after["t"]:
            assert before["n"] <= after["n"]
            assert float(before["v"]) <= float(after["v"])
            assert float(before["h"]) <= float(after["h"])
            assert float(before["l"]) >= float(after["l"])


async def test_a_closed_frame_comes_up_to_two_seconds_of_market_time_late(live: FakeExchange) -> None:
    live.clock.set_speed(4)
    async with Listener.at(f"{live.ws_url}/stream?streams={BTC}/{LTC}/{LIFE}") as listener:
        live.clock.advance(25_000)
        bars = await listener.bars(until=at_least(3))
    late = [bar["E"] - bar["T"] - 1 for bar in finals(bars)]
    assert min(late) >= 200
    # A wake of the double comes up to a slot late, and four times faster so.
    assert max(late) <= 2_300


async def test_a_forming_frame_agrees_with_rest_at_the_same_instant(exchange: FakeExchange) -> None:
    async with Listener.at(f"{exchange.ws_url}/ws/{BTC}") as listener:
        exchange.clock.advance(5_000)
        (bar,) = await listener.bars(until=lambda bars: len(bars) == 1)
    # The clock is frozen: what was true for the frame is true now.
    (row,) = await asyncio.to_thread(newest_rows, exchange, "BTCUSDT", 1)
    assert [bar[key] for key in ("t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q")] == row[:11]


async def test_a_raw_stream_has_no_wrapper(live: FakeExchange) -> None:
    async with Listener.at(f"{live.ws_url}/ws/{BTC}/{LTC}") as listener:
        event = await listener.find(lambda message: True)
    assert event["e"] == "kline"


async def test_a_combined_stream_names_the_stream(live: FakeExchange) -> None:
    async with Listener.at(f"{live.ws_url}/stream?streams={LIFE}") as listener:
        message = await listener.find(lambda message: True)
    assert list(message) == ["stream", "data"]
    assert message["stream"] == LIFE


async def test_the_wrapper_is_switched_on_the_fly_and_answers_are_never_wrapped(live: FakeExchange) -> None:
    async with Listener.at(f"{live.ws_url}/stream?streams={BTC}") as listener:
        assert await listener.ask("SET_PROPERTY", "combined", False) == {"result": None, "id": 1}
        assert (await listener.find(lambda message: True))["e"] == "kline"


@pytest.mark.parametrize("path", ["/stream", "/ws", "/public/stream", "/private/ws"])
async def test_other_paths_acknowledge_answer_pings_and_send_nothing(live: FakeExchange, path: str) -> None:
    address = live.ws_url.removesuffix("/market") + path
    async with Listener.at(address) as listener:
        assert await listener.ask("SUBSCRIBE", BTC) == {"result": None, "id": 1}
        async with asyncio.timeout(5):
            await (await listener.socket.ping())
        assert await listener.is_quiet(seconds=1.0)


async def test_streams_in_the_url_of_the_legacy_path_are_as_silent(live: FakeExchange) -> None:
    async with Listener.at(f"{live.ws_url.removesuffix('/market')}/stream?streams={BTC}") as listener:
        assert (await listener.ask("LIST_SUBSCRIPTIONS"))["result"] == [BTC]
        assert await listener.is_quiet(seconds=1.0)


@pytest.mark.parametrize("name", ["BTCUSDT@kline_1m", "nothingusdt@kline_1m", "btcusdt@kline_5m"])
async def test_a_stream_that_does_not_exist_is_acknowledged_and_silent(live: FakeExchange, name: str) -> None:
    async with Listener.at(f"{live.ws_url}/stream") as listener:
        assert await listener.ask("SUBSCRIBE", name) == {"result": None, "id": 1}
        assert await listener.is_quiet(seconds=1.0)


async def test_streams_are_added_and_taken_away_on_the_fly(live: FakeExchange) -> None:
    async with Listener.at(f"{live.ws_url}/stream") as listener:
        await listener.ask("SUBSCRIBE", BTC, LTC)
        bars = await listener.bars(until=lambda bars: {bar["s"] for bar in bars} == {"BTCUSDT", "LTCUSDT"})
        assert bars
        await listener.ask("UNSUBSCRIBE", BTC)
        bars = await listener.bars(until=lambda bars: len(bars) >= 10)
    assert {bar["s"] for bar in bars} == {"LTCUSDT"}


async def test_each_connection_gets_only_what_it_asked_for(live: FakeExchange) -> None:
    async with (
        Listener.at(f"{live.ws_url}/stream?streams={BTC}") as one,
        Listener.at(f"{live.ws_url}/ws/{BTC}/{LTC}") as other,
    ):
        ours, theirs = await asyncio.gather(one.bars(until=at_least(2)), other.bars(until=at_least(2, "LTCUSDT")))
    assert {bar["s"] for bar in ours} == {"BTCUSDT"}
    assert {bar["s"] for bar in theirs} == {"BTCUSDT", "LTCUSDT"}


async def test_the_1025th_stream_ends_the_connection_with_1008(live: FakeExchange) -> None:
    async with Listener.at(f"{live.ws_url}/stream") as listener:
        for start in range(0, 1_024, 256):
            await listener.ask("SUBSCRIBE", *(f"s{number}usdt@kline_1m" for number in range(start, start + 256)))
        reply = await listener.ask("SUBSCRIBE", BTC, number=9)
        assert reply == {"error": {"code": 4, "msg": "Too many subscriptions"}, "id": 9}
        end = await listener.closed()
    assert end.rcvd is not None
    assert (end.rcvd.code, end.rcvd.reason) == (1008, "Invalid request")


async def test_more_than_ten_messages_a_second_end_the_connection_with_1008(live: FakeExchange) -> None:
    async with Listener.at(f"{live.ws_url}/stream") as listener:
        for number in range(40):
            await listener.socket.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
        end = await listener.closed()
    assert end.rcvd is not None
    assert (end.rcvd.code, end.rcvd.reason) == (1008, "Too many requests")


async def test_text_that_is_no_json_ends_the_connection(live: FakeExchange) -> None:
    async with Listener.at(f"{live.ws_url}/stream") as listener:
        await listener.socket.send("{")
        end = await listener.closed()
    assert end.rcvd is not None
    assert (end.rcvd.code, end.rcvd.reason) == (3001, "illegal request")


async def test_the_exchange_pings_every_three_minutes_and_notes_the_pongs(live: FakeExchange) -> None:
    async with Listener.at(f"{live.ws_url}/stream?streams={BTC}") as listener:
        await listener.bars(until=bool)
        (record,) = live.connections.open_now()
        live.clock.advance(180_000)
        # Only a client that goes on reading answers pings.
        await listener.bars(until=lambda _bars: record.pongs >= 1)


async def test_a_client_without_a_pong_for_ten_minutes_is_cut(live: FakeExchange) -> None:
    host, port = live.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    with contextlib.closing(writer):
        writer.write(handshake("/market/stream"))
        await reader.readuntil(b"\r\n\r\n")
        live.clock.advance(180_000)
        async with asyncio.timeout(5):
            assert await reader.readexactly(2) == bytes((0x80 | PING, 13))
        # This client does not answer.
        live.clock.advance(660_000)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            async with asyncio.timeout(10):
                await reader.readexactly(1 << 20)
    (record,) = live.connections.records()
    assert (record.close_code, record.close_reason) == (1006, "no pong")


async def test_a_connection_ends_after_a_day(live: FakeExchange) -> None:
    async with Listener.at(f"{live.ws_url}/stream?streams={BTC}") as listener:
        live.clock.advance(DAY_MS)
        end = await listener.closed()
    assert end.rcvd is not None
    assert end.rcvd.code == 1001


async def test_a_client_that_does_not_read_is_cut_and_the_others_are_not(zip_cache: Path) -> None:
    limits = StreamLimits(send_queue_bytes=20_000)
    with FakeExchange.running(
        symbols=SYMBOLS, start_ms=NOW, speed=SPEED, cache_dir=zip_cache, busy=True, streams=limits
    ) as live:
        path = f"/stream?streams={BTC}/{LTC}"
        host, port = live.url.removeprefix("http://").split(":")
        async with Listener.at(f"{live.ws_url}{path}") as listener:
            with _lazy_client(host, int(port), f"/market{path}"):
                await listener.bars(until=lambda _bars: bool(ended(live)), wait=60)
            (record,) = ended(live)
            assert await listener.bars(until=at_least(1))
    assert (record.close_code, record.close_reason) == (1006, "reads too slowly")


def ended(live: FakeExchange) -> list[ConnectionRecord]:
    return live.connections.records(lambda record: not record.is_open)


def _lazy_client(host: str, port: int, path: str) -> socket.socket:
    """A socket with a small window that shakes hands and never reads."""
    lazy = socket.socket()
    lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    lazy.connect((host, port))
    lazy.sendall(handshake(path))
    return lazy


def test_a_request_without_an_upgrade_is_refused(live: FakeExchange) -> None:
    assert httpx.get(f"{live.url}/market/stream", trust_env=False).status_code == 400


async def test_a_path_that_is_no_stream_is_not_found(live: FakeExchange) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        async with Listener.at(f"{live.ws_url}/nothing"):
            pass
    assert refusal.value.response.status_code == 404


async def test_the_log_proves_who_connected_and_what_was_subscribed_once(live: FakeExchange) -> None:
    async with Listener.at(f"{live.ws_url}/stream") as listener:
        await listener.ask("SUBSCRIBE", BTC)
        bars = await listener.bars(until=at_least(1))
        (record,) = live.connections.open_now()
        assert record.times_subscribed(BTC) == 1
        assert record.streams == (BTC,)
    eventually(lambda: not live.connections.open_now())
    assert (record.close_code, record.closed_by_exchange) == (1000, False)
    assert record.frames >= len(bars)
    assert live.requests.count("ws.handshake") == 1
    last = live.connections.last_final("BTCUSDT")
    assert last is not None
    assert last >= finals(bars)[-1]["t"]


async def test_a_frozen_clock_sends_nothing_and_the_stream_goes_on_with_it(exchange: FakeExchange) -> None:
    async with Listener.at(f"{exchange.ws_url}/stream?streams={BTC}") as listener:
        assert await listener.is_quiet(seconds=0.5)
        exchange.clock.set_speed(SPEED)
        assert await listener.bars(until=at_least(1))


async def test_a_symbol_settles_while_others_go_on(live: FakeExchange) -> None:
    async with Listener.at(f"{live.ws_url}/stream?streams={BTC}/{LTC}") as listener:
        await listener.bars(until=at_least(1, "BTCUSDT"))
        settled_ms = live.settle("BTCUSDT")
        bars = await listener.bars(until=at_least(3, "LTCUSDT"))
    last = settled_ms // MINUTE_MS * MINUTE_MS
    assert max(bar["t"] for bar in bars if bar["s"] == "BTCUSDT") == last
    async with httpx.AsyncClient(base_url=live.url, trust_env=False) as client:
        listed = {entry["symbol"]: entry for entry in (await client.get("/fapi/v1/exchangeInfo")).json()["symbols"]}
    rows = await asyncio.to_thread(newest_rows, live, "BTCUSDT", 5)
    assert (listed["BTCUSDT"]["status"], listed["BTCUSDT"]["deliveryDate"]) == ("SETTLING", settled_ms)
    assert listed["LTCUSDT"]["status"] == "TRADING"
    assert rows[-1][0] == last


def test_a_symbol_cannot_settle_in_the_past(live: FakeExchange) -> None:
    with pytest.raises(ValueError, match="from now"):
        live.settle("BTCUSDT", NOW - MINUTE_MS)


async def test_a_busy_market_feeds_hundreds_of_symbols_cheaply(zip_cache: Path) -> None:
    """600 symbols at four frames a second, in this process, which also reads them: half a core is for both."""
    symbols = tuple(f"S{number}USDT" for number in range(600))
    names = [f"s{number}usdt@kline_1m" for number in range(600)]
    with FakeExchange.running(symbols=symbols, start_ms=NOW, busy=True, cache_dir=zip_cache) as live:
        async with Listener.at(f"{live.ws_url}/stream") as listener:
            for start in range(0, 600, 200):
                await listener.ask("SUBSCRIBE", *names[start : start + 200])
            await listener.bars(until=lambda bars: len({bar["s"] for bar in bars}) == 600)
            process = psutil.Process()
            (record,) = live.connections.open_now()
            frames, busy = record.frames, sum(process.cpu_times()[:2])
            await listener.bars(until=lambda _bars: record.frames >= frames + 7_200, wait=60)
            frames, busy = record.frames - frames, sum(process.cpu_times()[:2]) - busy
    # 2,400 a second on a machine of its own; a crowded one thins them out. What one costs depends on that little.
    assert busy / frames < 0.5 / 2_400


async def test_forming_frames_are_thinned_to_a_bound_and_closed_ones_are_not(zip_cache: Path) -> None:
    limits = StreamLimits(frames_per_second=5)
    with FakeExchange.running(symbols=SYMBOLS, start_ms=NOW, speed=SPEED, cache_dir=zip_cache, streams=limits) as live:
        async with Listener.at(f"{live.ws_url}/stream?streams={BTC}/{LTC}") as listener:
            began = time.monotonic()
            bars = await listener.bars(until=at_least(6))
            seconds = time.monotonic() - began
    forming = [bar for bar in bars if not bar["x"]]
    assert 1 <= len(forming) <= 5 * seconds + 5
    assert {bar["s"] for bar in forming} == {"BTCUSDT", "LTCUSDT"}
    times = [bar["t"] for bar in finals(bars, "BTCUSDT")]
    assert times == list(range(times[0], times[-1] + 1, MINUTE_MS))


def test_what_breaks_the_streams_is_raised_where_the_double_was_started(
    zip_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_feed: Feed, _now: int) -> None:
        raise RuntimeError("the tape is torn")

    monkeypatch.setattr(Feed, "advance", broken)
    settings = ExchangeConfig(symbols=SYMBOLS, start_ms=NOW, cache_dir=zip_cache)
    with pytest.raises(RuntimeError, match="torn"), FakeExchange.running(settings) as live:
        eventually(lambda: not _is_serving(live))


def _is_serving(live: FakeExchange) -> bool:
    try:
        return httpx.get(f"{live.url}/fapi/v1/ping", trust_env=False).is_success
    except httpx.TransportError:
        return False


async def test_a_client_that_leaves_during_the_handshake_leaves_no_stack_trace(
    live: FakeExchange, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    prepared = web.WebSocketResponse._pre_start

    def leave(response: web.WebSocketResponse, request: web.BaseRequest) -> Any:
        """The transport closes between the handshake's check and its answer."""
        result = prepared(response, request)
        assert request.transport is not None
        request.transport.abort()
        return result

    monkeypatch.setattr(web.WebSocketResponse, "_pre_start", leave)
    with pytest.raises(InvalidMessage):
        async with Listener.at(f"{live.ws_url}/stream?streams={BTC}"):
            pass
    eventually(lambda: [record.close_code for record in live.connections.records()] == [1006])
    assert not [record.message for record in caplog.records if record.levelname == "ERROR"]
