"""Clients of /ws that lose their connection, come back, and write down every closed bar that they were sent."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

Series = tuple[str, str | None]
"""(symbol, interval); None for the minutes of the first protocol, whose frames name no interval."""

_AGAIN_S: Final = 0.2
_LOOK_S: Final = 0.25


class Follower:
    """Follows series from a point in time on, whatever becomes of the connection.

    After each reconnect it asks for what follows the last closed bar that it has of each series. A socket that has
    subscribed to nothing is sent everybody's minutes, so frames of a series count from its `subscribed` frame on.
    """

    def __init__(
        self,
        name: str,
        port: int,
        symbols: Sequence[str],
        intervals: Sequence[str | None],
        *,
        since: Callable[[str | None], int],
        leaves_every_s: float | None = None,
    ) -> None:
        """`since` tells for an interval after which open time bars are wanted. With `leaves_every_s` the client breaks
        its connection off by itself, at random times that are so far apart on average."""
        self.name = name
        self.symbols, self.intervals = tuple(symbols), tuple(intervals)
        self.closed: dict[Series, list[dict[str, Any]]] = defaultdict(list)
        self.mistakes: list[str] = []
        self.connects = 0
        self._port = port
        self._last = {(symbol, interval): since(interval) for symbol in symbols for interval in intervals}
        self._leaves_every_s = leaves_every_s
        self._dice = random.Random(name)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(20)
        assert not self._thread.is_alive(), f"the client {self.name} does not end"

    def times(self, series: Series) -> list[int]:
        """The open times of a series' closed bars, as they came."""
        return [bar["timestamp"] for bar in list(self.closed[series])]

    def _run(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(OSError, WebSocketException), self._connect() as link:
                self.connects += 1
                self._follow(link)
            self._stopping.wait(_AGAIN_S)

    def _connect(self) -> ClientConnection:
        return connect(f"ws://127.0.0.1:{self._port}/ws", compression=None, open_timeout=10)

    def _follow(self, link: ClientConnection) -> None:
        self._subscribe(link)
        accepted: set[Series] = set()
        leave_at = float("inf")
        if self._leaves_every_s is not None:
            leave_at = time.monotonic() + self._dice.uniform(0.2, 1.8) * self._leaves_every_s
        while not self._stopping.is_set():
            if time.monotonic() >= leave_at:
                link.socket.shutdown(socket.SHUT_RDWR)
                return
            try:
                frame = json.loads(link.recv(timeout=_LOOK_S))
            except TimeoutError:
                continue
            data = frame["data"]
            match frame["type"]:
                case "subscribed":
                    wished = data.get("intervals", [None])
                    accepted.update((symbol, interval) for symbol in data["symbols"] for interval in wished)
                case "kline":
                    series = data["symbol"], data.get("interval")
                    if series in accepted:
                        self._take(series, data)
                case "error" if data["code"] == "unavailable":
                    return  # The database is away: later.
                case _:
                    self.mistakes.append(f"unexpected: {frame}")

    def _take(self, series: Series, bar: dict[str, Any]) -> None:
        if bar["is_closed"]:
            self.closed[series].append(bar)
            self._last[series] = max(self._last[series], bar["timestamp"])
        elif self.closed[series] and bar["timestamp"] <= self.closed[series][-1]["timestamp"]:
            self.mistakes.append(f"{series}: a forming bar of {bar['timestamp']} after it was closed")

    def _subscribe(self, link: ClientConnection) -> None:
        """One message for all series that continue from the same bar of the same interval."""
        together: dict[tuple[str | None, int], list[str]] = defaultdict(list)
        for (symbol, interval), last in self._last.items():
            together[interval, last].append(symbol)
        for (interval, last), symbols in together.items():
            data: dict[str, Any] = {"symbols": symbols, "since": last}
            if interval is not None:
                data["intervals"] = [interval]
            link.send(json.dumps({"type": "subscribe", "data": data}))


@contextlib.contextmanager
def stopping(followers: Sequence[Follower]) -> Iterator[None]:
    """Stop them at the end of the block, however it ends."""
    try:
        yield
    finally:
        for follower in followers:
            follower.stop()
