"""Whatever is sent, the answer is an envelope: on a real server, whose database comes and goes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klineproject.local.instance import Instance
from tests.support.eventually import eventually
from tests.support.raw_http import ask, assert_failure, assert_refused
from tests.support.served import served
from tests.support.web_server import WebServer, migrate

# Of a database that is away: to be told within 2 s, with some room for a busy machine.
SOON = 2.0


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """Services that this module may kill."""
    instance = Instance("api", root=tmp_path_factory.mktemp("services"), environ={})
    with instance.running():
        yield instance


@pytest.fixture(scope="module")
def server(instance: Instance, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    """A real web server without any symbol, at an exchange of which the archive alone is used."""
    services = instance.services()
    environ = {
        "DATABASE_URL": services.database_url,
        "REDIS_URL": services.redis_url,
        "BINANCE_REST_URL": "",
        "DEBUG": "false",
    }
    migrate(environ)
    with served(tmp_path_factory.mktemp("web"), environ) as server:
        yield server


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("GET /api/nothing", 404),
        ("GET /api/", 404),
        ("GET /api/klines", 404),
        ("GET /api/klines/", 404),
        ("GET /api/klines/BTC%2FUSDT", 404),
        ("GET /api/klines/..%2f..%2fetc%2fpasswd", 404),
        ("GET /api/klines/BTC%00USDT", 404),
        ("GET /api/klines/%FF%FE", 404),
        ("GET /api/klines/%ED%A0%80", 404),
        ("GET /api/klines/%0A", 404),
        ("GET /api/klines/" + "A" * 5_000, 404),
        ("GET /api/klines/BTCUSDT%0D%0ASet-Cookie:x", 404),
        ("GET /api/klines/BTCUSDT?format=xml", 404),
        ("DELETE /api/symbols/%00", 404),
        ("DELETE /api/symbols/" + "%F0%9F%98%80" * 80, 404),
        ("POST /api/status", 405),
        ("PUT /api/symbols", 405),
        ("PATCH /api/klines/BTCUSDT", 405),
        ("DELETE /api/symbols", 405),
        ("TRACE /api/status", 405),
        ("PROPFIND /api/status", 405),
        ("PROPFIND /api/nothing", 404),
    ],
)
def test_an_address_or_method_that_is_not_there_is_an_envelope(server: WebServer, line: str, expected: int) -> None:
    assert_refused("/api", ask(server.port, line), expected)


def test_405_names_the_methods_that_are_allowed(server: WebServer) -> None:
    answer = ask(server.port, "PUT /api/symbols")
    assert {"GET", "POST"} <= set(answer.headers["allow"].split(", "))


@pytest.mark.parametrize(
    ("sent", "content_type", "expected"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"\xff\xfe{}", "application/json", 400),
        (b'{"symbol": "\\ud800"}', "application/json", 400),
        (b'{"symbol": "\xed\xa0\x80"}', "application/json", 400),
        (b'{"symbol": "\\u0000"}', "application/json", 400),
        (b'{"symbol": NaN}', "application/json", 400),
        (b'{"symbol": "A", "backfill_from": NaN}', "application/json", 400),
        (b'{"symbol": "A", "backfill_from": 1e400}', "application/json", 400),
        (b'{"symbol": "A", "backfill_from": ' + b"9" * 5_000 + b"}", "application/json", 400),
        (b"[" * 30_000, "application/json", 400),
        (b'{"symbol":' * 3_000 + b"1" + b"}" * 3_000, "application/json", 400),
        (b'["symbol"]', "application/json", 400),
        (b"symbol=BTCUSDT", "application/x-www-form-urlencoded", 415),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x", 415),
        (b"<symbol/>", "text/xml", 415),
        (b"{}", "nonsense", 415),
        (b'{"symbol": "' + b"A" * 70_000 + b'"}', "application/json", 413),
        (b'{"symbol": "' + b"A" * (3 << 20) + b'"}', "application/json", 413),
    ],
)
def test_a_body_that_cannot_be_read_is_an_envelope(
    server: WebServer, sent: bytes, content_type: str, expected: int
) -> None:
    assert_refused("/api", ask(server.port, "POST /api/symbols", sent, content_type=content_type), expected)


def test_a_body_without_a_length_is_refused_and_not_taken_for_an_empty_one(server: WebServer) -> None:
    wish = b'{"symbol": "AUSDT"}'
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(wish), wish)
    headers = {"content_length": "", "transfer_encoding": "chunked", "content_type": "application/json"}
    assert_refused("/api", ask(server.port, "POST /api/symbols", chunked, **headers), 411)


def test_a_client_that_takes_no_json_is_told_so_in_json(server: WebServer) -> None:
    assert_refused("/api", ask(server.port, "GET /api/status", accept="text/html"), 406)


def test_a_browser_is_answered(server: WebServer) -> None:
    answer = ask(server.port, "GET /api/status", accept="text/html,application/xml;q=0.9,*/*;q=0.8")
    assert (answer.status, answer.json["success"]) == (200, True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
WISHES = st.fixed_dictionaries({}, optional={"symbol": JSON, "backfill_from": JSON})


@settings(max_examples=150)
@given(body=st.one_of(JSON.map(json.dumps).map(str.encode), WISHES.map(json.dumps).map(str.encode), st.binary()))
def test_no_body_whatever_makes_the_server_fail(server: WebServer, body: bytes) -> None:
    reply = httpx.post(f"{server.url}/api/symbols", content=body, headers={"content-type": "application/json"})
    assert reply.status_code in {200, 400}
    assert set(reply.json()) == {"success", "data", "error"}


@settings(max_examples=150)
@given(
    name=st.text(max_size=80),
    query=st.dictionaries(
        st.sampled_from(["interval", "limit", "end_time"]),
        st.text(max_size=20) | st.integers().map(str) | st.sampled_from(["1m", "1M"]),
    ),
)
def test_no_address_whatever_makes_the_server_fail(server: WebServer, name: str, query: dict[str, str]) -> None:
    path = quote(name.encode("utf-8", "surrogatepass"), safe="")
    reply = httpx.get(f"{server.url}/api/klines/{path}", params=query)
    assert reply.status_code in {200, 400, 404}
    assert set(reply.json()) == {"success", "data", "error"}


READS = ["/api/status", "/api/symbols", "/api/klines/BTCUSDT", "/api/klines/BTCUSDT?interval=1d"]


def test_while_the_database_is_away_it_is_503_soon_and_heals_without_a_restart(
    server: WebServer, instance: Instance
) -> None:
    wish = {"symbol": "BTCUSDT"}
    with httpx.Client(base_url=server.url) as client:
        assert client.post("/api/symbols", json=wish).status_code == 200
        assert [client.get(path).status_code for path in READS] == [200] * len(READS)
        instance.postgres.kill()
        try:
            for _ in range(2):
                for path in READS:
                    assert_away(lambda path=path: client.get(path))
            assert_away(lambda: client.post("/api/symbols", json=wish))
            assert_away(lambda: client.delete("/api/symbols/BTCUSDT"))
        finally:
            instance.postgres.start()
        eventually(lambda: client.get("/api/status").status_code == 200)
        assert [client.get(path).status_code for path in READS] == [200] * len(READS)
        assert client.post("/api/symbols", json=wish).status_code == 200


def assert_away(send: Any) -> None:
    began = time.monotonic()
    reply = send()
    assert time.monotonic() - began < SOON
    assert reply.status_code == 503
    assert int(reply.headers["retry-after"]) >= 1
    assert_failure("/api", reply.json())


def test_a_restart_of_the_database_between_two_requests_is_not_noticed(server: WebServer, instance: Instance) -> None:
    with httpx.Client(base_url=server.url) as client:
        client.post("/api/symbols", json={"symbol": "BTCUSDT"})
        for path in READS:
            assert client.get(path).status_code == 200
            instance.postgres.kill()
            instance.postgres.start()
            assert client.get(path).status_code == 200


def test_a_failure_tells_nothing_of_the_machine(server: WebServer, instance: Instance) -> None:
    address = instance.postgres.url
    instance.postgres.kill()
    try:
        reply = httpx.get(f"{server.url}/api/status")
    finally:
        instance.postgres.start()
    text = reply.text
    assert reply.status_code == 503
    assert str(instance.postgres.sockets) not in text
    assert address not in text
