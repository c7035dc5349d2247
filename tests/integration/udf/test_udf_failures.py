"""Whatever is sent to a served product, the answer is one that a chart can read."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.udf.conftest import Chart
from tests.support.raw_http import ask, assert_failure
from tests.support.served import served
from tests.support.udf_client import Failed, UdfClient
from tests.support.web_server import WebServer

# The data is committed by the fixture; the mark is what gives the run its test database.
pytestmark = pytest.mark.django_db

HISTORY = "/history?symbol=BTCUSDT&resolution=1&from=0&to=1700000000"
ROUTES = (
    *("config", "time", "symbols", "symbol_info", "search", "history"),
    *("tracked-symbols", "daily-opens", "quotes", "timescale_marks", "marks"),
)


@pytest.mark.parametrize(
    ("address", "status", "told"),
    [
        ("/symbols", 400, "symbol: expected, and missing"),
        ("/symbols?symbol=", 400, "symbol: expected, and missing"),
        ("/symbols?symbol=NOPE", 200, "unknown_symbol"),
        ("/symbols?symbol=BTC%00USDT", 200, "unknown_symbol"),
        ("/symbols?symbol=%FF%FE", 200, "unknown_symbol"),
        ("/symbols?symbol=%ED%A0%80", 200, "unknown_symbol"),
        ("/symbols?symbol=..%2F..%2Fetc%2Fpasswd", 200, "unknown_symbol"),
        ("/symbols?symbol=%27%3B%20DROP%20TABLE%20market_symbol%3B--", 200, "unknown_symbol"),
        ("/symbols?symbol=%23NV", 200, "unknown_symbol"),
        (f"/symbols?symbol={'A' * 20_000}", 200, "unknown_symbol"),
        ("/history", 400, "symbol: expected, and missing"),
        ("/history?symbol=BTCUSDT", 400, "resolution: expected, and missing"),
        ("/history?symbol=BTCUSDT&resolution=1", 400, "from: expected, as there is no countback"),
        ("/history?symbol=NOPE&resolution=1&from=0&to=1", 200, "unknown_symbol"),
        ("/history?symbol=NOPE%23NV&resolution=1&from=0&to=1", 200, "unknown_symbol"),
        ("/history?symbol=BTCUSDT&resolution=1m&from=0&to=1", 400, "resolution: expected one of 1, 5,"),
        ("/history?symbol=BTCUSDT&resolution=30&from=0&to=1", 400, "resolution: expected one of 1, 5,"),
        ("/history?symbol=BTCUSDT&resolution=1&from=2&to=1", 400, "from: expected a moment that is not after"),
        ("/history?symbol=BTCUSDT&resolution=1&from=x&to=1", 400, "from: expected a whole number"),
        ("/history?symbol=BTCUSDT&resolution=1&from=0&to=NaN", 400, "to: expected a whole number"),
        ("/history?symbol=BTCUSDT&resolution=1&from=0&to=1e10", 400, "to: expected a whole number"),
        ("/history?symbol=BTCUSDT&resolution=1&from=0&to=1709251200000000", 400, "to: expected a whole number"),
        (f"/history?symbol=BTCUSDT&resolution=1&from=0&to={'9' * 5_000}", 400, "to: expected a whole number"),
        ("/history?symbol=BTCUSDT&resolution=1&countback=0", 400, "countback: expected a whole number from 1"),
        ("/history?symbol=BTCUSDT&resolution=1&countback=-5", 400, "countback: expected a whole number from 1"),
        ("/history?symbol=BTCUSDT&resolution=1&countback=1.5", 400, "countback: expected a whole number from 1"),
        ("/history?" + "&".join(f"a{n}=1" for n in range(2_000)), 400, "cannot be read"),
        ("/search?limit=0", 400, "limit: expected a whole number from 1"),
        ("/search?limit=x", 400, "limit: expected a whole number from 1"),
        ("/quotes", 400, "symbols: expected, and missing"),
        ("/quotes?symbols=,,,", 400, "symbols: expected 1 to 200"),
        ("/quotes?symbols=" + ",".join("A" * 201), 400, "symbols: expected 1 to 200"),
        ("/timescale_marks?symbol=BTCUSDT", 400, "resolution: expected, and missing"),
        ("/timescale_marks?symbol=NOPE&resolution=1D&from=0&to=1", 200, "unknown_symbol"),
        ("/symbol_info?group=NYSE", 400, "group: expected BINANCE"),
        ("/marks?symbol=BTCUSDT&from=0&to=1&resolution=1", 404, "nothing at this address"),
        ("/history/more", 404, "nothing at this address"),
        ("/config/../config%00", 404, "nothing at this address"),
        ("//history//", 404, "nothing at this address"),
    ],
)
def test_a_request_that_cannot_be_met_is_told_why(
    server: WebServer, chart: Chart, address: str, status: int, told: str
) -> None:
    answer = ask(server.port, f"GET {address}")
    assert answer.headers["cache-control"] == "no-store"
    assert told in assert_failure("/history", answer.json)
    assert answer.status == status


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_only_get_is_served(server: WebServer, chart: Chart, route: str, method: str) -> None:
    answer = ask(server.port, f"{method} /{route}", b'{"deep":' * 50)
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD"
    assert "GET" in assert_failure("/history", answer.json)


@pytest.mark.parametrize("route", ROUTES)
def test_a_host_that_is_not_ours_is_told_so_in_the_same_form(server: WebServer, chart: Chart, route: str) -> None:
    answer = httpx.get(f"{server.url}/{route}", headers={"Host": "elsewhere.example"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/json")
    assert_failure("/history", answer.json())


@pytest.mark.parametrize("route", ["config", "time", "tracked-symbols", "search"])
def test_slashes_around_an_address_do_no_harm(server: WebServer, chart: Chart, route: str) -> None:
    bodies = [httpx.get(f"{server.url}{path}") for path in (f"/{route}", f"//{route}", f"/{route}/")]
    assert {answer.status_code for answer in bodies} == {200}


def test_a_head_is_answered_without_a_body(server: WebServer, chart: Chart) -> None:
    answer = httpx.head(f"{server.url}{HISTORY}")
    assert (answer.status_code, answer.content) == (200, b"")


def test_times_before_1970_are_as_good_as_none(feed: UdfClient, chart: Chart) -> None:
    assert feed.history("BTCUSDT", "1M", start=-(10**10), end=-(10**9), countback=3).no_data
    bars = feed.history("BTCUSDT", "1M", start=-(10**10), end=chart.now).bars
    assert bars == chart.shown("1M")


def test_times_far_in_the_future_are_as_good_as_now(feed: UdfClient, chart: Chart) -> None:
    for resolution in ("1", "1M"):
        page = feed.history("BTCUSDT", resolution, start=0, end=200_000_000_000, countback=2)
        assert page.bars == chart.shown(resolution)[-2:]


texts = (
    st.text(max_size=30)
    | st.integers(-(10**20), 10**20).map(str)
    | st.sampled_from(["BTCUSDT", "1M", "1D", "2", "NaN"])
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    route=st.sampled_from(ROUTES),
    values=st.dictionaries(
        st.sampled_from(["symbol", "resolution", "from", "to", "countback", "symbols", "query", "limit", "group"]),
        texts,
    ),
)
def test_any_parameters_get_an_answer_that_a_chart_can_read(
    server: WebServer, chart: Chart, route: str, values: dict[str, str]
) -> None:
    query = "&".join(f"{name}={quote(text, errors='replace')}" for name, text in values.items())
    answer = httpx.get(f"{server.url}/{route}?{query}")
    assert answer.status_code in {200, 400, 404}
    body = answer.json()
    if isinstance(body, dict) and body.get("s") == "ok" and route == "history":
        assert body["t"]
    if answer.status_code != 200:
        assert_failure("/history", body)


def test_another_origin_may_read_what_it_is_allowed_to(server: WebServer, chart: Chart) -> None:
    for status, address in ((200, "/config"), (400, "/history")):
        answer = httpx.get(f"{server.url}{address}", headers={"Origin": "https://charts.example"})
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (status, "https://charts.example")


def test_a_database_that_is_away_is_told_to_the_chart(tmp_path: Path) -> None:
    environ = {"DATABASE_URL": f"postgresql://kline@/kline?host={tmp_path}"}
    with served(tmp_path, environ) as server:
        client = UdfClient(server.url)
        assert client.start()["supports_search"] is True
        with pytest.raises(Failed, match="the database does not answer"):
            client.history("BTCUSDT", "1", start=0, end=60, countback=2)
        answer = httpx.get(f"{server.url}{HISTORY}")
        client.close()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
