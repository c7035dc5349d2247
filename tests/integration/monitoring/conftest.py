"""The product on services of its own, which a test may kill, and an exchange double beside it."""

from __future__ import annotations

import datetime as dt
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from feeds.fakebinance.server import FakeExchange
from klineproject.local.instance import Instance, Services
from tests.support.eventually import eventually
from tests.support.served import served
from tests.support.storm_processes import Process, Processes
from tests.support.web_server import WebServer, migrate

# What must never be seen in a log or an answer.
DATABASE_WORD = "marked-database-word"
SECRETS = {
    "PROXY_USERNAME": "marked-proxy-user",
    "PROXY_PASSWORD": "marked-proxy-word",
    "SECRET_KEY": "marked-secret-key-of-fifty-characters-or-a-few-more-for-it",
}


@dataclass(frozen=True)
class Product:
    """A web server and what it needs; `processes` starts a collector or a worker with the same settings."""

    instance: Instance
    services: Services
    web: WebServer
    processes: Processes

    def get(self, path: str, **options: Any) -> httpx.Response:
        return httpx.get(self.web.url + path, timeout=10, **options)

    def ready(self) -> tuple[int, dict[str, str]]:
        """The status of /readyz, and what is wrong, by check."""
        answer = self.get("/readyz")
        checks = answer.json()["checks"]
        return answer.status_code, {check["name"]: check["reason"] for check in checks if not check["is_ok"]}

    def is_ready(self) -> bool:
        return self.ready() == (200, {})

    def execute(self, statement: str, *values: str) -> None:
        with psycopg.connect(self.services.database_url, autocommit=True) as connection:
            connection.execute(statement.encode(), values or None)

    def track(self, name: str) -> None:
        """As the exchange's list and an operator's wish would."""
        self.execute(
            "INSERT INTO market_symbol (name, status, contract_type, base_asset, quote_asset, is_tracked, updated_at)"
            " VALUES (%s, 'TRADING', 'PERPETUAL', '', 'USDT', true, now())",
            name,
        )

    @contextmanager
    def collector(self) -> Iterator[Process]:
        process = self.processes.start("collector")
        try:
            yield process
        finally:
            if process.is_running:
                process.kill()

    @contextmanager
    def hanging_database(self) -> Iterator[None]:
        """It takes connections and says nothing any more."""
        stopped = self.instance.postgres._pids()
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            # All that were stopped: a process that nobody lets go on outlives its test.
            for pid in {*stopped, *self.instance.postgres._pids()}:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)


@pytest.fixture(scope="package")
def exchange() -> Iterator[FakeExchange]:
    with FakeExchange.running(symbols=("BTCUSDT",)) as exchange:
        yield exchange


@pytest.fixture(scope="package")
def product(exchange: FakeExchange, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder: Path = tmp_path_factory.mktemp("product")
    instance = Instance("health", root=folder / "services", environ={})
    with instance.running() as services:
        environ = {
            **SECRETS,
            # The server trusts whoever reaches its socket: any password will do.
            "DATABASE_URL": services.database_url.replace("kline@", f"kline:{DATABASE_WORD}@", 1),
            "REDIS_URL": services.redis_url,
            "BINANCE_ARCHIVE_URL": exchange.url,
            "BINANCE_REST_URL": exchange.url,
            "BINANCE_WS_URL": exchange.url.replace("http", "ws", 1) + "/market",
            # Nothing here is about history.
            "DATA_START": dt.datetime.now(dt.UTC).date().isoformat(),
            "LOG_FORMAT": "json",
            "CANVAS_DIR": str(folder / "canvas"),
        }
        migrate(environ)
        processes = Processes(folder, environ)
        with served(folder, environ) as web, processes.cleaning_up():
            product = Product(instance, services, web, processes)
            eventually(product.is_ready, within=20)
            yield product


@pytest.fixture
def tracking(product: Product) -> Iterator[None]:
    product.track("BTCUSDT")
    yield
    product.execute("DELETE FROM market_ledgerday")
    product.execute("DELETE FROM market_symbol")
