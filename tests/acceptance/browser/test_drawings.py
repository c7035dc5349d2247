"""Drawings: made with the mouse, saved by themselves, seen by others, never lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Route

from tests.support.chart_stack import ChartStack
from tests.support.visitor import Visitor

pytestmark = pytest.mark.timeout(240)

_LINE = [(400, 250), (760, 320)]
# A refused save and a name that is taken are answers that a browser writes down as errors.
_REFUSED = "412"


@pytest.fixture(autouse=True)
def _no_drawings_yet(stack: ChartStack) -> None:
    for symbol in ("BTCUSDT", "ETHUSDT"):
        for name in httpx.get(f"{stack.url}/canvas/list", params={"symbol": symbol}).json()["canvases"]:
            httpx.delete(f"{stack.url}/canvas/delete", params={"symbol": symbol, "name": name}).raise_for_status()


def opened(visit: Callable[..., Visitor], symbol: str = "BTCUSDT") -> Visitor:
    """A visitor whose drawings have been read."""
    visitor = visit()
    visitor.open(symbol, "15m")
    visitor.until_saved()
    return visitor


def line(identity: str, value: float) -> dict[str, Any]:
    """A horizontal line, as the board keeps it."""
    point = {"timestamp": 1_700_000_000_000, "value": value}
    return {"id": identity, "name": "horizontalStraightLine", "points": [point]}


def put(visitor: Visitor, *drawings: dict[str, Any]) -> None:
    """Make these the drawings of the page, as if they had been drawn there."""
    script = (
        "(drawings) => { page.board.drawings = new Map(drawings.map((one) => [one.id, one])); page.board.onChange(); }"
    )
    visitor.ask(script, list(drawings))


def held(visitor: Visitor, address: str) -> list[Route]:
    """The requests to an address, which wait from now on until somebody lets them go."""
    requests: list[Route] = []

    def hold(route: Route) -> None:
        requests.append(route)

    visitor.page.route(address, hold)
    return requests


def canvases_of(visitor: Visitor, symbol: str) -> list[str]:
    """The names of what is saved at the server."""
    names: list[str] = httpx.get(f"{visitor.url}/canvas/list", params={"symbol": symbol}).json()["canvases"]
    return names


def test_a_line_is_still_there_after_a_reload(visit: Callable[..., Visitor]) -> None:
    visitor = opened(visit)
    visitor.draw("Trend line", _LINE)
    (drawn,) = visitor.drawings()
    assert (drawn["name"], len(drawn["points"])) == ("segment", 2)
    assert all(set(point) == {"timestamp", "value"} for point in drawn["points"])
    visitor.until_saved()
    visitor.page.reload()
    visitor.until("() => page.board.drawings.size === 1")
    assert visitor.drawings() == [drawn]
    shown = visitor.ask("() => page.chart.getOverlays().map(({ id, currentStep }) => [id, currentStep])")
    assert shown == [[drawn["id"], -1]]


def test_a_text_is_asked_for_and_kept(visit: Callable[..., Visitor]) -> None:
    visitor = opened(visit)
    visitor.draw("Text", [(600, 300)])
    visitor.page.keyboard.type("Look here")
    visitor.page.keyboard.press("Enter")
    visitor.sees(lambda: [one.get("text") for one in visitor.drawings()] == ["Look here"])
    visitor.until_saved()


def test_a_text_that_still_waits_for_its_words_is_nothing_yet(visit: Callable[..., Visitor]) -> None:
    """It is on no canvas, neither on the one it was begun on nor on that of the symbol which is shown meanwhile."""
    visitor = opened(visit)
    visitor.ask("() => page.show({ symbol: 'ETHUSDT' })")
    visitor.until_shown("ETHUSDT", "15m")
    visitor.draw("Text", [(600, 300)])
    visitor.until("() => document.getElementById('ask').open")
    visitor.page.go_back()
    visitor.until_shown("BTCUSDT", "15m")
    visitor.until("() => !document.getElementById('ask').open && page.chart.getOverlays().length === 0")
    visitor.page.go_forward()
    visitor.until_shown("ETHUSDT", "15m")
    visitor.draw("Text", [(600, 300)])
    visitor.page.keyboard.press("Escape")
    visitor.until("() => !document.getElementById('ask').open && page.chart.getOverlays().length === 0")
    visitor.until_saved()
    assert visitor.drawings() == []
    assert [canvases_of(visitor, symbol) for symbol in ("BTCUSDT", "ETHUSDT")] == [[], []]


def test_a_drawing_that_is_moved_is_saved_where_it_is_then(visit: Callable[..., Visitor]) -> None:
    visitor = opened(visit)
    visitor.draw("Trend line", _LINE)
    before = visitor.drawings()[0]["points"]
    mouse = visitor.page.mouse
    x, y = visitor.places()[0]
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 40, y - 40, steps=4)
    mouse.up()
    visitor.sees(lambda: visitor.drawings()[0]["points"] != before)
    after = visitor.drawings()[0]["points"]
    assert after[1] == before[1]
    visitor.until_saved()
    other = opened(visit)
    assert other.drawings()[0]["points"] == after


def test_the_drawing_that_is_clicked_can_be_coloured_deleted_and_brought_back(visit: Callable[..., Visitor]) -> None:
    visitor = opened(visit)
    visitor.draw("Trend line", _LINE)
    visitor.page.mouse.click(*visitor.middle_of_the_line())
    visitor.press("Colour #e0484f")
    assert visitor.drawings()[0]["colour"] == "#e0484f"
    visitor.press("Delete the drawing")
    assert visitor.drawings() == []
    visitor.page.keyboard.press("Control+z")
    assert len(visitor.drawings()) == 1
    visitor.until_saved()


def test_locked_drawings_stay_where_they_are_and_hidden_ones_come_back(visit: Callable[..., Visitor]) -> None:
    visitor = opened(visit)
    visitor.draw("Horizontal line", [(500, 300)])
    visitor.press("Lock all drawings")
    before = visitor.drawings()
    mouse = visitor.page.mouse
    x, y = visitor.places()[0]
    mouse.move(x, y)
    mouse.down()
    mouse.move(x, y + 60, steps=4)
    mouse.up()
    assert visitor.drawings() == before
    visible = "() => page.chart.getOverlays().map(({ visible }) => visible)"
    visitor.press("Hide all drawings")
    assert visitor.ask(visible) == [False]
    visitor.press("Hide all drawings")
    assert visitor.ask(visible) == [True]


def test_drawings_belong_to_their_symbol(visit: Callable[..., Visitor]) -> None:
    visitor = opened(visit)
    visitor.draw("Horizontal line", [(500, 300)])
    drawn = visitor.drawings()
    # Not even half a second is waited: what is drawn is saved on the way out.
    visitor.ask("() => page.show({ symbol: 'ETHUSDT' })")
    visitor.until_shown("ETHUSDT", "15m")
    assert visitor.drawings() == []
    visitor.ask("() => page.show({ symbol: 'BTCUSDT' })")
    visitor.sees(lambda: visitor.drawings() == drawn)


def test_a_second_browser_sees_the_canvas(visit: Callable[..., Visitor]) -> None:
    visitor = opened(visit)
    visitor.draw("Fibonacci retracement", _LINE)
    visitor.until_saved()
    other = opened(visit)
    assert other.drawings() == visitor.drawings()


def test_two_who_draw_at_the_same_time_lose_nothing(visit: Callable[..., Visitor]) -> None:
    one, other = opened(visit), opened(visit)
    for visitor in (one, other):
        visitor.expect(_REFUSED)
    put(one, line("a", 50_000), line("b", 51_000))
    one.until_saved()
    put(other, line("c", 52_000))
    other.until_saved()
    assert {drawing["id"] for drawing in other.drawings()} == {"a", "b", "c"}
    # The first one has the canvas without the third line: his change is merged into what is saved by now.
    put(one, line("a", 50_500))
    one.until_saved()
    assert [(drawing["id"], drawing["points"][0]["value"]) for drawing in one.drawings()] == [
        ("a", 50_500),
        ("c", 52_000),
    ]


def test_what_both_have_changed_stays_twice(visit: Callable[..., Visitor]) -> None:
    one, other = opened(visit), opened(visit)
    for visitor in (one, other):
        visitor.expect(_REFUSED)
    put(one, line("a", 50_000))
    one.until_saved()
    other.ask("() => page.canvases.reread()")
    other.sees(lambda: len(other.drawings()) == 1)
    put(one, line("a", 51_000))
    one.until_saved()
    put(other, line("a", 52_000))
    other.until_saved()
    assert sorted(drawing["points"][0]["value"] for drawing in other.drawings()) == [51_000, 52_000]


def test_what_could_not_be_saved_is_kept_and_saved_later(visit: Callable[..., Visitor], stack: ChartStack) -> None:
    visitor = opened(visit)
    visitor.expect("Failed to load resource", "ERR_FAILED")
    visitor.page.route("**/canvas/save", lambda route: route.abort())
    put(visitor, line("a", 50_000))
    visitor.sees(lambda: visitor.text("#save-state") == "not saved: the server cannot be reached")
    assert visitor.text("#save-wait").startswith("; again in ")
    # Even the tab may be closed.
    visitor.page.unroute("**/canvas/save")
    visitor.page.reload()
    visitor.until_saved()
    saved = httpx.get(f"{stack.url}/canvas/load", params={"symbol": "BTCUSDT", "name": "main"}).json()
    assert [drawing["id"] for drawing in saved["drawings"]] == ["a"]


def test_a_canvas_is_saved_under_a_name_opened_and_deleted(visit: Callable[..., Visitor]) -> None:
    visitor = opened(visit)
    put(visitor, line("a", 50_000))
    visitor.until_saved()
    visitor.page.click("#canvas-button")
    visitor.page.fill("#canvases-name", "levels / <b>2026</b>")
    visitor.press("Save as")
    visitor.sees(lambda: visitor.text("#canvas-name") == "levels / <b>2026</b>")
    put(visitor, line("a", 50_000), line("b", 51_000))
    visitor.until_saved()

    visitor.page.click("#canvas-button")
    visitor.page.locator("#canvases-list .row", has_text="main").click()
    visitor.sees(lambda: [drawing["id"] for drawing in visitor.drawings()] == ["a"])

    visitor.page.click("#canvas-button")
    visitor.press("Delete levels / <b>2026</b>")
    visitor.press("Delete")
    visitor.sees(lambda: visitor.page.locator("#canvases-list li").count() == 1)
    assert visitor.text("#canvases-problem") == ""


def test_a_canvas_of_another_program_is_left_as_it_is(visit: Callable[..., Visitor], stack: ChartStack) -> None:
    body = {"symbol": "BTCUSDT", "name": "main", "data": {"overlays": [1, 2, 3]}}
    httpx.post(f"{stack.url}/canvas/save", json=body).raise_for_status()
    visitor = visit()
    visitor.open("BTCUSDT", "15m")
    visitor.sees(lambda: "another program" in visitor.text("#save-state"))
    put(visitor, line("a", 50_000))
    visitor.ask("() => page.canvases.reread()")
    saved = httpx.get(f"{stack.url}/canvas/load", params={"symbol": "BTCUSDT", "name": "main"}).json()
    assert saved == {"overlays": [1, 2, 3]}


def test_what_was_drawn_before_the_canvas_was_read_is_saved_after_all(
    visit: Callable[..., Visitor],
) -> None:
    visitor = visit()
    waiting = held(visitor, "**/canvas/list?symbol=BTCUSDT")
    visitor.open("BTCUSDT", "15m")
    visitor.sees(lambda: waiting)
    put(visitor, line("early", 50_000))
    visitor.ask("() => page.show({ symbol: 'ETHUSDT' })")
    for route in waiting:
        route.continue_()
    other = visit()
    visitor.sees(lambda: canvases_of(visitor, "BTCUSDT") == ["main"])
    other.open("BTCUSDT", "15m")
    other.sees(lambda: [one["id"] for one in other.drawings()] == ["early"])


def test_a_save_that_ends_when_another_symbol_is_shown_leaves_that_symbol_alone(visit: Callable[..., Visitor]) -> None:
    visitor = opened(visit, "ETHUSDT")
    visitor.ask("() => page.show({ symbol: 'BTCUSDT' })")
    visitor.until_shown("BTCUSDT", "15m")
    visitor.draw("Horizontal line", [(500, 300)])
    visitor.until_saved()
    waiting = held(visitor, "**/canvas/save")
    visitor.page.click("#canvas-button")
    visitor.page.fill("#canvases-name", "levels")
    visitor.press("Save as")
    visitor.sees(lambda: waiting)
    visitor.page.go_back()
    visitor.until_shown("ETHUSDT", "15m")
    assert not visitor.page.is_visible("#canvases")
    waiting[0].continue_()
    visitor.sees(lambda: canvases_of(visitor, "BTCUSDT") == ["levels", "main"])
    visitor.page.wait_for_timeout(300)
    assert (visitor.drawings(), visitor.text("#canvas-name")) == ([], "main")


def test_a_question_about_one_symbol_is_not_answered_for_another(visit: Callable[..., Visitor]) -> None:
    visitor = opened(visit, "ETHUSDT")
    visitor.draw("Horizontal line", [(500, 300)])
    visitor.until_saved()
    visitor.ask("() => page.show({ symbol: 'BTCUSDT' })")
    visitor.until_shown("BTCUSDT", "15m")
    visitor.draw("Horizontal line", [(500, 300)])
    visitor.press("Delete all drawings")
    visitor.sees(lambda: visitor.page.is_visible("#ask"))
    visitor.page.go_back()
    visitor.until_shown("ETHUSDT", "15m")
    assert not visitor.page.is_visible("#ask")
    visitor.sees(lambda: len(visitor.drawings()) == 1)
