"""GET /api/coverage/{symbol}."""

from __future__ import annotations

import datetime as dt
from typing import Any

import orjson
import pytest
from django.http import HttpResponse
from pytest_django import Settings
from rest_framework.test import APIRequestFactory

from market.api.coverage import CoverageOut, CoverageView
from market.domain.source import Source
from market.models import LedgerDay, Symbol
from market.services.ledger import days_note, days_settle
from tests.support.candles import issue, load, make_symbol, ms, random_frame

pytestmark = pytest.mark.django_db

NOW = ms("2024-02-05T12:00:30")
DATA_START = dt.date(2024, 1, 31)


@pytest.fixture
def symbol(settings: Settings) -> Symbol:
    """Wanted from 31 January: a whole day from a file, one with a hole, one unknown, one that no source has, half of
    yesterday, and today up to eleven o'clock."""
    settings.DATA_START = DATA_START
    symbol = make_symbol(tracked=True)
    file = issue("data/BTCUSDT-1m-2024-01.zip", "ab", 1_440)
    load(symbol, random_frame(1, ms("2024-01-31"), 1_440), Source.MONTHLY, file=file)
    load(symbol, random_frame(2, ms("2024-02-01"), 1_000), Source.DAILY)
    load(symbol, random_frame(3, ms("2024-02-01T18:00"), 60), Source.REST)
    days_settle(symbol=symbol, days=[dt.date(2024, 2, 3)], line="no source has it")
    load(symbol, random_frame(4, ms("2024-02-04"), 720), Source.LIVE)
    load(symbol, random_frame(5, ms("2024-02-05"), 660), Source.LIVE)
    return symbol


def ask(query: str = "", *, name: str = "BTCUSDT", now: int = NOW, known: str = "") -> HttpResponse:
    headers = {"If-None-Match": known} if known else {}
    request = APIRequestFactory().get(f"/api/coverage/{name}?{query}", headers=headers)
    response = CoverageView.as_view(now=lambda: now)(request, symbol=name)
    assert isinstance(response, HttpResponse)
    return response


def covered(query: str = "", **options: Any) -> dict[str, Any]:
    response = ask(query, **options)
    assert response.status_code == 200
    data: dict[str, Any] = orjson.loads(response.content)["data"]
    return data


def by_day(data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {day["day"]: day for day in data["days"]}


def test_every_wanted_day_is_there_in_order_with_its_state_and_its_minutes(symbol: Symbol) -> None:
    assert [(day["day"], day["state"], day["rows"], day["expected"]) for day in covered()["days"]] == [
        ("2024-01-31", "archive", 1_440, 1_440),
        ("2024-02-01", "partial", 1_060, 1_440),
        ("2024-02-02", "missing", 0, 1_440),
        ("2024-02-03", "empty", 0, 1_440),
        ("2024-02-04", "partial", 720, 1_440),
        ("2024-02-05", "partial", 660, 720),
    ]


def test_a_day_names_its_sources_its_file_and_its_note(symbol: Symbol) -> None:
    data = covered()
    days = by_day(data)
    assert data["files"] == ["data/BTCUSDT-1m-2024-01.zip"]
    assert (days["2024-01-31"]["sources"], days["2024-01-31"]["file"]) == ({"monthly": 1_440}, 0)
    assert (days["2024-02-01"]["sources"], days["2024-02-01"]["file"]) == ({"daily": 1_000, "rest": 60}, None)
    assert days["2024-02-03"]["note"] == "no source has it"
    assert [day["day"] for day in data["days"] if day["is_settled"]] == ["2024-02-03"]


def test_the_totals_are_sums_over_the_days(symbol: Symbol) -> None:
    assert covered()["totals"] == {
        "days": 6,
        "states": {"missing": 1, "partial": 3, "archive": 1, "rest": 0, "live": 0, "empty": 1, "conflict": 0},
        "rows": 1_440 + 1_060 + 720 + 660,
        "expected": 5 * 1_440 + 720,
        "conflicts": 0,
        "first_day": "2024-01-31",
        "last_day": "2024-02-05",
    }


def test_holes_are_those_of_days_that_are_over_and_were_looked_at(symbol: Symbol) -> None:
    holes = [(hole["first_day"], hole["minutes"], hole["is_settled"]) for hole in covered()["holes"]]
    assert holes == [("2024-02-01", 380, False), ("2024-02-03", 1_440, True), ("2024-02-04", 720, False)]


def test_conflicts_are_counted(symbol: Symbol) -> None:
    load(symbol, random_frame(9, ms("2024-01-31"), 7), Source.DAILY)
    data = covered()
    day = by_day(data)["2024-01-31"]
    assert (day["state"], day["conflicts"], data["totals"]["conflicts"]) == ("conflict", 7, 7)


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        (f"from={ms('2024-02-02')}", "2024-02-02", "2024-02-05"),
        (f"from={ms('2024-02-02T23:59:59.999')}", "2024-02-02", "2024-02-05"),
        (f"to={ms('2024-02-03')}", "2024-01-31", "2024-02-02"),
        (f"to={ms('2024-02-03') + 1}", "2024-01-31", "2024-02-03"),
        (f"from={ms('2024-02-01')}&to={ms('2024-02-03')}", "2024-02-01", "2024-02-02"),
        ("from=0&to=253370764800000", "2024-01-31", "2024-02-05"),
    ],
)
def test_the_days_are_those_that_share_an_instant_with_the_range(
    symbol: Symbol, query: str, first: str, last: str
) -> None:
    data = covered(query)
    assert (data["days"][0]["day"], data["days"][-1]["day"]) == (first, last)
    assert data["totals"]["days"] == len(data["days"])


