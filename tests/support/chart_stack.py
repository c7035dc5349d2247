"""The whole product for a browser to look at: services, double, web server, collector, the history's worker."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import httpx

from feeds.fakebinance.server import FakeExchange
from klineproject.local.instance import Instance
from tests.support.eventually import eventually
from tests.support.machine import free_port
from tests.support.storm_processes import Process, Processes

# As many days as make a chart of minutes longer than one page of it.
HISTORY_DAYS: Final = 3


class ChartStack:
    """What runs, and the web server's address, which it keeps when it is started again."""

    def __init__(self, folder: Path, environ: dict[str, str], processes: Processes) -> None:
        self.processes = processes
        self._folder = folder
        self.environ = environ
        self.port = free_port()
        self._web: Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextlib.contextmanager
    def web_with(self, **environ: str) -> Iterator[str]:
        """Another web server of the same product, with other settings; its address."""
        folder = self._folder / "other"
        folder.mkdir(exist_ok=True)
        others = Processes(folder, {**self.environ, **environ})
        port = free_port()
        with others.cleaning_up():
            others.start("web", "--port", str(port))
            url = f"http://127.0.0.1:{port}"
            eventually(lambda: _answers(f"{url}/api/session"), within=60, every=0.1)
            yield url
            assert others.complaints() == {}

    def start_web(self) -> None:
        self._web = self.processes.start("web", "--port", str(self.port))
        eventually(lambda: _answers(f"{self.url}/api/status"), within=60, every=0.1)

    def stop_web(self) -> None:
        assert self._web is not None
        self._web.terminate(within=20)

    def get(self, path: str, **query: Any) -> Any:
        """The data of an answer of /api."""
        reply = httpx.get(f"{self.url}{path}", params=query, timeout=10)
        assert reply.status_code == 200, reply.text
        return reply.json()["data"]

    def days_done(self, symbol: str) -> int:
        """How many days of a tracked symbol are complete; -1 where it is not tracked."""
        done = {entry["symbol"]: entry["days_done"] for entry in self.get("/api/status")["history"]}
        return int(done.get(symbol, -1))


@contextlib.contextmanager
def chart_stack(folder: Path, *, symbols: Sequence[str], tracked: Sequence[str]) -> Iterator[ChartStack]:
    """The product with these symbols at the exchange, of which some are tracked and have their history already."""
    first_day = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=HISTORY_DAYS)
    with (
        Instance("chart", folder, environ={}).running() as services,
        FakeExchange.running(symbols=tuple(symbols), busy=True) as exchange,
    ):
        environ = {
            "DATABASE_URL": services.database_url,
            "REDIS_URL": services.redis_url,
            "BINANCE_ARCHIVE_URL": exchange.url,
            "BINANCE_REST_URL": exchange.url,
            "BINANCE_WS_URL": exchange.ws_url,
            "TRACKED_SYMBOL": ",".join(tracked),
            "DATA_START": str(first_day),
            "PROXY_HOST": "",
            "CANVAS_DIR": str(folder / "canvas"),
        }
        processes = Processes(folder, environ)
        with processes.cleaning_up():
            processes.manage("migrate", "--verbosity", "0")
            stack = ChartStack(folder, environ, processes)
            processes.start("worker")
            processes.start("beat")
            stack.start_web()
            # It looks for what is tracked when it starts; the worker has written that by then.
            eventually(lambda: len(stack.get("/api/symbols")) == len(tracked), within=60, every=0.1)
            processes.start("collector")
            eventually(lambda: all(stack.days_done(name) >= HISTORY_DAYS for name in tracked), within=90, every=0.2)
            yield stack
            complaints = processes.complaints()
        assert complaints == {}


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(url, timeout=10).status_code == 200
    return False
