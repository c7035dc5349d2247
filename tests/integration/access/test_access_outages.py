"""The database, which knows who has which token, is away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from klineproject.local.instance import Instance
from tests.integration.access.conftest import SECRET_KEY, client
from tests.integration.access.test_access_matrix import assert_refused
from tests.support.push import client as socket
from tests.support.served import served
from tests.support.web_server import WebServer


@pytest.fixture(scope="module")
def orphan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    """A server whose database has gone."""
    folder: Path = tmp_path_factory.mktemp("orphan")
    instance = Instance("orphan", root=tmp_path_factory.mktemp("services"), environ={})
    with instance.running() as services:
        environ = {
            "DATABASE_URL": services.database_url,
            "REDIS_URL": services.redis_url,
            "ACCESS": "token",
            "READS_NEED_TOKEN": "true",
            "SECRET_KEY": SECRET_KEY,
        }
        with served(folder, environ) as server:
            instance.postgres.stop()
            yield server


@pytest.mark.parametrize("path", ["/api/status", "/config", "/canvas/list?symbol=A", "/1.1/charts?client=c&user=u"])
def test_whose_token_cannot_be_looked_up_is_asked_to_come_again(orphan: WebServer, path: str) -> None:
    with client(orphan, "0" * 40) as visitor:
        reply = visitor.get(path)
    assert_refused(reply, 503)
    assert int(reply.headers["retry-after"]) >= 1


def test_so_is_a_login(orphan: WebServer) -> None:
    with client(orphan, cookie="sessionid=0123456789abcdef0123456789abcdef") as visitor:
        assert_refused(visitor.get("/api/session"), 503)


def test_so_is_a_socket(orphan: WebServer) -> None:
    with pytest.raises(InvalidStatus) as refused, socket(orphan.port, "/ws?token=" + "0" * 40):
        pass
    assert refused.value.response.status_code == 503
    assert refused.value.response.headers["Retry-After"] == "2"


def test_who_says_nothing_is_told_so_without_the_database(orphan: WebServer) -> None:
    with client(orphan) as visitor:
        assert_refused(visitor.get("/api/status"), 401)
