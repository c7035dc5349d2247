"""A served product on the test database, and a collector beside it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from tests.support.eventually import eventually
from tests.support.push import Client, Collector, Market, client, collector
from tests.support.web_server import PROJECT, WebServer

_ADDRESS = re.compile(r"running on http://127\.0\.0\.1:(\d+)")


@contextmanager
def served(folder: Path, environ: Mapping[str, str], port: int = 0) -> Iterator[WebServer]:
    """`manage.py serve` with these settings; ended as an operator ends it."""
    log = folder / "serve.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--host", "127.0.0.1", "--port", str(port)],
            cwd=PROJECT,
            env={**os.environ, "LOG_LEVEL": "INFO", **environ},
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            found = eventually(lambda: _ADDRESS.search(log.read_text()), within=40)
            assert found is not None
            yield WebServer(int(found[1]), log)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=20)


def database_url() -> str:
    """The test database, as a server of its own process reaches it."""
    parts: dict[str, Any] = connection.get_connection_params()
    user, name, host, port = (parts.get(key) or "" for key in ("user", "dbname", "host", "port"))
    password = f":{parts['password']}" if parts.get("password") else ""
    return f"postgresql://{user}{password}@/{name}?host={host}" + (f"&port={port}" if port else "")


@pytest.fixture(scope="session")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    environ = {"DATABASE_URL": database_url(), "CORS_ALLOWED_ORIGINS": "https://charts.example"}
    with served(tmp_path_factory.mktemp("push"), environ) as server:
        yield server
    assert "Traceback" not in server.log.read_text(), server.log.read_text()


@pytest.fixture(scope="session")
def publisher() -> Iterator[Collector]:
    with collector() as one:
        yield one


@pytest.fixture
def market(transactional_db: None, publisher: Collector) -> Market:
    """Two hours of one symbol from ten past nine on, of which the first hour is stored."""
    from tests.support.candles import ms

    market = Market(publisher, ms("2024-03-05T09:10"), 120)
    market.store(0, 60)
    return market


@pytest.fixture
def browser(server: WebServer) -> Iterator[Client]:
    with client(server.port) as one:
        yield one
