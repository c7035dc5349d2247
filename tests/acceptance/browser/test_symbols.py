"""Symbols on the page: added, loaded, shown, removed; and what stands there when there is nothing to show."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route

from tests.support.chart_stack import HISTORY_DAYS, ChartStack
from tests.support.visitor import Visitor

pytestmark = pytest.mark.timeout(240)


def test_a_symbol_that_is_added_loads_and_becomes_a_chart(visitor: Visitor, stack: ChartStack) -> None:
    visitor.open()
    visitor.press("Data and symbols")
    visitor.page.fill("#data-symbol", "xrpusdt")
    visitor.press("Track")
    visitor.sees(lambda: visitor.page.locator("#data-list li", has_text="XRPUSDT").count() == 1)
    # The chart behind the dialog follows.
    visitor.until("() => page.symbol === 'XRPUSDT'")
    row = visitor.page.locator("#data-list li", has_text="XRPUSDT")
    visitor.sees(lambda: f"{HISTORY_DAYS} of {HISTORY_DAYS} days" in row.inner_text(), within=60)
    assert row.locator("[data-day=archive]").count() == 1
    visitor.page.keyboard.press("Escape")
    wanted = HISTORY_DAYS * 24
    visitor.press("1h")
    visitor.until(f"() => page.feed.bars.length >= {wanted} && page.feed.state.state === 'ready'", within=30)


def test_a_button_of_a_row_that_is_told_anew_can_be_clicked(visitor: Visitor) -> None:
    def grown(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        for entry in body["data"]["history"]:
            entry["rows"] += 1_000_000
        route.fulfill(json=body)

    visitor.open()
    visitor.press("Data and symbols")
    button = visitor.page.locator("#data-show-ETHUSDT")
    box = button.bounding_box()
    assert box is not None
    visitor.page.mouse.move(box["x"] + 10, box["y"] + 10)
    visitor.page.mouse.down()
    before = visitor.text("#data-list")
    visitor.page.route("**/api/status", grown)
    visitor.sees(lambda: visitor.text("#data-list") != before)
    visitor.page.mouse.up()
    visitor.until_shown("ETHUSDT", "1m")


def test_a_symbol_that_is_removed_keeps_its_candles(visitor: Visitor, stack: ChartStack) -> None:
    visitor.open("ETHUSDT", "1h")
    visitor.press("Data and symbols")
    visitor.press("Stop tracking ETHUSDT")
    visitor.press("Stop tracking")
    visitor.sees(lambda: visitor.page.locator("#data-list li", has_text="ETHUSDT").count() == 0)
    visitor.page.keyboard.press("Escape")
    visitor.sees(lambda: "ETHUSDT is not tracked" in visitor.text("#veil"))
    assert len(visitor.bars()) >= HISTORY_DAYS * 24
    visitor.press("Track it again")
    visitor.sees(lambda: "ETHUSDT" in stack.get("/api/symbols"))
    visitor.sees(lambda: not visitor.page.is_visible("#veil"))


def test_what_the_exchange_does_not_list_is_refused_with_its_reason(visitor: Visitor) -> None:
    visitor.expect("422")
    visitor.open()
    visitor.press("Data and symbols")
    visitor.page.fill("#data-symbol", "NOSUCHUSDT")
    visitor.press("Track")
    visitor.sees(lambda: visitor.text("#data-problem").startswith("NOSUCHUSDT cannot be tracked: symbol: "))


def test_an_unknown_symbol_is_told_of_and_can_be_tracked(visitor: Visitor) -> None:
    visitor.expect("404")
    visitor.open("NOSUCHUSDT", "1h", wait=False)
    visitor.sees(lambda: "NOSUCHUSDT is not known here" in visitor.text("#veil"))
    assert visitor.page.get_by_role("button", name="Track NOSUCHUSDT").is_visible()


def test_under_the_name_of_a_symbol_no_other_ones_candles_are_left(visitor: Visitor) -> None:
    visitor.expect("404", "503")
    visitor.open("BTCUSDT", "1h")
    visitor.ask("() => page.show({ symbol: 'NOSUCHUSDT' })")
    visitor.sees(lambda: "NOSUCHUSDT is not known here" in visitor.text("#veil"))
    assert visitor.bars() == []
    visitor.page.go_back()
    visitor.until_shown("BTCUSDT", "1h")
    away = {"success": False, "data": None, "error": "the database does not answer; try again in a moment"}
    visitor.page.route("**/api/klines/ETHUSDT*", lambda route: route.fulfill(status=503, json=away))
    visitor.ask("() => page.show({ symbol: 'ETHUSDT' })")
    visitor.sees(lambda: "the database does not answer" in visitor.text("#veil"))
    assert all(bar["close"] < 10_000 for bar in visitor.bars())
    visitor.page.unroute("**/api/klines/ETHUSDT*")
    visitor.until_shown("ETHUSDT", "1h")
    visitor.until(f"() => page.feed.bars.length >= {HISTORY_DAYS * 24}")
    assert all(bar["close"] < 10_000 for bar in visitor.bars())


def test_while_the_history_loads_the_chart_says_how_far_it_is(visitor: Visitor) -> None:
    visitor.page.route(
        "**/api/klines/**", lambda route: route.fulfill(json={"success": True, "data": [], "error": None})
    )

    def half(route: object) -> None:
        answer = route.fetch()  # type: ignore[attr-defined]
        body = answer.json()
        for entry in body["data"]["history"]:
            entry |= {"percent": 37.62, "days_wanted": 101, "days_done": 38, "rows": 0}
        route.fulfill(json=body)  # type: ignore[attr-defined]

    visitor.page.route("**/api/status", half)
    visitor.page.route_web_socket("**/ws", lambda _socket: None)
    visitor.open(wait=False)
    visitor.sees(lambda: "History of BTCUSDT is still loading, 37 %" in visitor.text("#veil"))
    assert visitor.text("#history") == "history loading, 37 %"


def test_bars_that_cannot_be_had_are_asked_for_again(visitor: Visitor) -> None:
    visitor.expect("503")
    failure = {"success": False, "data": None, "error": "the database does not answer; try again in a moment"}
    visitor.page.route("**/api/klines/**", lambda route: route.fulfill(status=503, json=failure))
    visitor.open(wait=False)
    visitor.sees(lambda: "the database does not answer" in visitor.text("#veil"))
    visitor.page.unroute("**/api/klines/**")
    visitor.press("Try now")
    visitor.until_shown("BTCUSDT", "1m")


def test_a_button_beside_a_countdown_keeps_the_keyboard(visitor: Visitor) -> None:
    visitor.expect("503")
    failure = {"success": False, "data": None, "error": "the database does not answer; try again in a moment"}
    # The longest wait that is possible: nothing but the countdown changes meanwhile.
    visitor.page.route(
        "**/api/klines/**", lambda route: route.fulfill(status=503, json=failure, headers={"Retry-After": "600"})
    )
    visitor.open(wait=False)
    visitor.sees(lambda: "Trying again in" in visitor.text("#veil"))
    visitor.page.focus("#veil button")
    before = visitor.text("#veil")
    visitor.sees(lambda: visitor.text("#veil") != before)
    assert visitor.ask("() => document.activeElement.textContent") == "Try now"


def test_nothing_of_the_last_symbol_is_told_of_one_whose_bars_cannot_be_had(visitor: Visitor) -> None:
    visitor.expect("404")
    visitor.open("BTCUSDT", "1h")
    visitor.sees(lambda: visitor.page.is_visible("#legend-values"))
    visitor.sees(lambda: visitor.page.title().endswith("BTCUSDT 1h"))
    visitor.ask("() => page.show({ symbol: 'NOSUCHUSDT' })")
    visitor.sees(lambda: "NOSUCHUSDT is not known here" in visitor.text("#veil"))
    visitor.sees(lambda: not visitor.page.is_visible("#legend-values"))
    visitor.sees(lambda: visitor.page.title() == "NOSUCHUSDT 1h")
    assert visitor.text("#day-change") == ""


def test_a_symbol_can_be_clicked_while_its_price_changes(visitor: Visitor) -> None:
    visitor.open()
    visitor.sees(lambda: visitor.page.locator("#watch-list li").count() > 1)
    visitor.page.keyboard.press("/")
    box = visitor.page.locator("#search-list li", has_text="ETHUSDT").bounding_box()
    assert box is not None
    visitor.page.mouse.move(box["x"] + 20, box["y"] + 10)
    visitor.page.mouse.down()
    price = visitor.text("#search-list li:nth-child(2) .number")
    visitor.sees(lambda: visitor.text("#search-list li:nth-child(2) .number") != price)
    visitor.page.mouse.up()
    visitor.until_shown("ETHUSDT", "1m")


def test_a_status_that_cannot_be_read_is_not_taken_for_an_empty_one(visitor: Visitor) -> None:
    visitor.expect("503")
    away = {"success": False, "data": None, "error": "the database does not answer; try again in a moment"}
    visitor.page.route("**/api/status", lambda route: route.fulfill(status=503, json=away))
    visitor.open()
    visitor.press("Data and symbols")
    assert (
        visitor.text("#data-list")
        == "What is tracked is not known: the database does not answer; try again in a moment."
    )
    visitor.page.unroute("**/api/status")
    visitor.sees(lambda: visitor.page.locator("#data-list li .head").count() > 1)
