"""Reads of candles that are like others before them are answered by the event loop, and nobody can tell."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import psycopg
import pytest

from tests.integration.access.conftest import Serve, client
from tests.support.eventually import eventually
from tests.support.web_server import WebServer

WORD = "the word for metrics"
KLINES = "/api/klines/WAYUSDT?interval=1h&limit=5"
SHORT = 'kline_http_short_way_total{result="answered"}'
HISTORY = "/history?symbol=WAYUSDT&resolution=60&countback=5&to=1704070800"


# Around the moment that is asked for.
_BARS = """
    INSERT INTO {table} (time, open, high, low, close, volume, quote_volume, taker_buy_volume, taker_buy_quote_volume,
                         symbol_id, trade_count)
    SELECT at, 100.5, 103, 99.25, 101, 7.125, 720, 3.5, 350, id, 12
      FROM market_symbol,
           generate_series('2023-09-01 00:00Z'::timestamptz, '2024-01-01 10:00Z', '1 {step}', 'UTC') AS at
     WHERE name = 'WAYUSDT'
"""


@pytest.fixture(scope="module")
def server(serve: Serve, tokens: dict[str, str], base: dict[str, str]) -> Iterator[WebServer]:
    with (
        serve(
            ACCESS="token",
            TRUSTED_PROXIES="1",
            PUBLIC_URL="https://ways.example",
            METRICS_TOKEN=WORD,
            LOGINS_PER_MINUTE="100",
        ) as server,
        client(server, tokens["alice"], x_forwarded_proto="https") as alice,
    ):
        assert alice.post("/api/symbols", json={"symbol": "WAYUSDT"}).status_code == 200
        with psycopg.connect(base["DATABASE_URL"]) as connection:
            for table, step in (("candle_1h", "hour"), ("candle_1mo", "month")):
                connection.execute(_BARS.format(table=table, step=step))
        yield server


def counted(visitor: httpx.Client, name: str) -> float:
    text = visitor.get("/metrics", headers={"Authorization": f"Bearer {WORD}"}).text
    return sum(float(line.removeprefix(f"{name} ")) for line in text.splitlines() if line.startswith(f"{name} "))


def went_short(visitor: httpx.Client, path: str, headers: dict[str, str]) -> httpx.Response:
    """The answer of the short way, which is open as soon as the long one has answered the like."""
    before = counted(visitor, SHORT)
    for _ in range(20):
        reply = visitor.get(path, headers=headers)
        if counted(visitor, SHORT) > before:
            return reply
    raise AssertionError(f"{path} does not go the short way")


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
        long = visitor.request(method, path, headers={**headers, "Cookie": "of=another"})
        shorts = [visitor.request(method, path, headers=headers) for _ in range(3)]
    assert long.status_code == status, long.text
    assert [told(short) for short in shorts] == [told(long)] * 3


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://charts.example"},
        {"Accept": "text/html, */*;q=0.8"},
        # As a page of ours sends it.
        {"Cookie": f"csrftoken={'aB3' * 10}Zz"},
    ],
)
@pytest.mark.parametrize(
    "path",
    [
        KLINES,
        HISTORY,
        KLINES + "&end_time=1704067199999",
        KLINES + "&unknown=1&limit=2",
        "/api/klines/wayusdt?interval=1h&limit=100",
        HISTORY.replace("60", "1M"),
    ],
)
def test_the_event_loop_answers_as_a_thread_would(server: WebServer, path: str, headers: dict[str, str]) -> None:
    with client(server, x_forwarded_proto="https") as visitor:
        cookies = "; ".join(filter(None, (headers.get("Cookie"), "of=another")))
        long = visitor.get(path, headers={**headers, "Cookie": cookies})
        short = went_short(visitor, path, headers)
    assert long.status_code == 200
    assert b"103.0" in long.content
    assert told(short) == told(long)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (KLINES, {"Cookie": "of=another"}),
        (KLINES, {"Cookie": f"sessionid={'aB3' * 10}Zz"}),
        (KLINES, {"Cookie": f"csrftoken={'aB3' * 10}Zz; sessionid={'aB3' * 10}Zz"}),
        (KLINES, {"Cookie": "csrftoken=malformed"}),
        (KLINES, {"Authorization": "Token of-nobody"}),
        (KLINES, {"If-None-Match": '"another"'}),
        (KLINES, {"Host": "elsewhere.example"}),
        (KLINES, {"X-Forwarded-Proto": "http"}),
        (KLINES, {"Accept": "text/html"}),
        (KLINES + "&format=json", {}),
        (KLINES + "&limit=2001", {}),
        (KLINES + "&limit=0", {}),
        (HISTORY.replace("to=1704070800", "to=0"), {}),
        (KLINES, {"Accept": "*/*, " + "a" * 1_000}),
        ("/api/klines/NOPEUSDT", {}),
        ("/api/klines/WAYUSDT/", {}),
        ("/history/?symbol=WAYUSDT&resolution=60&countback=5&to=1704070800", {}),
    ],
)
def test_what_is_not_ordinary_goes_the_long_way(server: WebServer, path: str, headers: dict[str, str]) -> None:
    with client(server, x_forwarded_proto="https") as visitor:
        went_short(visitor, KLINES, {})
        before = counted(visitor, SHORT)
        for _ in range(3):
            visitor.get(path, headers=headers)
        assert counted(visitor, SHORT) == before


def test_where_reads_need_a_token_nothing_goes_the_short_way(serve: Serve, tokens: dict[str, str]) -> None:
    with (
        serve(ACCESS="token", READS_NEED_TOKEN="1", METRICS_TOKEN=WORD) as server,
        client(server, tokens["alice"]) as alice,
        client(server) as nobody,
    ):
        assert alice.post("/api/symbols", json={"symbol": "WAYUSDT"}).status_code == 200
        assert [alice.get(KLINES).status_code for _ in range(3)] == [200] * 3
        assert [nobody.get(KLINES).status_code for _ in range(3)] == [401] * 3
        assert counted(nobody, SHORT) == 0


@pytest.mark.usefixtures("server")
# The last is found to be long only when it has been begun, and is answered by a thread.
@pytest.mark.parametrize("path", [HISTORY, KLINES, KLINES.replace("limit=5", "limit=3000")])
def test_each_page_counts_once_for_the_limit(serve: Serve, path: str) -> None:
    with (
        serve(READS_PER_MINUTE="30", METRICS_TOKEN=WORD, TRUSTED_PROXIES="1") as server,
        client(server, x_forwarded_for="10.0.0.1") as other,
        client(server) as visitor,
    ):
        warm = path.replace("3000", "5")
        # Another one's turns; a connection to the database is opened meanwhile.
        eventually(lambda: other.get(warm).is_success and counted(other, SHORT) > 0, within=10, every=0.4)
        before = counted(visitor, SHORT)
        statuses = [visitor.get(path).status_code for _ in range(40)]
        assert (counted(visitor, SHORT) > before) is ("3000" not in path)
    # A turn comes back every two seconds.
    assert statuses[:30] == [200] * 30
    assert statuses[-5:] == [429] * 5


def test_a_body_without_a_length_is_told_so_on_both_ways(server: WebServer) -> None:
    with client(server, x_forwarded_proto="https") as visitor:
        went_short(visitor, KLINES, {})
        short, long = (
            visitor.request("GET", KLINES, headers=cookie, content=iter(()))
            for cookie in ({}, {"Cookie": "of=another"})
        )
    assert short.status_code == 411
    assert told(short) == told(long)


def test_who_has_the_page_already_is_told_so_on_both_ways(server: WebServer) -> None:
    with client(server, x_forwarded_proto="https") as visitor:
        page = visitor.get(KLINES)
        known = {"If-None-Match": page.headers["etag"]}
        short, long = (visitor.get(KLINES, headers={**known, **cookie}) for cookie in ({}, {"Cookie": "of=another"}))
    assert short.status_code == 304
    assert told(short) == told(long)


def test_both_ways_are_counted_as_one_route(server: WebServer) -> None:
    line = 'kline_http_requests_total{method="GET",route="/api/klines/<str:symbol>",status="200"}'
    with client(server, x_forwarded_proto="https") as visitor:
        went_short(visitor, KLINES, {})
        before = counted(visitor, line)
        for cookie in ({}, {"Cookie": "of=another"}):
            assert visitor.get(KLINES, headers=cookie).status_code == 200
        assert counted(visitor, line) == before + 2
