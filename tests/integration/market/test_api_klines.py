"""GET /api/klines/{symbol}."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from django.http import HttpResponse
from django.test import Client
from rest_framework.test import APIRequestFactory

from market.api.klines import KlinesView
from market.api.serializers import KlineOut
from market.domain.frame import CandleFrame
from market.domain.source import Source
from market.models import Symbol
from tests.support.candles import load, make_symbol, ms, random_frame

pytestmark = pytest.mark.django_db

MINUTE = 60_000
START = ms("2024-01-31T22:00")
NOW = START + 180 * MINUTE


@pytest.fixture
def frame() -> CandleFrame:
    """Three hours across the edge of a month, all closed by NOW."""
    return random_frame(7, START, 180)


@pytest.fixture
def symbol(frame: CandleFrame) -> Symbol:
    symbol = make_symbol("BTCUSDT")
    load(symbol, frame)
    return symbol


def bars(query: str = "", *, name: str = "BTCUSDT", now: int = NOW) -> list[dict[str, Any]]:
    """The rows of a successful answer at a moment of the test's own."""
    request = APIRequestFactory().get(f"/api/klines/{name}?{query}")
    response = KlinesView.as_view(now=lambda: now)(request, symbol=name)
    assert isinstance(response, HttpResponse)
    assert response.status_code == 200
    return list(orjson.loads(response.content)["data"])


def test_an_answer_is_an_envelope_of_json(client: Client, symbol: Symbol) -> None:
    response = client.get("/api/klines/BTCUSDT?limit=2")
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    body = response.json()
    assert (set(body), body["success"], body["error"], len(body["data"])) == (
        {"success", "data", "error"},
        True,
        None,
        2,
    )


def test_a_row_has_the_fields_of_the_schema_and_the_stored_values(symbol: Symbol, frame: CandleFrame) -> None:
    row = bars("limit=1")[0]
    assert list(row) == list(KlineOut().fields)
    volume, taker_buy = float(frame.volume[-1]), float(frame.taker_buy_volume[-1])
    assert row == {
        "symbol": "BTCUSDT",
        "timestamp": int(frame.time[-1]),
        "open": float(frame.open[-1]),
        "high": float(frame.high[-1]),
        "low": float(frame.low[-1]),
        "close": float(frame.close[-1]),
        "volume": volume,
        "taker_buy_volume": taker_buy,
        "net_volume": round(2 * taker_buy - volume, 3),
        "is_closed": True,
    }


def test_without_parameters_it_is_the_newest_800_minutes_oldest_first(symbol: Symbol) -> None:
    load(symbol, random_frame(8, START - 700 * MINUTE, 700))
    times = [row["timestamp"] for row in bars()]
    assert times == [NOW - minute * MINUTE for minute in range(800, 0, -1)]


def test_the_symbol_is_taken_in_any_case_and_answered_in_upper_case(symbol: Symbol) -> None:
    assert [row["symbol"] for row in bars("limit=1", name="bTcUsDt")] == ["BTCUSDT"]


def test_a_name_outside_of_ascii_is_found(client: Client) -> None:
    load(make_symbol("币安人生USDT"), random_frame(1, START, 1))
    assert len(client.get("/api/klines/币安人生usdt").json()["data"]) == 1


def test_the_end_is_inclusive_on_the_open_time(symbol: Symbol) -> None:
    at = START + 10 * MINUTE
    assert bars(f"end_time={at}")[-1]["timestamp"] == at
    assert bars(f"end_time={at - 1}")[-1]["timestamp"] == at - MINUTE


@pytest.mark.parametrize(
    ("interval", "opens"),
    [
        ("1m", "2024-02-01T00:59"),
        ("5m", "2024-02-01T00:55"),
        ("15m", "2024-02-01T00:45"),
        ("1h", "2024-02-01T00:00"),
        ("4h", "2024-02-01"),
        ("1d", "2024-02-01"),
        ("1w", "2024-01-29"),
        ("1M", "2024-02-01"),
    ],
)
def test_every_interval_is_served_up_to_its_newest_bar(symbol: Symbol, interval: str, opens: str) -> None:
    assert bars(f"interval={interval}")[-1]["timestamp"] == ms(opens)


@pytest.mark.parametrize(
    ("interval", "now", "is_closed"),
    [
        ("1m", NOW, True),
        ("1h", NOW, True),
        ("1h", NOW - 1, False),
        ("4h", NOW, False),
        # Its last minute was never stored: open while it may still come, closed when it no longer can.
        ("4h", ms("2024-02-01T04:00"), False),
        ("4h", ms("2024-02-01T04:11"), True),
        ("1M", NOW, False),
        ("1M", ms("2024-03-02"), True),
    ],
)
def test_only_a_bar_that_can_still_change_is_open(symbol: Symbol, interval: str, now: int, is_closed: bool) -> None:
    rows = bars(f"interval={interval}", now=now)
    assert [row["is_closed"] for row in rows] == [True] * (len(rows) - 1) + [is_closed]


