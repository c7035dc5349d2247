"""One connection to the exchange's k-line stream, from its handshake to its end.

What the exchange acknowledges proves nothing: it acknowledges unknown streams, and its old address acknowledged
everything and sent no data. A connection counts as delivering once a candle has come.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Final, Protocol, Self
from urllib.parse import quote

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from feeds.binance.routes import Route, StreamRoutes
from market.cancelling import cancel

logger = logging.getLogger(__name__)

# Names in one request, and in the address: 200 are known to be accepted.
NAMES_A_REQUEST: Final = 200
# The exchange closes connections that send more than 10 messages a second, pongs included.
REQUEST_GAP_S: Final = 0.3
SUFFIX: Final = "@kline_1m"

_MAX_MESSAGE_BYTES: Final = 1 << 20
_OPEN_S: Final = 10.0
_CLOSE_S: Final = 1.0
_PING_EVERY_S: Final = 20.0
_PONG_WITHIN_S: Final = 30.0
_MOST_DOUBLINGS: Final = 5
_SHUTDOWN_EVENT: Final = "serverShutdown"


@dataclass(frozen=True, slots=True)
class StreamTiming:
    """Seconds of real time.

    `silence_s`: without any candle for so long, a connection on which something should trade is given up; without a
    first one, after a time that doubles with each connection that brought none.
    `rotate_s`: a connection is replaced at this age, up to 5 % sooner; the exchange cuts it at 24 h.
    `backoff_first_s`, `backoff_longest_s`: see `connecting.Backoff`.
    """

    silence_s: float = 30.0
    rotate_s: float = 23 * 3_600.0
    backoff_first_s: float = 0.5
    backoff_longest_s: float = 60.0

    def at_speed(self, speed: float) -> Self:
        """The same for an exchange whose clock runs `speed` times as fast (a double in a test)."""
        return replace(
            self,
            silence_s=self.silence_s / speed,
            rotate_s=self.rotate_s / speed,
            backoff_first_s=self.backoff_first_s / speed,
            backoff_longest_s=self.backoff_longest_s / speed,
        )


class StreamEnded(Exception):
    """A connection is over; the text says why."""


class Wanted(Protocol):
    """What a connection is to carry, and what becomes of its messages. Read at any time; never waits."""

    symbols: Collection[str]

    def deliver(self, message: bytes) -> bool:
        """Take a message; whether it was a candle of the stream."""

    def expects_data(self, quiet_s: float) -> bool:
        """Whether silence of so many seconds is a fault: whether these symbols trade too often for it to be chance."""


def stream_name(symbol: str) -> str:
    """BTCUSDT -> btcusdt@kline_1m. Upper-case names are acknowledged and stay silent; only ASCII has case here."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in symbol) + SUFFIX


