"""TradingView's storage protocol, as a chart's widget calls it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, Final, Literal

import httpx
import pytest

from canvas.models import MAX_OWNER
from tests.support.web_server import WebServer

Form = Literal["multipart", "urlencoded", "json"]
FORMS: Final[list[Form]] = ["multipart", "urlencoded", "json"]
# What a form could spoil: signs that forms escape, blanks at the ends, letters of any script, ends of lines.
CONTENT: Final = ' {"a":1.10,"b":"x&y=z+%20 é\U0001f56f\\u00e9","c":[]}\r\n '


class Widget:
    """One chart of one user. Everything goes by the address and the body: the widget knows no headers of ours."""

    def __init__(self, url: str, user: str, client: str = "widget", form: Form = "multipart") -> None:
        self.http = httpx.Client(base_url=f"{url}/1.1", timeout=30, trust_env=False)
        self.who = {"client": client, "user": user}
        self.form = form

    def call(self, method: str, path: str, fields: dict[str, str] | None = None, /, **query: str | int) -> Any:
        """The body of the answer; an error of the protocol is a body, too."""
        body: dict[str, Any] = {}
        match self.form if fields is not None else None:
            case "multipart":
                body["files"] = {name: (None, value) for name, value in (fields or {}).items()}
            case "urlencoded":
                body["data"] = fields
            case "json":
                body["json"] = fields
        reply = self.http.request(method, path, params={**self.who, **query}, **body)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def data(self, path: str, **query: str | int) -> Any:
        answer = self.call("GET", path, None, **query)
        assert answer["status"] == "ok"
        return answer["data"]

    def save_chart(self, name: str, content: str = CONTENT, **query: str | int) -> Any:
        fields = {"name": name, "content": content, "symbol": "BINANCE:BTCUSDT", "resolution": "60"}
        return self.call("POST", "/charts", fields, **query)


@pytest.fixture(params=FORMS)
def widget(server: WebServer, request: pytest.FixtureRequest) -> Iterator[Widget]:
    """Of a user who has nothing yet; once for each form of bodies."""
    widget = Widget(server.url, f"{request.node.name} {time.time_ns()}"[-MAX_OWNER:], form=request.param)
    with widget.http:
        yield widget


def test_a_layout_is_saved_and_comes_back_letter_by_letter(widget: Widget) -> None:
    before = int(time.time()) - 5
    saved = widget.save_chart("My layout")
    assert saved == {"status": "ok", "id": saved["id"]}
    (listed,) = widget.data("/charts")
    assert before < listed.pop("timestamp") < before + 60
    assert listed == {"id": saved["id"], "name": "My layout", "symbol": "BINANCE:BTCUSDT", "resolution": "60"}
    loaded = widget.data("/charts", chart=saved["id"])
    assert set(loaded) == {"id", "name", "timestamp", "content"}
    assert (loaded["id"], loaded["name"], loaded["content"]) == (saved["id"], "My layout", CONTENT)


def test_a_layout_is_overwritten_and_renamed(widget: Widget) -> None:
    chart = widget.save_chart("old")["id"]
    assert widget.save_chart("new", "changed", chart=chart) == {"status": "ok"}
    assert [listed["name"] for listed in widget.data("/charts")] == ["new"]
    assert widget.data("/charts", chart=chart)["content"] == "changed"


def test_layouts_may_have_the_same_name(widget: Widget) -> None:
    ids = {widget.save_chart("same", str(number))["id"] for number in range(2)}
    assert {listed["id"] for listed in widget.data("/charts")} == ids
    assert len(ids) == 2


def test_a_layout_is_deleted(widget: Widget) -> None:
    chart = widget.save_chart("mine")["id"]
    assert widget.call("DELETE", "/charts", chart=chart) == {"status": "ok"}
    assert widget.data("/charts") == []
    assert_error(widget.call("GET", "/charts", chart=chart))


def assert_error(answer: Any) -> None:
    assert set(answer) == {"status", "message"}
    assert answer["status"] == "error"
    assert answer["message"]


@pytest.mark.parametrize("chart", [0, 999_999_999, "x", "", "-1", "1 OR 1=1", "9" * 50, "\0"])
def test_a_layout_that_is_not_there_is_an_error_that_the_widget_can_show(widget: Widget, chart: str | int) -> None:
    assert_error(widget.call("GET", "/charts", chart=chart))
    assert_error(widget.save_chart("name", chart=chart))
    assert_error(widget.call("DELETE", "/charts", chart=chart))
    assert widget.data("/charts") == []


def test_neither_another_user_nor_another_client_sees_a_layout(server: WebServer, widget: Widget) -> None:
    chart = widget.save_chart("mine")["id"]
    for who in ({"user": "somebody else"}, {"client": "another page"}):
        other = {**widget.who, **who}
        assert widget.http.get("/charts", params=other).json() == {"status": "ok", "data": []}
        assert_error(widget.http.get("/charts", params={**other, "chart": chart}).json())
        assert_error(widget.http.delete("/charts", params={**other, "chart": chart}).json())
    assert widget.data("/charts", chart=chart)["name"] == "mine"


def test_the_header_names_the_owner_where_a_proxy_sets_it(server: WebServer, widget: Widget) -> None:
    proxied = {"X-User-Id": widget.who["user"]}
    widget.save_chart("mine")
    reply = widget.http.get("/charts", params={**widget.who, "user": "whoever"}, headers=proxied)
    assert [listed["name"] for listed in reply.json()["data"]] == ["mine"]


def test_a_study_template_is_saved_listed_loaded_replaced_and_deleted(widget: Widget) -> None:
    assert widget.call("POST", "/study_templates", {"name": "T", "content": "old"}) == {"status": "ok"}
    assert widget.call("POST", "/study_templates", {"name": "T", "content": CONTENT}) == {"status": "ok"}
    assert widget.data("/study_templates") == [{"name": "T"}]
    assert widget.data("/study_templates", template="T") == {"name": "T", "content": CONTENT}
    assert widget.call("DELETE", "/study_templates", template="T") == {"status": "ok"}
    assert widget.data("/study_templates") == []
    assert_error(widget.call("GET", "/study_templates", template="T"))
    assert_error(widget.call("DELETE", "/study_templates", template="T"))


def test_a_drawing_template_belongs_to_its_tool(widget: Widget) -> None:
    path, named = "/drawing_templates", {"tool": "LineToolTrendLine", "name": "../red"}
    assert widget.call("POST", path, {"content": CONTENT}, **named) == {"status": "ok"}
    assert widget.data(path, tool="LineToolTrendLine") == ["../red"]
    assert widget.data(path, tool="LineToolRay") == []
    assert widget.data(path, **named) == {"name": "../red", "content": CONTENT}
    assert_error(widget.call("GET", path, tool="LineToolRay", name="../red"))
    assert widget.call("DELETE", path, None, **named) == {"status": "ok"}
    assert widget.data(path, tool="LineToolTrendLine") == []


def test_a_chart_template_is_saved_listed_loaded_and_deleted(widget: Widget) -> None:
    assert widget.call("POST", "/chart_templates", {"name": "dark", "content": CONTENT}) == {"status": "ok"}
    assert widget.data("/chart_templates") == ["dark"]
    assert widget.data("/chart_templates", template="dark") == {"name": "dark", "content": CONTENT}
    assert widget.call("DELETE", "/chart_templates", template="dark") == {"status": "ok"}
    assert widget.data("/chart_templates") == []


PLACE: Final = {"layout": "12", "chart": "_shared"}


def line(symbol: str, price: float) -> dict[str, Any]:
    return {"symbol": symbol, "state": {"points": [{"price": price}]}}


def draw(widget: Widget, sources: Any, groups: Any = None, **place: str) -> None:
    state = json.dumps({"sources": sources, "groups": groups or {}})
    assert widget.call("POST", "/drawings", {"state": state}, **{**PLACE, **place}) == {"status": "ok"}


def drawn(widget: Widget, **place: str) -> Any:
    return widget.data("/drawings", **{**PLACE, **place})["state"]


def test_drawings_are_merged_and_null_deletes(widget: Widget) -> None:
    draw(widget, {"a": line("X", 1), "b": line("X", 2)}, {"g": {"name": "group"}})
    draw(widget, {"a": None, "b": line("X", 3), "c": line("X", 4)})
    assert drawn(widget) == {"sources": {"b": line("X", 3), "c": line("X", 4)}, "groups": {"g": {"name": "group"}}}
    draw(widget, [["b", None], ["c", None]], [["g", None]])
    assert drawn(widget) == {"sources": {}, "groups": {}}


def test_drawings_are_asked_for_by_symbol(widget: Widget) -> None:
    draw(widget, {"a": line("X", 1), "b": line("Y", 2)})
    assert drawn(widget, symbol="X")["sources"] == {"a": line("X", 1)}
    assert set(drawn(widget)["sources"]) == {"a", "b"}


def test_drawings_of_a_chart_and_a_layout_are_its_own(widget: Widget) -> None:
    draw(widget, {"a": line("X", 1)})
    assert drawn(widget, chart="2")["sources"] == drawn(widget, layout="13")["sources"] == {}


def test_a_chart_that_was_never_drawn_on_has_no_drawings(widget: Widget) -> None:
    assert drawn(widget, chart="never") == {"sources": {}, "groups": {}}


def test_a_state_may_come_as_an_object(server: WebServer, widget: Widget) -> None:
    body = {"state": {"sources": {"a": line("X", 1)}}}
    reply = widget.http.post("/drawings", params={**widget.who, **PLACE}, json=body)
    assert reply.json() == {"status": "ok"}
    assert drawn(widget)["sources"] == {"a": line("X", 1)}


def test_a_limit_is_an_error_that_the_widget_can_show(widget: Widget) -> None:
    assert [widget.save_chart("n")["status"] for _ in range(5)] == ["ok"] * 5
    assert_error(widget.save_chart("n"))
    assert len(widget.data("/charts")) == 5
