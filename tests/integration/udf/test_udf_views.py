"""What views answer at a moment of the test's own: caching, and mistakes of ours."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from rest_framework.exceptions import NotAuthenticated, Throttled

from market.models import Symbol
from tests.support.candles import load, make_symbol, ms, random_frame
from udf.views import DailyOpensView, DatafeedView, HistoryView, TimeView

START = ms("2024-03-04T22:00")
HOUR = 3_600_000
END = START + 4 * HOUR


@pytest.fixture
def symbol(db: None) -> Symbol:
    """Four hours across midnight, and nothing of it live."""
    symbol = make_symbol("VIEWUSDT", tracked=True)
    load(symbol, random_frame(7, START, 240))
    return symbol


def page(to: int, *, now: int = END, resolution: str = "60", known: str = "") -> HttpResponse:
    request = RequestFactory().get(
        "/history",
        {"symbol": "VIEWUSDT", "resolution": resolution, "to": str(to // 1_000), "countback": "2"},
        headers={"If-None-Match": known},
    )
    answer = HistoryView.as_view(now=lambda: now)(request)
    assert isinstance(answer, HttpResponse)
    return answer


def test_a_page_that_no_bar_can_join_is_cacheable(symbol: Symbol) -> None:
    answer = page(END - HOUR)
    assert answer["Cache-Control"] == "max-age=60"
    assert answer["ETag"].startswith('"')


def test_a_page_that_is_known_already_is_not_sent_again(symbol: Symbol) -> None:
    first = page(END - HOUR)
    again = page(END - HOUR, known=first["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert (again["ETag"], again["Cache-Control"]) == (first["ETag"], "max-age=60")


def test_a_page_that_has_changed_is_sent_again(symbol: Symbol) -> None:
    first = page(START + HOUR)
    load(symbol, random_frame(9, START - HOUR, 60))
    assert page(START + HOUR, known=first["ETag"]).status_code == 200


@pytest.mark.parametrize(
    ("to", "now"),
    [
        (END, END - 1),  # its last bar still forms
        (END + HOUR, END + 10),  # a bar is to come before its end
        (END + HOUR, END + 100 * HOUR),  # one that should have come may still be found
        (START, END),  # nothing, so far
    ],
)
def test_a_page_that_may_change_is_not_cacheable(symbol: Symbol, to: int, now: int) -> None:
    answer = page(to, now=now)
    assert answer["Cache-Control"] == "no-store"
    assert "ETag" not in answer


def test_a_weeks_page_is_cacheable_once_the_week_is_over(symbol: Symbol) -> None:
    week = ms("2024-03-11")
    assert page(week, now=week - 1, resolution="1W")["Cache-Control"] == "no-store"
    assert page(week, now=week + HOUR, resolution="1W")["Cache-Control"] == "max-age=60"


def test_the_time_is_plain_text(db: None) -> None:
    answer = TimeView.as_view(now=lambda: 1_445_324_591_999)(RequestFactory().get("/time"))
    assert isinstance(answer, HttpResponse)
    assert (answer.content, answer["Content-Type"]) == (b"1445324591", "text/plain")


def opened_at(now: int) -> Any:
    """The price of the symbol; None where it has none."""
    answer = DailyOpensView.as_view(now=lambda: now)(RequestFactory().get("/daily-opens"))
    assert isinstance(answer, HttpResponse)
    return json.loads(answer.content).get("VIEWUSDT")


def test_a_days_open_is_that_of_the_day_it_is(symbol: Symbol) -> None:
    frame = random_frame(7, START, 240)
    assert opened_at(ms("2024-03-05T01:00")) == float(frame.open[120])
    assert opened_at(ms("2024-03-04T23:59")) == float(frame.open[0])
    assert opened_at(ms("2024-03-06T00:00")) is None


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], HttpResponse]:
    """What /config answers when its view raises."""

    def answer(problem: Exception) -> HttpResponse:
        class BrokenView(DatafeedView):
            def get(self, request: HttpRequest) -> HttpResponse:
                raise problem

        found = BrokenView.as_view()(RequestFactory().get("/config"))
        assert isinstance(found, HttpResponse)
        return found

    return answer


def test_a_mistake_of_ours_is_told_to_the_log_and_not_to_the_client(
    failing: Callable[[Exception], HttpResponse], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, logger="udf.errors"):
        answer = failing(RuntimeError("the secret detail"))
    assert answer.status_code == 500
    assert json.loads(answer.content)["s"] == "error"
    assert "secret" not in answer.content.decode()
    assert "the secret detail" in caplog.text


def test_too_many_requests_are_told_when_to_come_back(failing: Callable[[Exception], HttpResponse]) -> None:
    answer = failing(Throttled(wait=2.1))
    assert (answer.status_code, answer["Retry-After"]) == (429, "3")
    assert json.loads(answer.content)["s"] == "error"


def test_who_may_not_read_is_told_so_in_the_same_form(failing: Callable[[Exception], HttpResponse]) -> None:
    answer = failing(NotAuthenticated())
    assert answer.status_code == 401
    assert json.loads(answer.content)["errmsg"] == "Authentication credentials were not provided."


@pytest.mark.urls("tests.integration.udf.broken_urls")
def test_an_exception_outside_of_the_views_has_the_same_form(caplog: pytest.LogCaptureFixture) -> None:
    visitor = Client(raise_request_exception=False)
    answer = visitor.get("/history")
    assert (answer.status_code, answer.json()["s"]) == (500, "error")
    assert visitor.get("/elsewhere")["Content-Type"].startswith("text/html")
