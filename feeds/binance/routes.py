"""Which way out each connection of the stream takes.

A pool of ways out (`proxies.ProxyPool`) lends each to one request at a time. Connections of the stream last for a day
and may be more than there are proxies, so they share: each takes the proxy with the fewest of them.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from feeds.binance.proxies import DIRECT, ProxySettings, rest_s
from feeds.binance.socks import open_socks5

_PORTS: Final = {"ws": 80, "wss": 443}


class Route:
    """One way out. `key` names it in logs: "direct" or "host:port"."""

    def __init__(self, key: str, settings: ProxySettings | None = None, port: int = 0) -> None:
        self.key = key
        self.connections = 0
        self.failures = 0
        self.rests_until = 0.0
        self.taken = 0  # the count of all takings at its last one
        self._settings = settings
        self._port = port

    def __repr__(self) -> str:
        return f"Route({self.key!r})"

    async def options(self, address: str) -> dict[str, Any]:
        """What `websockets.connect` needs to reach the address (ws:// or wss://) on this way. Raises OSError.

        Environment variables such as HTTPS_PROXY never add a proxy behind the settings' back.
        """
        if self._settings is None:
            return {"proxy": None}
        if self._settings.protocol != "socks5":
            return {"proxy": self._settings.address(self._port)}
        parts = urlsplit(address)
        target = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        sock = await open_socks5((self._settings.host, self._port), target, self._settings.credentials)
        return {"proxy": None, "sock": sock}


class Taken:
    """A route while a connection has it."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.has_worked = False

    def worked(self) -> None:
        """A candle has come this way."""
        self.has_worked = True
        self.route.failures = 0


class StreamRoutes:
    """The ways out of all streams of a process: one direct one, or a proxy for each port of the settings.

    A way on which a connection ended before any candle came rests, as in the pool: 5 s, then 10 s ... at most 5
    minutes, less some jitter. Whoever connects meanwhile takes another; if all rest, the one that rests the shortest,
    for waiting is the link's own business. The direct way never rests.
    """

    def __init__(
        self,
        settings: ProxySettings | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`clock` in seconds, `jitter` draws from [0, 1)."""
        self._clock = clock
        self._jitter = jitter
        self._takings = 0
        if settings is None:
            self._routes = [Route(DIRECT)]
        else:
            self._routes = [Route(f"{settings.host}:{port}", settings, port) for port in settings.ports()]

    @contextmanager
    def take(self) -> Iterator[Taken]:
        """The best way for one connection, until the block ends.

        An exception that leaves the block before `worked` was called blames the way; the block's cancellation does not.
        """
        route = min(self._routes, key=self._rank)
        self._takings += 1
        route.taken = self._takings
        route.connections += 1
        taken = Taken(route)
        try:
            yield taken
        except Exception:
            # Whatever it was, it came before a candle did: the way may be to blame, and another one is tried next.
            if not taken.has_worked:
                route.failures += 1
                route.rests_until = self._clock() + rest_s(route.failures, self._jitter())
            raise
        finally:
            route.connections -= 1

    def _rank(self, route: Route) -> tuple[float, int, int]:
        """Rested ones first, then those with few connections, then those that were not taken for long."""
        return max(0.0, route.rests_until - self._clock()), route.connections, route.taken
