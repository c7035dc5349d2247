"""The ways out to the exchange: directly, or through the ports of a proxy.

A pool belongs to the event loop in which it is first used. Its credentials stay inside the HTTP clients: they are in
no repr, no log line, no error and no counter.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import random
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Protocol, Self
from urllib.parse import quote

import httpx

from feeds.binance.errors import ExchangeError, blames_egress

logger = logging.getLogger(__name__)

MAX_EGRESSES: Final = 100
DIRECT: Final = "direct"

CONNECT_TIMEOUT_S: Final = 10.0
READ_TIMEOUT_S: Final = 30.0
KEEPALIVE_S: Final = 60.0
USER_AGENT: Final = "klineproject"

# A failing way out rests 5 s, then 10 s, 20 s ... at most 5 minutes, each shortened by up to half at random, so that
# the ports of a proxy that has gone down do not all come back at the same instant.
FIRST_REST_S: Final = 5.0
LONGEST_REST_S: Final = 300.0

PROTOCOLS: Final[tuple[str, ...]] = ("http", "https", "socks5")


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """One proxy host whose ports are separate ways out; `port_start` to `port_end` inclusive.

    Of a wider range the first 100 ports are used. ValueError says which setting is wrong, never a credential.
    """

    host: str
    port_start: int
    port_end: int
    protocol: str = "http"
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not self.host or "/" in self.host or "@" in self.host:
            raise ValueError("PROXY_HOST must be a bare host name or address, without scheme, credentials or port")
        if self.protocol not in PROTOCOLS:
            raise ValueError(f"PROXY_PROTOCOL is {self.protocol!r}: one of {', '.join(PROTOCOLS)} is needed")
        if self.protocol == "socks5" and importlib.util.find_spec("socksio") is None:
            raise ValueError("PROXY_PROTOCOL socks5 needs the package socksio: pip install 'httpx[socks]'")
        if not 1 <= self.port_start <= self.port_end <= 65_535:
            raise ValueError(
                f"PROXY_PORT_START ({self.port_start}) and PROXY_PORT_END ({self.port_end}) must be ports, in order"
            )

    def ports(self) -> range:
        return range(self.port_start, min(self.port_end, self.port_start + MAX_EGRESSES - 1) + 1)

    @property
    def credentials(self) -> tuple[str, str] | None:
        """User and password, if the proxy wants any."""
        return (self.username, self.password) if self.username or self.password else None

    def proxy(self, port: int) -> httpx.Proxy:
        """The proxy at one port. The credentials travel beside the URL, not in it."""
        return httpx.Proxy(httpx.URL(scheme=self.protocol, host=self.host, port=port), auth=self.credentials)

    def address(self, port: int) -> str:
        """The proxy at one port as a URL with the credentials in it, for a library that takes nothing else: to be shown
        to nobody."""
        who = "" if self.credentials is None else ":".join(quote(part, safe="") for part in self.credentials) + "@"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.protocol}://{who}{host}:{port}"


def rest_s(failures: int, jitter: float) -> float:
    """How long (seconds) a way out rests that has failed so many times in a row; `jitter` from [0, 1)."""
    longest = min(LONGEST_REST_S, FIRST_REST_S * 2.0 ** (min(failures, 10) - 1))
    return longest * (1 - jitter / 2)


class Egress:
    """One way out. `key` names it in logs, counters and the pacer: "direct" or "host:port"."""

    def __init__(self, key: str, make_client: Callable[[], httpx.AsyncClient]) -> None:
        self.key = key
        self.uses = 0
        self.failures = 0
        self.failures_in_a_row = 0
        self._make_client = make_client
        self._client: httpx.AsyncClient | None = None

    def __repr__(self) -> str:
        return f"Egress({self.key!r})"

    @property
    def client(self) -> httpx.AsyncClient:
        """The HTTP client of this way out, made at first use: most pools never need all of theirs."""
        if self._client is None:
            self._client = self._make_client()
        return self._client

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """Counters for a status page. `uses` and `failures` count slots since the pool was made."""

    egresses: int
    busy: int
    resting: int
    uses: int
    failures: int


class Handle(Protocol):
    def cancel(self) -> None: ...


Later = Callable[[float, Callable[[], None]], Handle]
"""Calls a function after so many seconds, as `loop.call_later` does; injected by tests."""


def _call_later(delay_s: float, callback: Callable[[], None]) -> Handle:
    return asyncio.get_running_loop().call_later(delay_s, callback)


class ProxyPool:
    """Hands out ways out, one user each at a time.

    Without settings there is one, the direct one, so one download runs at a time: the archive is a public service.
    With settings there is one per port. They are handed out in the order in which they came back, so the load spreads
    evenly, and to the waiting in the order in which they came.

    One that fails (`blames_egress`) rests and comes back by itself; while all rest, users wait for the first to
    return. The direct way never rests: there is no other to take, and the retry policies wait anyway.
    """

    def __init__(
        self,
        settings: ProxySettings | None = None,
        *,
        later: Later = _call_later,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`jitter` draws from [0, 1)."""
        self._later = later
        self._jitter = jitter
        self._ssl: ssl.SSLContext | None = None
        self._can_rest = settings is not None
        if settings is None:
            self._egresses = [Egress(DIRECT, lambda: self._client(None))]
        else:
            self._egresses = [self._proxied(settings, port) for port in settings.ports()]
        self._idle: asyncio.Queue[Egress] = asyncio.Queue()
        for egress in self._egresses:
            self._idle.put_nowait(egress)
        self._resting: dict[Egress, Handle] = {}

    def __len__(self) -> int:
        return len(self._egresses)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every client. Slots must not be used afterwards."""
        for handle in self._resting.values():
            handle.cancel()
        self._resting.clear()
        for egress in self._egresses:
            await egress.aclose()

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncIterator[Egress]:
        """A way out for one request or download at a time; waits until one is free.

        An ExchangeError that leaves the block decides whether the way out was at fault.
        """
        egress = await self._idle.get()
        egress.uses += 1
        try:
            yield egress
        except ExchangeError as error:
            if blames_egress(error):
                egress.failures += 1
                egress.failures_in_a_row += 1
            else:
                egress.failures_in_a_row = 0
            raise
        else:
            egress.failures_in_a_row = 0
        finally:
            self._give_back(egress)

    def status(self) -> PoolStatus:
        resting = len(self._resting)
        return PoolStatus(
            egresses=len(self._egresses),
            busy=len(self._egresses) - resting - self._idle.qsize(),
            resting=resting,
            uses=sum(egress.uses for egress in self._egresses),
            failures=sum(egress.failures for egress in self._egresses),
        )

    def _give_back(self, egress: Egress) -> None:
        if not (self._can_rest and egress.failures_in_a_row):
            self._idle.put_nowait(egress)
            return
        seconds = rest_s(egress.failures_in_a_row, self._jitter())
        logger.info("%s failed %d times in a row, rests %.1f s", egress.key, egress.failures_in_a_row, seconds)
        self._resting[egress] = self._later(seconds, lambda: self._wake(egress))

    def _wake(self, egress: Egress) -> None:
        del self._resting[egress]
        self._idle.put_nowait(egress)

    def _proxied(self, settings: ProxySettings, port: int) -> Egress:
        return Egress(f"{settings.host}:{port}", lambda: self._client(settings.proxy(port)))

    def _client(self, proxy: httpx.Proxy | None) -> httpx.AsyncClient:
        # Loading the certificate authorities takes tens of milliseconds and megabytes: once for all clients.
        if self._ssl is None:
            self._ssl = httpx.create_ssl_context()
        return httpx.AsyncClient(
            proxy=proxy,
            verify=self._ssl,
            trust_env=False,  # HTTPS_PROXY and the like must not add a second proxy behind the settings' back
            headers={"User-Agent": USER_AGENT},
            timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            limits=httpx.Limits(max_connections=4, max_keepalive_connections=2, keepalive_expiry=KEEPALIVE_S),
        )