def test_an_unknown_symbol_is_404(client: Client) -> None:
    response = client.get("/api/klines/NOSUCHUSDT")
    assert response.status_code == 404
    assert response.json() == {"success": False, "data": None, "error": "symbol: 'NOSUCHUSDT' is not known"}


def test_a_known_symbol_without_candles_has_no_bars(client: Client) -> None:
    make_symbol("NEWUSDT")
    response = client.get("/api/klines/NEWUSDT")
    assert (response.status_code, response.json()["data"]) == (200, [])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("interval=2m", "interval"),
        ("interval=1D", "interval"),
        ("interval=", "interval"),
        ("interval=1m%00", "interval"),
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=20001", "limit"),
        ("limit=1.0", "limit"),
        ("limit=1_000", "limit"),
        ("limit=٣", "limit"),
        ("limit=", "limit"),
        ("limit=%2B1", "limit"),
        ("limit=" + "9" * 5_000, "limit"),
        ("end_time=now", "end_time"),
        ("end_time=-1", "end_time"),
        ("end_time=1e12", "end_time"),
        ("end_time=253370764800000", "end_time"),
        ("end_time=" + "9" * 18, "end_time"),
        ("end_time=NaN", "end_time"),
        ("end_time=%FF", "end_time"),
    ],
)
def test_a_bad_parameter_is_400_with_its_name(client: Client, symbol: Symbol, query: str, field: str) -> None:
    response = client.get(f"/api/klines/BTCUSDT?{query}")
    assert response.status_code == 400
    body = response.json()
    assert (body["success"], body["data"]) == (False, None)
    assert body["error"].startswith(f"{field}: expected ")


def test_all_bad_parameters_are_named(client: Client, symbol: Symbol) -> None:
    error = client.get("/api/klines/BTCUSDT?interval=x&limit=y&end_time=z").json()["error"]
    assert all(f"{field}: " in error for field in ("interval", "limit", "end_time"))


@pytest.mark.parametrize("query", ["limit=20000", "end_time=0", "end_time=253370764799999", "limit=1&unknown=1"])
def test_the_greatest_and_the_least_values_are_taken(client: Client, symbol: Symbol, query: str) -> None:
    assert client.get(f"/api/klines/BTCUSDT?{query}").status_code == 200


def test_a_bar_corrected_by_a_better_source_is_served() -> None:
    symbol = make_symbol("ETHUSDT")
    load(symbol, random_frame(1, START, 1), Source.LIVE)
    better = random_frame(2, START, 1)
    load(symbol, better, Source.DAILY)
    assert bars("limit=1", name="ETHUSDT")[0]["close"] == float(better.close[0])


def page(query: str, *, now: int = NOW, known: str = "") -> HttpResponse:
    request = APIRequestFactory().get(f"/api/klines/BTCUSDT?{query}", headers={"If-None-Match": known} if known else {})
    response = KlinesView.as_view(now=lambda: now)(request, symbol="BTCUSDT")
    assert isinstance(response, HttpResponse)
    return response


LATER = NOW + 60 * MINUTE


@pytest.mark.parametrize(
    ("query", "now", "cache"),
    [
        # The newest bar forms.
        ("interval=1h", NOW - 1, "no-store"),
        ("interval=1M", NOW, "no-store"),
        # Closed, but a later bar may join.
        ("", LATER, "no-cache"),
        (f"end_time={NOW}", LATER, "no-cache"),
        # Full and closed, but the newest minute may still be corrected.
        (f"end_time={NOW - MINUTE}", NOW, "no-cache"),
        (f"end_time={NOW - MINUTE}", NOW + 10 * MINUTE, "no-cache"),
        (f"end_time={NOW - MINUTE}", NOW + 10 * MINUTE + 1, "max-age=60"),
        (f"end_time={NOW - 30 * MINUTE}", NOW, "max-age=60"),
        (f"interval=1h&end_time={START}", LATER, "max-age=60"),
        # Nothing is before the first candle, until history brings it.
        ("end_time=0", LATER, "no-cache"),
    ],
)
def test_a_page_may_be_kept_for_as_long_as_it_cannot_change(symbol: Symbol, query: str, now: int, cache: str) -> None:
    response = page(query, now=now)
    assert (response["Cache-Control"], "ETag" in response) == (cache, cache != "no-store")


def test_a_page_that_a_client_has_is_not_sent_again_until_it_changes(frame: CandleFrame) -> None:
    symbol = make_symbol("BTCUSDT")
    load(symbol, frame, Source.LIVE)
    query = f"end_time={START + 60 * MINUTE}&limit=10"
    first = page(query)
    again = page(query, known=first["ETag"])
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert page(f"{query}1", known=first["ETag"]).status_code == 200
    load(symbol, random_frame(99, START + 60 * MINUTE, 1), Source.DAILY)
    changed = page(query, known=first["ETag"])
    assert (changed.status_code, changed["ETag"] == first["ETag"]) == (200, False)
