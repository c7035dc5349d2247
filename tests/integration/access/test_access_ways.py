"""A page of candles goes past the middleware for cookies if none is sent, and nobody can tell."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.integration.access.conftest import Serve, client
from tests.support.web_server import WebServer

WORD = "the word for metrics"
KLINES = "/api/klines/WAYUSDT?interval=1h&limit=5"
HISTORY = "/history?symbol=WAYUSDT&resolution=60&countback=5&to=1704070800"


@pytest.fixture(scope="module")
def server(serve: Serve, tokens: dict[str, str]) -> Iterator[WebServer]:
    with (
        serve(ACCESS="token", TRUSTED_PROXIES="1", PUBLIC_URL="https://ways.example", METRICS_TOKEN=WORD) as server,
        client(server, tokens["alice"], x_forwarded_proto="https") as alice,
    ):
        assert alice.post("/api/symbols", json={"symbol": "WAYUSDT"}).status_code == 200
        yield server


def told(reply: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    """All that the client gets, but for what the clock says."""
    return reply.status_code, {name: value for name, value in reply.headers.items() if name != "date"}, reply.content


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (KLINES, {}, 200),
        (HISTORY, {}, 200),
        (KLINES, {"Origin": "https://charts.example"}, 200),
        (HISTORY, {"Origin": "https://charts.example"}, 200),
        (KLINES, {"Origin": "https://elsewhere.example"}, 200),
        (KLINES, {"Authorization": "Token of-nobody"}, 401),
        (HISTORY, {"Authorization": "Token of-nobody"}, 401),
        (KLINES, {"Host": "elsewhere.example"}, 400),
        (HISTORY, {"Host": "elsewhere.example"}, 400),
        (KLINES, {"X-Forwarded-Proto": "http"}, 301),
        (HISTORY, {"X-Forwarded-Proto": "http"}, 301),
        (KLINES, {"Accept": "text/html"}, 406),
        (KLINES, {"Accept": "text/html, */*;q=0.8"}, 200),
        (KLINES + "&format=csv", {}, 404),
        (KLINES + "&limit=0", {}, 400),
        (KLINES + "&a" * 1_100, {}, 400),
        (HISTORY + "&a" * 1_100, {}, 400),
        (HISTORY + "&countback=0", {}, 400),
        ("/api/klines/NOPEUSDT", {}, 404),
        ("/api/klines/%00", {}, 404),
        ("/api/klines/", {}, 404),
        ("/history/?symbol=NOPEUSDT&resolution=60&countback=5&to=1704070800", {}, 200),
    ],
)
def test_both_ways_answer_alike(
    server: WebServer, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    with client(server, x_forwarded_proto="https") as visitor:
        short = visitor.request(method, path, headers=headers)
        long = visitor.request(method, path, headers={**headers, "Cookie": "of=another"})
    assert short.status_code == status, short.text
    assert told(short) == told(long)


def test_who_has_the_page_already_is_told_so_on_both_ways(server: WebServer) -> None:
    with client(server, x_forwarded_proto="https") as visitor:
        page = visitor.get(KLINES)
        known = {"If-None-Match": page.headers["etag"]}
        short, long = (visitor.get(KLINES, headers={**known, **cookie}) for cookie in ({}, {"Cookie": "of=another"}))
    assert short.status_code == 304
    assert told(short) == told(long)


def test_both_ways_are_counted_as_one_route(server: WebServer) -> None:
    def counted() -> float:
        text = visitor.get("/metrics", headers={"Authorization": f"Bearer {WORD}"}).text
        line = 'kline_http_requests_total{method="GET",route="/api/klines/<str:symbol>",status="200"} '
        return sum(float(found.removeprefix(line)) for found in text.splitlines() if found.startswith(line))

    with client(server, x_forwarded_proto="https") as visitor:
        before = counted()
        for cookie in ({}, {"Cookie": "of=another"}):
            assert visitor.get(KLINES, headers=cookie).status_code == 200
        assert counted() == before + 2
