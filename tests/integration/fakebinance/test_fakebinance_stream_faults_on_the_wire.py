"""What the scripted faults of streams look like to a client."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError, InvalidMessage, InvalidStatus

from feeds.fakebinance.server import FakeExchange
from market.domain.window import MINUTE_MS
from tests.integration.fakebinance.conftest import NOW, SYMBOLS
from tests.integration.fakebinance.listener import Listener, as_printed, finals
from tests.support.eventually import eventually

BTC, LTC = "btcusdt@kline_1m", "ltcusdt@kline_1m"
SPEED = 30.0


@pytest.fixture
def live(zip_cache: Path) -> Iterator[FakeExchange]:
    with FakeExchange.running(symbols=SYMBOLS, start_ms=NOW, speed=SPEED, cache_dir=zip_cache) as running:
        yield running


def stream(live: FakeExchange, *names: str) -> str:
    return f"{live.ws_url}/stream?streams={'/'.join(names)}"


async def heard(live: FakeExchange, minutes: int, *names: str) -> list[dict[str, Any]]:
    """All bars up to the given number of closed frames of LTCUSDT."""
    async with Listener.at(stream(live, LTC, *names)) as listener:
        return await listener.bars(until=lambda bars: len(finals(bars, "LTCUSDT")) >= minutes, wait=20)


def times(bars: list[dict[str, Any]]) -> list[int]:
    return [bar["t"] for bar in bars]


@pytest.mark.parametrize(
    ("name", "status"), [("forbidden", 403), ("rate_limited", 429), ("server_error", 503), ("geo_blocked", 451)]
)
async def test_a_handshake_is_refused_as_often_as_asked(live: FakeExchange, name: str, status: int) -> None:
    live.faults.add(name, match={"kind": "ws.handshake"}, times=1)
    with pytest.raises(InvalidStatus) as refusal:
        async with Listener.at(stream(live, BTC)):
            pass
    assert refusal.value.response.status_code == status
    async with Listener.at(stream(live, BTC)) as listener:
        assert await listener.find(lambda message: True)
    assert [entry.status for entry in live.requests.entries()] == [status, 101]


async def test_a_handshake_is_reset(live: FakeExchange) -> None:
    live.faults.add("reset", match={"kind": "ws.handshake"})
    with pytest.raises((InvalidMessage, ConnectionError)):
        async with Listener.at(stream(live, BTC)):
            pass


async def test_a_handshake_is_late(live: FakeExchange) -> None:
    live.faults.add("stall", match={"kind": "ws.handshake"}, params={"seconds": 3})
    with pytest.raises(TimeoutError):
        async with Listener.at(stream(live, BTC), open_timeout=0.5):
            pass


async def test_a_connection_falls_silent_but_answers_and_speaks_again(live: FakeExchange) -> None:
    async with Listener.at(stream(live, BTC)) as listener:
        await listener.find(lambda message: "data" in message)
        rule = live.faults.add("silence")
        assert await listener.ask("LIST_SUBSCRIPTIONS") == {"result": [BTC], "id": 1}
        async with asyncio.timeout(5):
            await (await listener.socket.ping())
        assert await listener.is_quiet(seconds=1.0)
        live.faults.remove(rule.id)
        assert await listener.find(lambda message: "data" in message)


async def test_a_connection_falls_silent_altogether(live: FakeExchange) -> None:
    live.faults.add("silence", params={"answers": False})
    async with Listener.at(stream(live, BTC)) as listener:
        eventually(lambda: live.faults.hits(live.faults.rules()[0].id))
        await listener.socket.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": 1}))
        await listener.socket.ping()
        assert await listener.is_quiet(seconds=1.0)
        (record,) = live.connections.open_now()
        assert record.frames == 0


async def test_only_the_connection_that_a_rule_names_falls_silent(live: FakeExchange) -> None:
    live.faults.add("silence", match={"connection": "1"})
    async with Listener.at(stream(live, BTC)) as first, Listener.at(stream(live, BTC)) as second:
        assert await second.find(lambda message: "data" in message)
        assert await first.is_quiet(seconds=0.5)


async def test_a_stream_is_acknowledged_and_silent_while_others_go_on(live: FakeExchange) -> None:
    live.faults.add("mute", match={"symbol": "BTCUSDT"})
    async with Listener.at(f"{live.ws_url}/stream") as listener:
        assert await listener.ask("SUBSCRIBE", BTC, LTC) == {"result": None, "id": 1}
        bars = await listener.bars(until=lambda bars: len(finals(bars, "LTCUSDT")) >= 2)
    assert {bar["s"] for bar in bars} == {"LTCUSDT"}


async def test_a_closed_frame_is_dropped_on_all_connections(live: FakeExchange) -> None:
    live.faults.add("final_dropped", match={"symbol": "BTCUSDT"}, times=1)
    both = await asyncio.gather(heard(live, 3, BTC), heard(live, 3, BTC))
    for bars in both:
        closed = finals(bars, "BTCUSDT")
        shown = {bar["t"] for bar in bars if bar["s"] == "BTCUSDT"}
        assert len(shown - set(times(closed))) >= 1
        assert NOW // MINUTE_MS * MINUTE_MS in shown - set(times(closed))


async def test_a_closed_frame_is_half_a_minute_late(live: FakeExchange) -> None:
    live.faults.add("final_late", match={"symbol": "BTCUSDT"}, times=1)
    bars = [bar for bar in await heard(live, 3, BTC) if bar["s"] == "BTCUSDT"]
    (late,) = [bar for bar in finals(bars) if bar["t"] == NOW // MINUTE_MS * MINUTE_MS]
    assert late["E"] - late["T"] > 30_000
    assert bars[bars.index(late) - 1]["t"] == late["t"] + MINUTE_MS
    expected = as_printed(live, "BTCUSDT", late["t"])
    assert {key: late[key] for key in expected} == expected


async def test_a_closed_frame_comes_three_times(live: FakeExchange) -> None:
    live.faults.add("final_repeated", match={"symbol": "BTCUSDT"}, params={"count": 2}, times=1)
    closed = times(finals(await heard(live, 3, BTC), "BTCUSDT"))
    assert closed[:4] == [closed[0]] * 3 + [closed[0] + MINUTE_MS]


async def test_a_forming_frame_follows_the_closed_one(live: FakeExchange) -> None:
    live.faults.add("partial_after_final", match={"symbol": "BTCUSDT"}, times=1)
    bars = [bar for bar in await heard(live, 3, BTC) if bar["s"] == "BTCUSDT"]
    closed = next(index for index, bar in enumerate(bars) if bar["x"])
    after = bars[closed + 1]
    assert (after["t"], after["x"]) == (bars[closed]["t"], False)
    assert after["n"] < bars[closed]["n"]
    assert after["E"] < bars[closed]["E"]


async def test_a_frame_of_the_older_minute_comes_among_the_newers(live: FakeExchange) -> None:
    live.faults.add("out_of_order", match={"symbol": "BTCUSDT"}, times=1)
    opened = times([bar for bar in await heard(live, 3, BTC) if bar["s"] == "BTCUSDT"])
    assert any(after < before for before, after in itertools.pairwise(opened))


@pytest.mark.parametrize(("params", "code"), [({}, 1001), ({"code": 1012, "reason": "restart"}, 1012)])
async def test_a_connection_is_closed_with_a_code(live: FakeExchange, params: dict[str, Any], code: int) -> None:
    live.faults.add("close", params=params, times=1)
    async with Listener.at(stream(live, BTC)) as listener:
        end = await listener.closed()
    assert end.rcvd is not None
    assert (end.rcvd.code, end.rcvd.reason) == (code, params.get("reason", ""))


async def test_a_connection_is_reset_and_the_next_one_lives(live: FakeExchange) -> None:
    live.faults.add("abort", times=1)
    async with Listener.at(stream(live, BTC)) as listener:
        end = await listener.closed()
    assert isinstance(end, ConnectionClosedError)
    assert end.rcvd is None
    assert await heard(live, 1)
    assert [record.close_code for record in live.connections.records()] == [1006, 1000]


async def test_a_connection_is_reset_some_market_time_later(live: FakeExchange) -> None:
    live.faults.add("abort", params={"after_ms": 60_000})
    async with Listener.at(stream(live, BTC)) as listener:
        await listener.closed()
    (record,) = live.connections.records()
    assert record.closed_ms is not None
    assert record.closed_ms - record.opened_ms >= 60_000


async def test_the_exchange_says_that_it_shuts_down_and_closes(live: FakeExchange) -> None:
    live.faults.add("server_shutdown", times=1)
    async with Listener.at(stream(live, BTC)) as listener:
        event = await listener.find(lambda message: message.get("e") == "serverShutdown")
        assert isinstance(event["E"], int)
        assert await listener.find(lambda message: "data" in message)
        end = await listener.closed()
    assert end.rcvd is not None
    assert end.rcvd.code == 1001


async def test_garbage_comes_between_good_frames(live: FakeExchange) -> None:
    live.faults.add("garbage")
    texts: list[str] = []
    blobs: list[bytes] = []
    events: list[str] = []
    async with Listener.at(stream(live, BTC)) as listener, asyncio.timeout(10):
        while len(events) < 5:
            message = await listener.socket.recv()
            if isinstance(message, bytes):
                blobs.append(message)
            elif message.startswith('{"stream":"btcusdt@kline_1m"') and '"o"' in message:
                events.append(message)
            else:
                texts.append(message)
    assert blobs == [b"\x00\x01\xfe\xff"]
    assert len(texts) == 7


async def test_garbage_of_ones_own(live: FakeExchange) -> None:
    live.faults.add("garbage", params={"text": "what?", "binary": True})
    async with Listener.at(stream(live, BTC)) as listener, asyncio.timeout(10):
        while (message := await listener.socket.recv()) != b"what?":
            assert isinstance(message, str)


async def test_rest_is_reset_while_the_stream_goes_on(live: FakeExchange) -> None:
    live.faults.add("reset", match={"kind": "rest.*"})
    async with httpx.AsyncClient(base_url=live.url, trust_env=False) as client:
        with pytest.raises(httpx.TransportError):
            await client.get("/fapi/v1/time")
    assert await heard(live, 1)


async def test_connections_are_cut_by_hand(live: FakeExchange) -> None:
    async with Listener.at(stream(live, BTC)) as one, Listener.at(stream(live, LTC)) as other:
        live.disconnect(1, 1012)
        end = await one.closed()
        assert await other.find(lambda message: "data" in message)
        live.disconnect()
        assert (await other.closed()).rcvd is None
    assert end.rcvd is not None
    assert end.rcvd.code == 1012


async def test_connections_and_settling_are_controlled_over_http(live: FakeExchange) -> None:
    async with (
        httpx.AsyncClient(base_url=live.url, trust_env=False) as client,
        Listener.at(stream(live, BTC)) as listener,
    ):
        await listener.bars(until=lambda bars: len(finals(bars)) >= 1)
        log = (await client.get("/control/connections")).json()
        assert log["connections"][0]["asked"][0]["names"] == [BTC]
        assert log["last_finals"]["BTCUSDT"] >= NOW // MINUTE_MS * MINUTE_MS
        reply = await client.post("/control/settle", json={"symbol": "LTCUSDT"})
        assert reply.json()["at"] == live.truth.market.listings["LTCUSDT"].delivery_ms
        await client.post("/control/disconnect", json={"code": 1012})
        await listener.closed()
        await client.delete("/control/connections")
        assert (await client.get("/control/connections")).json() == {"connections": [], "last_finals": {}}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("disconnect", {"code": 99}),
        ("disconnect", {"connection": "first"}),
        ("disconnect", {"who": 1}),
        ("settle", {"symbol": "NOPEUSDT"}),
        ("settle", {"symbol": "BTCUSDT", "at": 1}),
        ("settle", {"symbol": "BTCUSDT", "at": "now"}),
        ("settle", {}),
    ],
)
def test_a_control_request_that_cannot_be_is_refused(
    exchange: FakeExchange, client: httpx.Client, path: str, body: dict[str, Any]
) -> None:
    reply = client.post(f"/control/{path}", json=body)
    assert reply.status_code == 400
    assert reply.json()["error"]
