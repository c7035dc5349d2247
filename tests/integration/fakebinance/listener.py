"""A client of the double's streams that reads like any client would, with the `websockets` library."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from feeds.fakebinance.bars import decimal_text
from feeds.fakebinance.server import FakeExchange
from market.domain.window import TimeWindow

MINUTE_MS = 60_000


@dataclass
class Listener:
    """One connection. `wait` in its methods is a bound in real seconds, after which the test has failed."""

    socket: ClientConnection

    @classmethod
    @contextlib.asynccontextmanager
    async def at(cls, url: str, **options: Any) -> AsyncIterator[Listener]:
        """Connect to a path of the double; `options` are those of `websockets.connect`."""
        # A test that leaves frames unread would wait for the close handshake behind them.
        options = {"ping_interval": None, "proxy": None, "compression": None, "close_timeout": 0.2, **options}
        async with connect(url, **options) as socket:
            yield cls(socket)

    async def ask(self, method: str, *params: Any, number: int = 1, wait: float = 10.0) -> Any:
        """Send a request; the answer to it, past all events that come in between."""
        await self.socket.send(json.dumps({"method": method, "params": params, "id": number}))
        return await self.find(lambda message: isinstance(message, dict) and message.get("id") == number, wait=wait)

    async def find(self, accepts: Callable[[Any], bool], *, wait: float = 10.0) -> Any:
        """The next message that is accepted; others are passed over."""
        async with asyncio.timeout(wait):
            while True:
                message = json.loads(await self.socket.recv())
                if accepts(message):
                    return message

    async def bars(self, *, until: Callable[[list[dict[str, Any]]], bool], wait: float = 15.0) -> list[dict[str, Any]]:
        """The `k` objects of all events, wrapped or not, until there are enough of them."""
        found: list[dict[str, Any]] = []
        async with asyncio.timeout(wait):
            while not until(found):
                message = json.loads(await self.socket.recv())
                event = message.get("data", message)
                if event.get("e") == "kline":
                    found.append({**event["k"], "E": event["E"]})
        return found

    async def closed(self, *, wait: float = 10.0) -> ConnectionClosed:
        """How the connection ends; what still comes before is passed over."""
        async with asyncio.timeout(wait):
            try:
                while True:
                    await self.socket.recv()
            except ConnectionClosed as end:
                return end

    async def is_quiet(self, *, seconds: float) -> bool:
        """Whether no event comes for so long, in real time."""
        try:
            async with asyncio.timeout(seconds):
                await self.socket.recv()
        except TimeoutError:
            return True
        return False


def finals(bars: list[dict[str, Any]], symbol: str | None = None) -> list[dict[str, Any]]:
    """The closed ones, of one symbol or all."""
    return [bar for bar in bars if bar["x"] and symbol in {None, bar["s"]}]


def as_printed(exchange: FakeExchange, symbol: str, opened: int) -> dict[str, Any]:
    """What a closed frame has to say about a minute, by the truth."""
    bars = exchange.truth.bars(symbol, TimeWindow(opened, opened + MINUTE_MS))
    scale = bars.scale
    return {
        "o": decimal_text(int(bars.open[0]), scale.price),
        "h": decimal_text(int(bars.high[0]), scale.price),
        "l": decimal_text(int(bars.low[0]), scale.price),
        "c": decimal_text(int(bars.close[0]), scale.price),
        "v": decimal_text(int(bars.volume[0]), scale.quantity),
        "q": decimal_text(int(bars.quote_volume[0]), scale.quote),
        "V": decimal_text(int(bars.taker_buy_volume[0]), scale.quantity),
        "Q": decimal_text(int(bars.taker_buy_quote_volume[0]), scale.quote),
        "n": int(bars.trade_count[0]),
    }
