"""The stream through real proxies: with credentials, past dead ones, and on when one goes down."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from feeds.binance.connecting import ConnectBudget
from feeds.binance.connection import StreamTiming
from feeds.binance.proxies import ProxySettings
from feeds.binance.routes import StreamRoutes
from feeds.binance.stream import StreamLink
from feeds.fakebinance.server import FakeExchange
from tests.support.eventually import eventually_here
from tests.support.forward_proxy import PASSWORD, USER, forward_proxy, kill_whole, neighbours, socks_proxy

FAST = StreamTiming(backoff_first_s=0.02, backoff_longest_s=0.1)


@pytest.fixture(scope="module")
def live() -> Iterator[FakeExchange]:
    with FakeExchange.running(symbols=("BTCUSDT",), speed=20.0) as running:
        yield running


@pytest.fixture
def two_ports() -> Iterator[int]:
    """This port and the next are free and ours."""
    with contextlib.ExitStack() as held:
        sockets = neighbours(held, 2)
        port: int = sockets[0].getsockname()[1]
        for bound in sockets:
            bound.close()
        yield port


def settings_of(port: int, *, ports: int = 2, password: str = PASSWORD, protocol: str = "http") -> ProxySettings:
    return ProxySettings("127.0.0.1", port, port + ports - 1, protocol, username=USER, password=password)


class Streaming:
    """One link for BTCUSDT and what it brings."""

    def __init__(self, exchange: FakeExchange, settings: ProxySettings | None) -> None:
        self.candles = 0
        self.routes = StreamRoutes(settings)
        self.link = StreamLink(
            exchange.ws_url,
            deliver=self._take,
            expects_data=lambda _symbols, _quiet_s: False,
            budget=ConnectBudget(burst=1_000),
            routes=self.routes,
            timing=FAST,
        )
        self.link.carry({"BTCUSDT"})

    def _take(self, message: bytes) -> bool:
        is_candle = b'"k":' in message
        self.candles += is_candle
        return is_candle

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.link.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, condition: Callable[[], bool]) -> None:
        await eventually_here(condition, within=20)

    async def more_candles(self) -> None:
        before = self.candles
        await self.until(lambda: self.candles > before)


async def test_candles_come_through_a_proxy_that_wants_credentials(
    live: FakeExchange, two_ports: int, tmp_path: Path
) -> None:
    with forward_proxy(tmp_path / "log", two_ports):
        streaming = Streaming(live, settings_of(two_ports, ports=1))
        async with streaming.running():
            await streaming.more_candles()
            assert streaming.link.connects == 1


async def test_a_port_that_is_down_is_left_for_the_next(live: FakeExchange, two_ports: int, tmp_path: Path) -> None:
    with forward_proxy(tmp_path / "log", two_ports + 1):
        streaming = Streaming(live, settings_of(two_ports))
        async with streaming.running():
            await streaming.more_candles()
            assert streaming.link.connects == 2


async def test_when_the_proxy_goes_down_the_stream_goes_on_through_another(
    live: FakeExchange, two_ports: int, tmp_path: Path
) -> None:
    with forward_proxy(tmp_path / "one", two_ports) as one, forward_proxy(tmp_path / "other", two_ports + 1):
        streaming = Streaming(live, settings_of(two_ports))
        async with streaming.running():
            await streaming.more_candles()
            kill_whole(one)
            await streaming.until(lambda: streaming.link.connects >= 2)
            await streaming.more_candles()


async def test_credentials_that_are_refused_are_in_no_log(
    live: FakeExchange, two_ports: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with forward_proxy(tmp_path / "log", two_ports):
        streaming = Streaming(live, settings_of(two_ports, password="wr0ng-pa55"))
        async with streaming.running():
            await streaming.until(lambda: streaming.link.connects >= 3)
    assert "proxy rejected connection: HTTP 407" in caplog.text
    assert f"127.0.0.1:{two_ports}" in caplog.text
    assert "wr0ng" not in caplog.text
    assert USER not in caplog.text
    assert streaming.candles == 0


@pytest.mark.parametrize("wants_credentials", [True, False])
async def test_candles_come_through_a_socks_proxy(live: FakeExchange, wants_credentials: bool) -> None:
    known = (USER, PASSWORD) if wants_credentials else ("", "")
    async with socks_proxy(*known) as port:
        settings = ProxySettings("127.0.0.1", port, port, "socks5", username=known[0], password=known[1])
        streaming = Streaming(live, settings)
        async with streaming.running():
            await streaming.more_candles()
            assert streaming.link.connects == 1


@pytest.mark.parametrize(("known", "reason"), [(("", ""), "other credentials"), ((USER, "other"), "refuses the cred")])
async def test_a_socks_proxy_that_does_not_let_us_in_is_said_without_credentials(
    live: FakeExchange, caplog: pytest.LogCaptureFixture, known: tuple[str, str], reason: str
) -> None:
    async with socks_proxy(*known) as port:
        streaming = Streaming(live, settings_of(port, ports=1, protocol="socks5"))
        async with streaming.running():
            await streaming.until(lambda: reason in caplog.text)
    assert PASSWORD not in caplog.text
    assert USER not in caplog.text


async def test_what_is_no_socks_proxy_is_said(live: FakeExchange, caplog: pytest.LogCaptureFixture) -> None:
    port = int(live.url.rsplit(":", 1)[1])
    streaming = Streaming(live, settings_of(port, ports=1, protocol="socks5"))
    async with streaming.running():
        await streaming.until(lambda: "SOCKS5 proxy" in caplog.text)
    assert streaming.candles == 0