@pytest.mark.parametrize("query", [f"from={NOW}&to={NOW}", f"to={ms('2020-01-01')}", f"from={ms('2030-01-01')}"])
def test_a_range_without_days_is_an_answer_without_days(symbol: Symbol, query: str) -> None:
    data = covered(query)
    assert (data["days"], data["holes"], data["totals"]["rows"], data["totals"]["first_day"]) == ([], [], 0, None)


def test_of_a_symbol_that_is_not_tracked_only_what_the_ledger_knows_is_there(symbol: Symbol) -> None:
    Symbol.objects.update(is_tracked=False)
    data = covered()
    assert data["wanted_from"] is None
    assert "2024-02-02" not in by_day(data)
    assert len(data["days"]) == 5


def test_of_a_tracked_symbol_it_says_where_its_history_is_to_begin(symbol: Symbol) -> None:
    assert covered()["wanted_from"] == ms("2024-01-31")


def test_the_day_of_the_listing_expects_only_its_own_minutes(settings: Settings) -> None:
    settings.DATA_START = DATA_START
    make_symbol("NEWUSDT", tracked=True, onboard_at=dt.datetime(2024, 2, 4, 13, 30, tzinfo=dt.UTC))
    days = covered(name="newusdt")["days"]
    assert [(day["day"], day["expected"]) for day in days] == [("2024-02-04", 630), ("2024-02-05", 720)]


def test_the_answer_has_the_fields_of_the_schema(symbol: Symbol) -> None:
    data = covered()
    schema = CoverageOut().fields
    assert list(data) == list(schema)
    assert list(data["totals"]) == list(schema["totals"].fields)  # type: ignore[attr-defined]
    assert list(data["holes"][0]) == list(schema["holes"].child.fields)  # type: ignore[attr-defined]
    assert list(data["days"][0]) == list(schema["days"].child.fields)  # type: ignore[attr-defined]


def test_it_is_asked_for_anew_each_time_and_304_until_something_changes(symbol: Symbol) -> None:
    first = ask()
    assert first["Cache-Control"] == "no-cache"
    again = ask(known=first["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    days_note(symbol=symbol, days=[dt.date(2024, 2, 1)], line="something happened")
    assert ask(known=first["ETag"]).status_code == 200


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=2024-01-01", "from"),
        ("from=-1", "from"),
        ("from=253370764800000", "from"),
        ("to=", "to"),
        ("to=1e3", "to"),
        ("to=253370764800001", "to"),
        ("from=2&to=1", "to"),
    ],
)
def test_a_bad_parameter_is_400_with_its_name(symbol: Symbol, query: str, field: str) -> None:
    request = APIRequestFactory().get(f"/api/coverage/BTCUSDT?{query}")
    response = CoverageView.as_view()(request, symbol="BTCUSDT")
    assert response.status_code == 400
    assert str(response.data).startswith(f"{field}: expected ")


def test_an_unknown_symbol_is_404() -> None:
    response = CoverageView.as_view()(APIRequestFactory().get("/api/coverage/NOSUCHUSDT"), symbol="NOSUCHUSDT")
    assert response.status_code == 404


def test_three_years_of_days_stay_a_small_answer(symbol: Symbol) -> None:
    """A calendar page draws them at once: about 150 bytes a day, 164 KB."""
    first = dt.date(2021, 1, 1)
    LedgerDay.objects.bulk_create(
        LedgerDay(symbol=symbol, day=first + dt.timedelta(days), state="archive", expected=1_440, monthly_rows=1_440)
        for days in range(1_096)
    )
    response = ask(f"from={ms('2021-01-01')}&to={ms('2024-01-02')}")
    assert orjson.loads(response.content)["data"]["totals"]["days"] == 1_096
    assert len(response.content) < 180_000
