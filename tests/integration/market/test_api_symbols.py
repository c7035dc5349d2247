"""GET, POST and DELETE /api/symbols, and GET /api/status."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIRequestFactory

from market.api.serializers import SymbolOut
from market.api.views import StatusView
from market.domain.source import Source
from market.domain.window import to_datetime
from market.models import Symbol
from market.services.ledger import days_settle
from tests.support.candles import load, make_symbol, ms, random_frame

pytestmark = pytest.mark.django_db


@pytest.fixture
def listed() -> Symbol:
    """One symbol of the exchange's list that nobody asked for yet."""
    return make_symbol("ETHUSDT", tick_size=Decimal("0.010000000000"), onboard_at=to_datetime(ms("2019-11-27")))


def post(client: Client, body: object) -> Any:
    return client.post("/api/symbols", body, content_type="application/json")


def test_the_tracked_symbols_are_listed_by_name_in_upper_case(client: Client, listed: Symbol) -> None:
    make_symbol("XRPUSDT", tracked=True)
    make_symbol("BTCUSDT", tracked=True)
    assert client.get("/api/symbols").json() == {"success": True, "data": ["BTCUSDT", "XRPUSDT"], "error": None}


def test_a_listed_symbol_is_tracked_in_any_case(client: Client, listed: Symbol) -> None:
    response = post(client, {"symbol": "ethUSDT"})
    assert response.status_code == 200
    assert client.get("/api/symbols").json()["data"] == ["ETHUSDT"]


def test_tracking_answers_with_the_symbol(client: Client, listed: Symbol) -> None:
    data = post(client, {"symbol": "ETHUSDT", "backfill_from": ms("2024-05-01")}).json()["data"]
    assert list(data) == list(SymbolOut().fields)
    assert data["is_tracked"] is True
    assert data["backfill_from"] == ms("2024-05-01")
    assert data["onboard_at"] == ms("2019-11-27")
    assert data["tick_size"] == "0.01"
    assert (data["step_size"], data["delivery_at"]) == (None, None)


def test_tracking_again_is_200_and_changes_nothing(client: Client, listed: Symbol) -> None:
    first = post(client, {"symbol": "ETHUSDT", "backfill_from": ms("2024-05-01")}).json()
    later = post(client, {"symbol": "ETHUSDT", "backfill_from": ms("2024-06-01")})
    assert (later.status_code, later.json()) == (200, first)


def test_an_earlier_start_reaches_further_back(client: Client, listed: Symbol) -> None:
    post(client, {"symbol": "ETHUSDT", "backfill_from": ms("2024-05-01")})
    data = post(client, {"symbol": "ETHUSDT", "backfill_from": ms("2024-04-01")}).json()["data"]
    assert data["backfill_from"] == ms("2024-04-01")


def test_a_symbol_that_the_exchange_does_not_list_is_422(client: Client, listed: Symbol) -> None:
    response = post(client, {"symbol": "NOSUCHUSDT"})
    assert response.status_code == 422
    assert response.json()["error"] == "symbol: NOSUCHUSDT is not listed by the exchange"


def test_before_the_list_is_loaded_it_is_503_with_a_time_to_retry(client: Client) -> None:
    response = post(client, {"symbol": "ETHUSDT"})
    assert response.status_code == 503
    assert int(response["Retry-After"]) >= 1
    assert "list" in response.json()["error"]


