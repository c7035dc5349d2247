"""Canvases over the wire: saved, listed, loaded as they were, deleted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.integration.canvas.conftest import ORIGIN, Page
from tests.support.web_server import WebServer

DATA = '{"b":1.10,  "a": [1e2, 12345678901234567890123], "c":"\\u00e9é",\n"d":null}'


def test_what_was_saved_is_loaded_letter_by_letter(page: Page) -> None:
    assert page.save("mine", DATA).status_code == 200
    reply = page.load("mine")
    assert (reply.status_code, reply.text) == (200, DATA)
    assert reply.headers["content-type"] == "application/json"


def test_each_save_is_a_version_and_the_version_is_the_tag(page: Page) -> None:
    replies = [page.save("mine", str(number)) for number in range(3)]
    assert [reply.json()["version"] for reply in replies] == [1, 2, 3]
    assert [reply.headers["etag"] for reply in replies] == ['"1"', '"2"', '"3"']
    # The tag does not say whose it is, so no browser may keep it for the next one who asks there.
    assert page.load("mine").headers["cache-control"] == "private, no-store"
    assert (page.load("mine").headers["etag"], page.load("mine").text) == ('"3"', "2")


def test_a_list_has_the_names_and_beside_them_what_is_known_of_each(page: Page) -> None:
    before = int(time.time() * 1000) - 5_000
    page.save("b", "12345")
    page.save("a", "1")
    page.save("other", "1", symbol="ETHUSDT")
    listed = page.list("btcusdt")
    assert listed["canvases"] == ["a", "b"]
    assert [item["name"] for item in listed["items"]] == ["a", "b"]
    item = listed["items"][1]
    assert before < item.pop("updated_at") < before + 60_000
    assert item == {"name": "b", "title": "b", "version": 1, "bytes": 5}


def test_a_title_may_differ_from_the_name(page: Page) -> None:
    body = {"symbol": "BTCUSDT", "name": "x1", "title": "My lines", "data": []}
    assert page.http.post("/canvas/save", json=body).json()["title"] == "My lines"
    assert page.list()["items"][0]["title"] == "My lines"


def test_what_is_deleted_is_gone(page: Page) -> None:
    page.save("mine")
    assert page.delete("mine").status_code == 200
    assert page.load("mine").status_code == 404
    assert page.delete("mine").status_code == 404
    assert page.list()["canvases"] == []


def test_deleting_leaves_no_file(page: Page, folder: Path) -> None:
    marks = [f'"{page.http.headers["x-user-id"]}-{number}"' for number in range(3)]
    for mark in marks:
        page.save("mine", mark)
    assert len(holding(folder, marks)) == 3
    page.delete("mine")
    assert holding(folder, marks) == []


def holding(folder: Path, contents: list[str]) -> list[Path]:
    return [path for path in folder.rglob("*.json") if path.read_text() in contents]


def test_everybody_has_his_own(pages: Callable[[str], Page], page: Page) -> None:
    page.save("mine")
    other = pages("somebody else")
    assert other.load("mine").status_code == 404
    assert other.delete("mine").status_code == 404
    assert other.list()["canvases"] == []
    assert page.load("mine").status_code == 200


def test_who_does_not_say_who_he_is_is_default(server: WebServer, pages: Callable[[str], Page]) -> None:
    with httpx.Client(base_url=server.url) as nobody:
        nobody.post("/canvas/save", json={"symbol": "NOBODYUSDT", "name": "n", "data": 1})
        assert nobody.get("/canvas/list?symbol=NOBODYUSDT").json()["canvases"] == ["n"]
    assert pages("default").list("NOBODYUSDT")["canvases"] == ["n"]


def test_a_user_may_be_named_in_any_script(server: WebServer) -> None:
    name = "名前"
    headers = {"X-User-Id": name.encode()}
    body = {"symbol": "BTCUSDT", "name": "n", "data": 1}
    reply = httpx.post(f"{server.url}/canvas/save", json=body, headers=headers)  # type: ignore[arg-type]
    assert reply.status_code == 200


@pytest.mark.parametrize("user", ["", "a" * 65, "a\tb"])
def test_a_user_who_cannot_be_one_is_refused(server: WebServer, user: str) -> None:
    reply = httpx.get(f"{server.url}/canvas/list?symbol=X", headers={"X-User-Id": user})
    assert reply.status_code == 400
    assert "X-User-Id" in reply.json()["error"]


def test_a_reader_who_has_the_version_is_told_so_without_it(page: Page) -> None:
    tag = page.save("mine", DATA).headers["etag"]
    reply = page.load("mine", if_none_match=tag)
    assert (reply.status_code, reply.content, reply.headers["etag"]) == (304, b"", tag)
    page.save("mine", "1")
    assert page.load("mine", if_none_match=tag).status_code == 200


def test_a_limit_of_canvases_is_named(page: Page) -> None:
    assert [page.save(f"n{number}").status_code for number in range(5)] == [200] * 5
    reply = page.save("n5")
    assert reply.status_code == 403
    assert "at most 5" in reply.json()["error"]
    assert page.save("n4").status_code == 200
    assert page.save("n5", symbol="ETHUSDT").status_code == 200
    page.delete("n0")
    assert page.save("n5").status_code == 200


def test_a_limit_of_bytes_is_named_and_deleting_makes_room(page: Page) -> None:
    megabyte = f'"{"x" * (1024 * 1024)}"'
    assert [page.save("a", megabyte).status_code for _ in range(7)] == [200] * 7
    reply = page.save("b", megabyte)
    assert reply.status_code == 403
    assert "bytes" in reply.json()["error"]
    assert page.load("b").status_code == 404
    page.delete("a")
    assert page.save("b", megabyte).status_code == 200


def test_a_browser_on_an_allowed_origin_may_send_and_read_what_it_needs(server: WebServer) -> None:
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,if-match,x-user-id",
    }
    reply = httpx.options(f"{server.url}/canvas/save", headers=asked)
    assert reply.status_code == 200
    assert reply.headers["access-control-allow-origin"] == ORIGIN
    assert {"content-type", "if-match", "x-user-id"} <= set(reply.headers["access-control-allow-headers"].split(", "))
    assert "POST" in reply.headers["access-control-allow-methods"]
    body = {"symbol": "BTCUSDT", "name": "cors", "data": 1}
    saved = httpx.post(f"{server.url}/canvas/save", json=body, headers={"Origin": ORIGIN})
    assert saved.status_code == 200
    assert "ETag" in saved.headers["access-control-expose-headers"]


def test_a_browser_on_any_other_origin_may_not(server: WebServer) -> None:
    reply = httpx.options(
        f"{server.url}/canvas/save",
        headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"},
    )
    assert "access-control-allow-origin" not in reply.headers


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60)
@given(data=JSON.map(json.dumps))
def test_whatever_is_json_comes_back_as_it_was(server: WebServer, data: str) -> None:
    page = Page(server.url, "hypothesis")
    with page.http:
        saved = page.save("any", data)
        # Numbers beyond what JSON's readers agree on may be refused, but never changed.
        if saved.status_code == 200:
            assert page.load("any").text == data
        else:
            assert saved.status_code == 400
