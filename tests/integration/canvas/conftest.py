"""A served product with an empty database and an empty folder of drawings, and clients of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from pytest_django import Settings

from klineproject.local.instance import Instance
from tests.support.served import served
from tests.support.web_server import WebServer, migrate

ORIGIN: Final = "https://charts.example"


@pytest.fixture(scope="session")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """Services that these tests have to themselves."""
    instance = Instance("canvas", root=tmp_path_factory.mktemp("services"), environ={})
    with instance.running():
        yield instance


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the served product keeps drawings."""
    return tmp_path_factory.mktemp("drawings")


@pytest.fixture(scope="session")
def environ(instance: Instance, folder: Path) -> dict[str, str]:
    """The settings of the served product."""
    services = instance.services()
    environ = {
        "DATABASE_URL": services.database_url,
        "REDIS_URL": services.redis_url,
        "CANVAS_DIR": str(folder),
        "CANVAS_MAX_PER_SYMBOL": "5",
        "CANVAS_MAX_BYTES": str(8 * 1024 * 1024),
        "CORS_ALLOWED_ORIGINS": ORIGIN,
        "DEBUG": "false",
    }
    migrate(environ)
    return environ


@pytest.fixture(scope="session")
def server(environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    with served(tmp_path_factory.mktemp("web"), environ) as server:
        yield server


class Page:
    """A page of one user's, as it calls the canvases' addresses. Texts of data are sent as they stand."""

    def __init__(self, url: str, user: str) -> None:
        self.http = httpx.Client(base_url=url, headers={"X-User-Id": user}, timeout=30, trust_env=False)

    def save(self, name: str, data: str = "{}", symbol: str = "BTCUSDT", **headers: str) -> httpx.Response:
        body = f'{{"symbol": {json.dumps(symbol)}, "name": {json.dumps(name)}, "data": {data}}}'
        fields = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.http.post(
            "/canvas/save", content=body.encode(), headers={"content-type": "application/json", **fields}
        )

    def load(self, name: str, symbol: str = "BTCUSDT", **headers: str) -> httpx.Response:
        fields = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.http.get("/canvas/load", params={"symbol": symbol, "name": name}, headers=fields)

    def delete(self, name: str, symbol: str = "BTCUSDT", **headers: str) -> httpx.Response:
        fields = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.http.delete("/canvas/delete", params={"symbol": symbol, "name": name}, headers=fields)

    def list(self, symbol: str = "BTCUSDT") -> Any:
        reply = self.http.get("/canvas/list", params={"symbol": symbol})
        assert reply.status_code == 200
        return reply.json()


@pytest.fixture
def pages(server: WebServer) -> Iterator[Callable[[str], Page]]:
    """Opens pages of users by name."""
    opened: list[Page] = []

    def open_page(user: str) -> Page:
        opened.append(Page(server.url, user))
        return opened[-1]

    yield open_page
    for page in opened:
        page.http.close()


@pytest.fixture
def page(pages: Callable[[str], Page], request: pytest.FixtureRequest) -> Page:
    """A page of a user who has nothing yet."""
    return pages(hashlib.sha256(request.node.nodeid.encode()).hexdigest())


@pytest.fixture
def own_folder(settings: Settings, tmp_path: Path) -> Path:
    """Where the drawings of a test without a server are."""
    folder = tmp_path / "drawings"
    storage = settings.STORAGES["canvas"]
    settings.STORAGES = {
        **settings.STORAGES,
        "canvas": {**storage, "OPTIONS": {**storage["OPTIONS"], "location": folder}},
    }
    return folder