def test_with_the_archive_alone_any_name_is_taken(client: Client, settings: Settings) -> None:
    settings.BINANCE_REST_URL = ""
    assert post(client, {"symbol": "币安人生usdt"}).json()["data"]["symbol"] == "币安人生USDT"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "symbol: "),
        ({"symbol": None}, "symbol: "),
        ({"symbol": ""}, "symbol: expected 1 to 64 characters"),
        ({"symbol": 5}, "symbol: expected 1 to 64 characters"),
        ({"symbol": True}, "symbol: expected 1 to 64 characters"),
        ({"symbol": ["ETHUSDT"]}, "symbol: expected 1 to 64 characters"),
        ({"symbol": {"name": "ETHUSDT"}}, "symbol: expected 1 to 64 characters"),
        ({"symbol": "E" * 65}, "symbol: expected 1 to 64 characters"),
        # Longer in upper case.
        ({"symbol": "ŉ" * 40}, "symbol: expected 1 to 64 characters"),
        ({"symbol": "ETH USDT"}, "symbol: expected 1 to 64 characters"),
        ({"symbol": "ETH/USDT"}, "symbol: expected 1 to 64 characters"),
        ({"symbol": "..\\USDT"}, "symbol: expected 1 to 64 characters"),
        ({"symbol": "ETH\x00USDT"}, "symbol: expected 1 to 64 characters"),
        ({"symbol": "ETH\u202eUSDT"}, "symbol: expected 1 to 64 characters"),
        ({"symbol": "ETH\u2028USDT"}, "symbol: expected 1 to 64 characters"),
        ({"symbol": "ETHUSDT", "backfill_from": -1}, "backfill_from: expected a whole number"),
        ({"symbol": "ETHUSDT", "backfill_from": 1.5}, "backfill_from: expected a whole number"),
        ({"symbol": "ETHUSDT", "backfill_from": 10**30}, "backfill_from: expected a whole number"),
        ({"symbol": "ETHUSDT", "backfill_from": True}, "backfill_from: expected a whole number"),
        ({"symbol": "ETHUSDT", "backfill_from": "2024-01-01"}, "backfill_from: expected a whole number"),
        ({"symbol": "ETHUSDT", "backfill_from": [0]}, "backfill_from: expected a whole number"),
        ([], "body: "),
        (["symbol"], "body: "),
        ("ETHUSDT", "body: "),
        (1, "body: "),
        (None, "body: "),
    ],
)
def test_a_bad_wish_is_400_with_the_name_of_what_is_wrong(
    client: Client, listed: Symbol, body: object, error: str
) -> None:
    response = client.generic("POST", "/api/symbols", _json(body), content_type="application/json")
    assert response.status_code == 400
    assert response.json()["error"].startswith(error)
    assert not Symbol.objects.filter(is_tracked=True).exists()


