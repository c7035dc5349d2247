"""The data page: the calendar of what is stored, and the work that mends it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.chart_stack import ChartStack
from tests.support.visitor import Visitor

pytestmark = pytest.mark.timeout(240)


def look_at(visitor: Visitor, symbol: str = "BTCUSDT") -> None:
    visitor.page.goto(f"{visitor.url}/data?symbol={symbol}")
    visitor.page.wait_for_selector("td[data-day]")


def test_the_calendar_has_a_cell_for_each_day_of_the_ledger(visitor: Visitor, stack: ChartStack) -> None:
    look_at(visitor)
    days = stack.get("/api/coverage/BTCUSDT")["days"]
    cells = visitor.page.eval_on_selector_all("td[data-day]", "cells => cells.map((cell) => cell.dataset.day)")
    assert sorted(cells) == [day["day"] for day in days]
    whole = next(day for day in days if day["state"] == "archive")
    state = visitor.page.get_attribute(f"td[data-day='{whole['day']}']", "data-state")
    assert state == "archive"


def test_a_history_that_is_whole_is_at_100_percent_while_the_day_runs(visitor: Visitor, stack: ChartStack) -> None:
    progress = next(each for each in stack.get("/api/status")["history"] if each["symbol"] == "BTCUSDT")
    assert progress["percent"] == 100.0
    look_at(visitor)
    assert visitor.text("#totals > div:first-child").split() == ["history", "100", "%"]
    visitor.open()
    visitor.sees(lambda: visitor.text("#history") == "history complete")
    visitor.press("Data and symbols")
    assert visitor.text("#data-list .head .number") == "100 %"


def test_a_day_under_the_pointer_tells_its_minutes_and_their_source(visitor: Visitor, stack: ChartStack) -> None:
    look_at(visitor)
    day = next(day for day in stack.get("/api/coverage/BTCUSDT")["days"] if day["state"] == "archive")
    visitor.page.hover(f"td[data-day='{day['day']}']")
    detail = visitor.text("#detail")
    assert day["day"] in detail
    assert "1,440 of 1,440 minutes · daily file 1,440" in detail


def test_the_arrow_keys_move_through_the_days(visitor: Visitor) -> None:
    look_at(visitor)
    newest = visitor.page.get_attribute("td[aria-selected=true]", "data-day")
    visitor.page.focus("td[aria-selected=true]")
    visitor.page.keyboard.press("ArrowUp")
    visitor.page.keyboard.press("ArrowLeft")
    visitor.page.keyboard.press("ArrowRight")
    visitor.page.keyboard.press("ArrowDown")
    assert visitor.page.get_attribute("td[aria-selected=true]", "data-day") is not None
    assert visitor.page.locator("td[aria-selected=true]").count() == 1
    assert newest is not None
    assert visitor.page.locator("td[tabindex='0']").count() == 1


def test_a_repair_is_asked_for_and_followed_to_its_end(visitor: Visitor) -> None:
    look_at(visitor, "ETHUSDT")
    visitor.press("Repair the gaps")
    visitor.sees(lambda: "Repair" in visitor.text("#jobs"))
    assert not visitor.page.is_enabled("#repair")
    visitor.sees(lambda: "done" in visitor.text("#jobs li:first-child"), within=60)
    visitor.sees(lambda: visitor.page.is_enabled("#repair"))


def test_another_symbol_is_chosen_and_the_address_follows(visitor: Visitor) -> None:
    look_at(visitor)
    visitor.page.select_option("#symbol", "ETHUSDT")
    visitor.sees(lambda: visitor.text("#name") == "ETHUSDT")
    assert visitor.page.url.endswith("/data?symbol=ETHUSDT")
    visitor.page.go_back()
    visitor.sees(lambda: visitor.text("#name") == "BTCUSDT")


def test_an_unknown_symbol_is_told_of(visitor: Visitor) -> None:
    visitor.expect("404")
    visitor.page.goto(f"{visitor.url}/data?symbol=NOPEUSDT")
    visitor.sees(lambda: "NOPEUSDT' is not known" in visitor.text("#problem"))


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_nothing_is_in_anybodys_way(visit: Callable[..., Visitor], pictures: Path, theme: str) -> None:
    visitor = visit(theme=theme, width=390, height=844, touch=True)
    look_at(visitor)
    visitor.page.screenshot(path=pictures / f"data-{theme}.png")
    assert visitor.ask("() => document.documentElement.scrollWidth") == 390
    assert visitor.barriers() == []


def test_under_the_name_of_a_symbol_no_other_ones_days_are_left(visitor: Visitor) -> None:
    visitor.expect("503")
    look_at(visitor)
    away = {"success": False, "data": None, "error": "the database does not answer; try again in a moment"}
    visitor.page.route("**/api/coverage/ETHUSDT", lambda route: route.fulfill(status=503, json=away))
    visitor.page.select_option("#symbol", "ETHUSDT")
    visitor.sees(lambda: "the database does not answer" in visitor.text("#problem"))
    assert visitor.page.locator("td[data-day]").count() == 0
    assert visitor.text("#totals") == ""


def test_the_way_back_leads_to_what_was_shown_without_a_name_in_the_address(visitor: Visitor) -> None:
    visitor.page.goto(f"{visitor.url}/data")
    visitor.page.wait_for_selector("td[data-day]")
    assert visitor.text("#name") == "BTCUSDT"
    visitor.page.select_option("#symbol", "ETHUSDT")
    visitor.sees(lambda: visitor.text("#name") == "ETHUSDT")
    visitor.page.go_back()
    visitor.sees(lambda: visitor.text("#name") == "BTCUSDT")
