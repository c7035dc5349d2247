"""A served product on the test database, and a collector beside it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.candles import ms
from tests.support.push import Client, Collector, Market, client, collector
from tests.support.served import database_url, served
from tests.support.web_server import WebServer


@pytest.fixture(scope="session")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    environ = {"DATABASE_URL": database_url(), "CORS_ALLOWED_ORIGINS": "https://charts.example"}
    with served(tmp_path_factory.mktemp("push"), environ) as server:
        yield server
    assert "Traceback" not in server.log.read_text(), server.log.read_text()


@pytest.fixture(scope="session")
def publisher() -> Iterator[Collector]:
    with collector() as one:
        # Redis outlives a run of the tests, and the next run gives the same names again.
        one.forget_tails()
        yield one
        one.forget_tails()


@pytest.fixture
def market(transactional_db: None, publisher: Collector) -> Market:
    """Two hours of one symbol from ten past nine on, of which the first hour is stored."""
    market = Market(publisher, ms("2024-03-05T09:10"), 120)
    market.store(0, 60)
    return market


@pytest.fixture
def browser(server: WebServer) -> Iterator[Client]:
    with client(server.port) as one:
        yield one
