"""A whole site of its own: services that a test may kill, a double as the exchange, candles, drawings, a web server."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from feeds.fakebinance.server import FakeExchange
from klineproject.local.instance import Instance
from market.domain.candle import Candle
from market.domain.window import MINUTE_MS
from tests.support.push import Collector, collector
from tests.support.served import served
from tests.support.web_server import PROJECT, WebServer, migrate

LOADED: Final = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
# Which the exchange lists, and nobody has asked for yet.
LISTED: Final = ("XRPUSDT", "BNBUSDT")
_DAYS: Final = 1


@dataclass(frozen=True)
class Site:
    """A running product: its services, its exchange, its web server, and what a collector would write to Redis."""

    instance: Instance
    exchange: FakeExchange
    server: WebServer
    publisher: Collector
    # What a client sends to be known; nothing while access is open.
    headers: dict[str, str]

    @property
    def url(self) -> str:
        return self.server.url

    def stream(self, symbol: str) -> None:
        """Let a minute of the symbol form."""
        now = self.exchange.clock.now() // MINUTE_MS * MINUTE_MS
        closed = Candle(symbol, now - MINUTE_MS, 10.0, 12.0, 9.0, 11.0, 5.0, 55.0, 2.0, 22.0, 3, is_closed=True)
        forming = Candle(symbol, now, 11.0, 11.5, 10.5, 11.25, 2.5, 27.5, 1.0, 11.0, 2, is_closed=False)
        self.publisher.tail(symbol, [closed, forming])


def manage(environ: dict[str, str], *arguments: str) -> str:
    """What a command of the product prints."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT,
        env={**os.environ, **environ},
        check=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


@contextmanager
def site(folder: Path, **settings: str) -> Iterator[Site]:
    """Everything in `folder`. Yesterday and today of three symbols are loaded from the double by the product itself.

    `settings` are more of them for the web server. With ACCESS=token there is a user, who has one.
    """
    instance = Instance("site", root=folder / "services", environ={})
    first = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=_DAYS)
    start = int(dt.datetime.combine(first, dt.time(), dt.UTC).timestamp() * 1_000)
    with (
        FakeExchange.running(symbols=(*LOADED, *LISTED), history_start=start) as exchange,
        instance.running() as services,
    ):
        environ = {
            "DATABASE_URL": services.database_url,
            "REDIS_URL": services.redis_url,
            "BINANCE_ARCHIVE_URL": exchange.url,
            "BINANCE_REST_URL": exchange.url,
            "BINANCE_WS_URL": exchange.ws_url,
            "DATA_START": first.isoformat(),
            "CANVAS_DIR": str(folder / "drawings"),
            "STORE_PROCESSES": "1",
            "DEBUG": "false",
            # Neither is used while access is open.
            "SECRET_KEY": "a key of a site in a test that is as long as a key for real use has to be",
            "DJANGO_SUPERUSER_PASSWORD": "of the operator of a site in a test",
            **settings,
        }
        migrate(environ)
        manage(environ, "symbols", "sync")
        headers = {"Authorization": f"Token {_token(environ)}"} if settings.get("ACCESS") == "token" else {}
        with served(folder, environ) as server, collector(services.redis_url) as publisher:
            made = Site(instance, exchange, server, publisher, headers)
            for name in LOADED:
                answer = httpx.post(f"{server.url}/api/symbols", json={"symbol": name}, headers=headers)
                assert answer.status_code == 200, answer.text
            manage(environ, "backfill", "--from", first.isoformat())
            made.stream(LOADED[0])
            draw(server.url, headers)
            yield made


def _token(environ: dict[str, str]) -> str:
    """The token of a new user, made as an operator makes it."""
    manage(environ, "createsuperuser", "--no-input", "--username", "operator", "--email", "operator@site.example")
    return manage(environ, "drf_create_token", "operator").split()[2]


def draw(url: str, headers: dict[str, str]) -> None:
    """Save a canvas and a TradingView layout, for who is known by the headers, or for who names nobody."""
    with httpx.Client(base_url=url, headers=headers, trust_env=False) as client:
        canvas = {"symbol": LOADED[0], "name": "mine", "data": {"lines": []}}
        assert client.post("/canvas/save", json=canvas).status_code == 200
        layout = {"name": "mine", "content": "{}", "symbol": LOADED[0], "resolution": "60"}
        assert client.post("/1.1/charts", data=layout).json()["status"] == "ok"