class Connection:
    """Keeps one socket's subscriptions equal to what is wanted, and hands on what comes.

    The reader only hands bytes on: parsing, storing and sending happen elsewhere, so a slow database never makes the
    exchange's send buffer overflow.
    """

    def __init__(
        self,
        base_url: str,
        wanted: Wanted,
        timing: StreamTiming,
        *,
        routes: StreamRoutes,
        clock: Callable[[], float],
        failures: int = 0,
    ) -> None:
        """`clock` is the event loop's time; `failures` says how many connections before this one failed in a row."""
        self._base_url = base_url
        self._wanted = wanted
        self._timing = timing
        self._routes = routes
        self._clock = clock
        self._first_within_s = timing.silence_s * 2 ** min(failures, _MOST_DOUBLINGS)
        self._subscribed: set[str] = set()
        self._stale: set[str] = set()
        self._changed = asyncio.Event()
        self._numbers = count(1)
        self._heard_at = clock()
        self.opened = asyncio.Event()  # the handshake is over
        self.delivering = asyncio.Event()  # a candle has come
        self.leaving = asyncio.Event()  # the exchange has announced that it will close
        self.way = ""  # the way out that was taken, as logs may name it
        self._worked: Callable[[], None] = lambda: None

    def wish_changed(self) -> None:
        """The wanted symbols are others than before."""
        self._changed.set()

    def renew(self, symbol: str) -> None:
        """Subscribe to a symbol anew: it should trade and nothing comes."""
        if symbol in self._subscribed:
            self._stale.add(symbol)
            self._changed.set()

    async def run(self) -> None:
        """Until the connection ends; never returns. Raises StreamEnded, or what the handshake raised."""
        with self._routes.take() as taken:
            self.way, self._worked = taken.route.key, taken.worked
            await self._run(taken.route)

    async def _run(self, route: Route) -> None:
        first = sorted(self._wanted.symbols)[:NAMES_A_REQUEST]
        names = "/".join(quote(stream_name(symbol), safe="@") for symbol in first)
        async with asyncio.timeout(_OPEN_S):
            way = await route.options(self._base_url)
        async with connect(
            f"{self._base_url}/stream?streams={names}",
            **way,
            compression=None,
            max_size=_MAX_MESSAGE_BYTES,
            open_timeout=_OPEN_S,
            close_timeout=_CLOSE_S,
            ping_interval=_PING_EVERY_S,
            ping_timeout=_PONG_WITHIN_S,
        ) as socket:
            self._subscribed = set(first)
            self._heard_at = self._clock()
            self.opened.set()
            tasks = [
                asyncio.create_task(self._read(socket), name="stream reader"),
                asyncio.create_task(self._subscribe(socket), name="stream subscriber"),
                asyncio.create_task(self._watch(), name="stream watchdog"),
            ]
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            except ConnectionClosed as closed:
                raise StreamEnded(f"closed by the exchange: {closed}") from closed
            finally:
                await cancel(tasks)

    async def _read(self, socket: ClientConnection) -> None:
        deliver = self._wanted.deliver
        while True:
            message = await socket.recv(decode=False)
            if deliver(message):
                self._heard_at = self._clock()
                if not self.delivering.is_set():
                    self.delivering.set()
                    self._worked()
            else:
                self._notice(message)

    def _notice(self, message: bytes) -> None:
        """Anything but a candle: an acknowledgement, an error, an announcement, rubbish."""
        try:
            event = orjson.loads(message)
        except orjson.JSONDecodeError:
            logger.warning("the stream sent what is not JSON: %r", message[:200])
            return
        if isinstance(event, dict) and isinstance(event.get("data"), dict):
            event = event["data"]
        if not isinstance(event, dict) or "result" in event:
            return
        if event.get("e") == _SHUTDOWN_EVENT:
            logger.info("the stream's server announces that it shuts down")
            self.leaving.set()
        elif "error" in event:
            logger.warning("the stream refused a request: %s", event["error"])

    async def _subscribe(self, socket: ClientConnection) -> None:
        while True:
            self._changed.clear()
            wanted = set(self._wanted.symbols)
            gone = (self._subscribed - wanted) | (self._stale & self._subscribed)
            self._stale.clear()
            await self._request(socket, "UNSUBSCRIBE", gone)
            self._subscribed -= gone
            new = wanted - self._subscribed
            await self._request(socket, "SUBSCRIBE", new)
            self._subscribed |= new
            if not self._changed.is_set():
                await self._changed.wait()

    async def _request(self, socket: ClientConnection, method: str, symbols: Iterable[str]) -> None:
        for names in _slices(sorted(map(stream_name, symbols))):
            await socket.send(orjson.dumps({"method": method, "params": names, "id": next(self._numbers)}).decode())
            await asyncio.sleep(REQUEST_GAP_S)

    async def _watch(self) -> None:
        """Ends the connection when it has been silent although something should trade."""
        while True:
            quiet_s = self._clock() - self._heard_at
            limit_s = self._timing.silence_s if self.delivering.is_set() else self._first_within_s
            if quiet_s >= limit_s and self._wanted.expects_data(quiet_s):
                raise StreamEnded(f"no candle for {quiet_s:.1f} s although symbols trade")
            await asyncio.sleep(self._timing.silence_s / 10)


def _slices(names: Sequence[str]) -> Iterable[list[str]]:
    for first in range(0, len(names), NAMES_A_REQUEST):
        yield list(names[first : first + NAMES_A_REQUEST])
