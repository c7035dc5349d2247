"""The double on a socket: one port for archive, REST, streams and control; in a thread of a test or as a process."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Self

from aiohttp import web

from feeds.fakebinance import tampering
from feeds.fakebinance.answers import Scene, faulty, page
from feeds.fakebinance.archive import ArchiveHost, Bucket, GeneratedBucket
from feeds.fakebinance.bars import MINUTE_MS, Bars
from feeds.fakebinance.clock import Clock
from feeds.fakebinance.config import ExchangeConfig
from feeds.fakebinance.connection_log import ConnectionLog
from feeds.fakebinance.control import ControlHost
from feeds.fakebinance.faults import Fault, FaultBook
from feeds.fakebinance.klines import KlineReader
from feeds.fakebinance.limits import WeightLimiter
from feeds.fakebinance.market import GeneratedMarket, Market, Truth
from feeds.fakebinance.publication import Tier
from feeds.fakebinance.recorded import RecordedBucket, RecordedMarket
from feeds.fakebinance.replies import STALL_SECONDS, Reply, deliver
from feeds.fakebinance.rest import RestHost
from feeds.fakebinance.store import ZipStore
from feeds.fakebinance.streams import StreamHost
from feeds.fakebinance.visits import Visit
from feeds.fakebinance.witness import RequestLog
from market.domain.window import Month, TimeWindow

_STOP_SECONDS: Final = 0.5
_THREAD_SECONDS: Final = 20.0
_REST_HEADERS: Final = {
    "Server": "Tengine",
    "x-response-time": "0ms",
    "Cache-Control": "no-cache, no-store, must-revalidate",
    "x-cache": "Miss from cloudfront",
    "Via": "1.1 fakebinance.cloudfront.net (CloudFront)",
}


class FakeExchange:
    """The exchange double. Everything in it shares one clock, one truth and one fault book.

    In a test: ``with FakeExchange.running(seed=7, symbols=("BTCUSDT",)) as exchange: ...`` serves on a free port of
    127.0.0.1 from a thread of its own: archive and REST at `url`, streams at `ws_url`. In a process:
    ``await start(...)`` and ``await stop()``.
    """

    def __init__(self, config: ExchangeConfig | None = None) -> None:
        config = config or ExchangeConfig()
        self.config = config
        self.clock = Clock(config.start_ms, config.speed)
        self.faults = FaultBook(self.clock)
        for fault in config.faults:
            self.faults.enter(fault)
        self.requests = RequestLog()
        self.connections = ConnectionLog(self.clock)
        self.limiter = WeightLimiter(
            self.clock, limit=config.weight_limit, patience=config.patience, ban_ms=config.ban_ms
        )
        market, bucket = self._sources(config)
        self.truth = Truth(market, self.clock)
        self._archive = ArchiveHost(bucket, self.faults)
        reader = KlineReader(self.truth, self.faults)
        self._rest = RestHost(market, reader, self.clock, weight_limit=config.weight_limit)
        self._streams = StreamHost(
            market, self.clock, self.faults, self.connections, config.streams, closes_idle=config.closes_idle
        )
        self._ticker: asyncio.Task[None] | None = None
        self._control = ControlHost(self)
        self._runner: web.AppRunner | None = None
        self._address: tuple[str, int] | None = None

    def _sources(self, config: ExchangeConfig) -> tuple[Market, Bucket]:
        folder, identity = config.archive_dir, config.identity()
        market: Market
        if folder is None:
            listings = config.market_listings()
            market = GeneratedMarket(
                seed=config.seed, listings=listings, history_start=config.history_start, busy=config.busy
            )
        else:
            market = RecordedMarket(folder)
        self.store = ZipStore(
            market,
            config.calendar,
            identity=identity,
            folder=config.cache_dir,
            limit_bytes=config.cache_bytes,
            level=config.zip_level,
        )
        if folder is None:
            return market, GeneratedBucket(market, self.store, config.calendar, self.clock)
        return market, RecordedBucket(folder, self.store)

    @classmethod
    @contextlib.contextmanager
    def running(cls, config: ExchangeConfig | None = None, **settings: Any) -> Iterator[Self]:
        """A double that serves on a free port of 127.0.0.1 while the block runs, in its own thread and loop.

        `settings` are fields of ExchangeConfig, if no config is given.
        """
        exchange = cls(config or ExchangeConfig(**settings))
        ready, loops = threading.Event(), list[asyncio.AbstractEventLoop]()
        stopping = asyncio.Event()
        problems: list[BaseException] = []

        async def serve() -> None:
            loops.append(asyncio.get_running_loop())
            try:
                await exchange.start()
                ready.set()
                await exchange.serve_until(stopping)
            finally:
                await exchange.stop()

        def run() -> None:
            try:
                asyncio.run(serve())
            except BaseException as problem:  # noqa: BLE001  (handed to the thread that waits for `ready`)
                problems.append(problem)
            finally:
                ready.set()

        thread = threading.Thread(target=run, name="fakebinance", daemon=True)
        thread.start()
        ready.wait()
        if problems:
            raise problems[0]
        try:
            yield exchange
        finally:
            # The loop has ended already if something broke it; that is raised below.
            with contextlib.suppress(RuntimeError):
                loops[0].call_soon_threadsafe(stopping.set)
            thread.join(_THREAD_SECONDS)
            if thread.is_alive():
                raise RuntimeError(f"the exchange double did not stop within {_THREAD_SECONDS} s")
        if problems:
            raise problems[0]

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Begin to serve; port 0 takes a free one. OSError if the port is taken."""
        app = web.Application(client_max_size=1 << 22)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_STOP_SECONDS, auto_decompress=False)
        self._runner = runner
        await runner.setup()
        self._ticker = asyncio.create_task(self._streams.run(), name="fakebinance streams")
        await web.TCPSite(runner, host, port).start()
        taken = runner.addresses[0]
        self._address = (str(taken[0]), int(taken[1]))

    async def serve_until(self, stopping: asyncio.Event) -> None:
        """Serve until the event is set; raises what broke the streams, should anything."""
        if self._ticker is None:
            raise RuntimeError("the exchange double has not been started: there is nothing to wait for")
        waiting = asyncio.create_task(stopping.wait())
        await asyncio.wait({waiting, self._ticker}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._ticker.done():
            self._ticker.result()

    async def stop(self) -> None:
        """Close the port and every connection; remove temporary files."""
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.wait([self._ticker])
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self.store.close()

    @property
    def url(self) -> str:
        """``http://host:port``, without a slash at the end. RuntimeError before `start`."""
        if self._address is None:
            raise RuntimeError("the exchange double has not been started: it has no address yet")
        host, port = self._address
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def ws_url(self) -> str:
        """``ws://host:port/market``: what a collector takes as the address of the market streams."""
        return f"ws{self.url.removeprefix('http')}/market"

    @property
    def listing_url(self) -> str:
        """The bucket's listing endpoint."""
        return f"{self.url}/data.binance.vision"

    def published(self, symbol: str, window: TimeWindow) -> Bars:
        """The closed minutes that at least one source has: the truth but for the days that faults took away
        everywhere. What a complete collector ends up with. KeyError for an unknown symbol."""
        return tampering.without_days(self.truth.bars(symbol, window), self.faults.absent_days(symbol))

    def settle(self, symbol: str, at_ms: int | None = None) -> int:
        """Delist a symbol at an instant (default: now), which is returned: the minute that is open then is its last,
        exchangeInfo says SETTLING, streams go silent, REST and the archive keep the history.

        KeyError for an unknown symbol, ValueError for a past instant or a market out of files.
        """
        market, now = self.truth.market, self.clock.now()
        at_ms = now if at_ms is None else at_ms
        if not isinstance(market, GeneratedMarket):
            raise ValueError("symbols of recorded markets end with their files: expected a generated market")
        if at_ms // MINUTE_MS < now // MINUTE_MS:
            raise ValueError(f"{symbol} cannot settle at {at_ms}: expected an instant from now ({now}) on")
        market.settle(symbol, at_ms)
        return at_ms

    def disconnect(self, connection: int | None = None, code: int | None = None) -> None:
        """End one WebSocket connection (its number in `connections`) or all: with a close code, or by a reset."""
        self._streams.disconnect(connection, code)

    def prewarm(self, symbols: Iterable[str], months: Iterable[Month], tier: Tier = "monthly") -> int:
        """Make the ZIPs of whole months ahead of time; returns how many there are."""
        return self.store.prewarm(symbols, months, tier)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        visit = Visit.of(request.path, request.query)
        if visit.kind == "control":
            body = await request.read()
            reply = await asyncio.to_thread(self._control.answer, request.method, request.path, request.query, body)
            return await deliver(request, reply)
        faults = self.faults.claim(visit)
        reply, weight = await self._reply(request, visit, faults)
        reply = reply.dated(self.clock.now())
        if reply.status == 101 and not any(fault.name == "reset" for fault in faults):
            for fault in faults:
                if fault.name == "stall":
                    await asyncio.sleep(float(fault.params.get("seconds", STALL_SECONDS)))
            self._note(request, visit, faults, reply.status, weight)
            return await self._streams.serve(request)
        try:
            return await deliver(request, reply, faults)
        except ConnectionError:
            # The client left first; there is nobody to answer.
            return web.Response(status=reply.status)
        finally:
            self._note(request, visit, faults, reply.status, weight)

    def _note(self, request: web.Request, visit: Visit, faults: Sequence[Fault], status: int, weight: int) -> None:
        self.requests.note(
            visit,
            method=request.method,
            query=request.query_string,
            status=status,
            clock_ms=self.clock.now(),
            weight=weight,
            faults=tuple(fault.name for fault in faults),
            address=_address_of(request),
        )

    async def _reply(self, request: web.Request, visit: Visit, faults: Sequence[Fault]) -> tuple[Reply, int]:
        """The answer, and the REST weight that it cost."""
        address = _address_of(request)
        weight = used = 0
        refusal: Reply | None = None
        if visit.kind.startswith("rest."):
            weight = self._rest.weight(visit, request.query)
            used, refusal = self.limiter.charge(address, weight)
        reply = refusal or faulty(faults, visit, Scene(self.clock, self.config.weight_limit, address))
        if reply is None:
            reply = await self._healthy(request, visit, faults)
        if visit.kind.startswith("rest.") and reply.headers.get("Content-Type") == "application/json":
            if "gzip" in request.headers.get("Accept-Encoding", ""):
                reply = reply.gzipped()
            headers = {**_REST_HEADERS, "x-mbx-used-weight-1m": str(used), **reply.headers}
            reply = Reply(reply.status, reply.body, headers)
        return reply, weight

    async def _healthy(self, request: web.Request, visit: Visit, faults: Sequence[Fault]) -> Reply:
        if request.method not in {"GET", "HEAD"}:
            return page(405, "405 Method Not Allowed")
        if visit.kind == "ws.handshake":
            # Shaking hands is the streams' part; 101 only says that nothing is in the way of it.
            return Reply(101) if web.WebSocketResponse().can_prepare(request) else page(400, "400 Bad Request")
        if visit.kind.startswith("archive.") or visit.kind == "rest.klines":
            # May make a file or fold years of minutes: not on the event loop.
            return await asyncio.to_thread(self._made, request, visit, faults)
        return self._made(request, visit, faults)

    def _made(self, request: web.Request, visit: Visit, faults: Sequence[Fault]) -> Reply:
        if visit.kind == "archive.listing":
            return self._archive.listing(request.query)
        if visit.kind.startswith("archive."):
            return self._archive.object(visit, faults, request.headers)
        if visit.kind.startswith("rest."):
            return self._rest.answer(visit, request.query)
        return page(200, "Binance Data Collection") if visit.path == "/" else page(404, "404 Not Found")


def _address_of(request: web.Request) -> str:
    return request.remote or "127.0.0.1"