def _json(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def test_untracking_keeps_the_symbol_and_its_candles(client: Client) -> None:
    load(make_symbol("BTCUSDT", tracked=True), random_frame(1, ms("2024-01-01"), 5))
    response = client.delete("/api/symbols/btcusdt")
    assert (response.status_code, response.json()["data"]["is_tracked"]) == (200, False)
    assert client.get("/api/symbols").json()["data"] == []
    assert len(client.get("/api/klines/BTCUSDT").json()["data"]) == 5


def test_untracking_a_known_symbol_that_is_not_tracked_is_200(client: Client, listed: Symbol) -> None:
    assert client.delete("/api/symbols/ETHUSDT").status_code == 200


def test_untracking_an_unknown_symbol_is_404(client: Client) -> None:
    assert client.delete("/api/symbols/NOSUCHUSDT").status_code == 404


def status(now: int) -> dict[str, Any]:
    """The status at a moment of the test's own."""
    response = StatusView.as_view(now=lambda: now)(APIRequestFactory().get("/api/status"))
    assert response.status_code == 200
    return dict(response.data)


def test_status_names_the_tracked_symbols_and_claims_no_collector(client: Client) -> None:
    make_symbol("BTCUSDT", tracked=True)
    data = client.get("/api/status").json()["data"]
    assert (data["is_running"], data["collector_connected"], data["active_symbols"]) == (False, False, ["BTCUSDT"])


def test_status_tells_how_far_each_history_has_come(settings: Settings) -> None:
    settings.DATA_START = dt.date(2024, 1, 1)
    symbol = make_symbol("BTCUSDT", tracked=True)
    # Of four days: one whole, one of half its minutes, one that no source has, one untouched.
    load(symbol, random_frame(1, ms("2024-01-01"), 1_440), Source.DAILY)
    load(symbol, random_frame(2, ms("2024-01-02"), 720), Source.REST)
    days_settle(symbol=symbol, days=[dt.date(2024, 1, 3)], line="no source has this day")
    now = ms("2024-01-05")
    data = status(now)
    assert data["server_time"] == now
    assert data["history"] == [
        {
            "symbol": "BTCUSDT",
            "percent": 50.0,
            "days_wanted": 4,
            "days_done": 2,
            "rows": 2_160,
            "conflict_rows": 0,
            "states": {"missing": 0, "partial": 1, "archive": 1, "rest": 0, "live": 0, "empty": 1, "conflict": 0},
            "wanted_from": ms("2024-01-01"),
            "first_day": "2024-01-01",
            "last_day": "2024-01-03",
        }
    ]


def test_a_history_is_at_100_percent_only_when_nothing_is_left(settings: Settings) -> None:
    settings.DATA_START = dt.date(2010, 1, 1)
    symbol = make_symbol("BTCUSDT", tracked=True)
    start, days = dt.date(2010, 1, 1), 6_000
    days_settle(symbol=symbol, days=[start + dt.timedelta(days=day) for day in range(days - 1)], line="none")
    at = ms("2010-01-01") + days * 86_400_000
    assert status(at)["history"][0]["percent"] == 99.98
    days_settle(symbol=symbol, days=[start + dt.timedelta(days=days - 1)], line="none")
    assert status(at)["history"][0]["percent"] == 100.0


def test_a_symbol_without_any_history_yet_is_at_zero(settings: Settings) -> None:
    settings.DATA_START = dt.date(2024, 1, 1)
    make_symbol("BTCUSDT", tracked=True)
    progress = status(ms("2024-01-03"))["history"][0]
    assert (progress["percent"], progress["days_wanted"], progress["first_day"]) == (0.0, 2, None)


def test_the_running_day_is_not_counted_so_that_a_whole_history_is_at_100_percent(settings: Settings) -> None:
    settings.DATA_START = dt.date(2024, 1, 1)
    symbol = make_symbol("BTCUSDT", tracked=True)
    load(symbol, random_frame(1, ms("2024-01-01"), 2 * 1_440), Source.DAILY)
    load(symbol, random_frame(2, ms("2024-01-03"), 600), Source.LIVE)
    progress = status(ms("2024-01-03") + 600 * 60_000)["history"][0]
    assert (progress["percent"], progress["days_wanted"], progress["days_done"]) == (100.0, 2, 2)
    # In the first minute of a day, none of its minutes is wanted yet: the same days are counted.
    progress = status(ms("2024-01-03") + 30_000)["history"][0]
    assert (progress["percent"], progress["days_wanted"], progress["days_done"]) == (100.0, 2, 2)


def test_the_last_day_of_a_symbol_that_has_ended_is_counted(settings: Settings) -> None:
    settings.DATA_START = dt.date(2024, 1, 1)
    symbol = make_symbol("BTCUSDT", tracked=True)
    Symbol.objects.filter(id=symbol.id).update(delivery_at=dt.datetime(2024, 1, 3, 9, tzinfo=dt.UTC))
    load(symbol, random_frame(1, ms("2024-01-01"), 2 * 1_440), Source.DAILY)
    progress = status(ms("2024-01-10"))["history"][0]
    assert (progress["percent"], progress["days_wanted"], progress["days_done"]) == (66.66, 3, 2)


def test_a_symbol_that_is_wanted_from_today_on_is_at_zero_until_something_of_it_is_stored(settings: Settings) -> None:
    settings.DATA_START = dt.date(2024, 1, 3)
    symbol = make_symbol("BTCUSDT", tracked=True)
    now = ms("2024-01-03") + 600 * 60_000
    assert status(now)["history"][0]["percent"] == 0.0
    load(symbol, random_frame(1, ms("2024-01-03"), 600), Source.REST)
    assert status(now)["history"][0]["percent"] == 100.0
