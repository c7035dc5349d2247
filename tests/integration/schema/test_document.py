"""The OpenAPI document tells of every address, and its page is made of installed files alone."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any, Final

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.generators import SchemaGenerator
from pytest_django import Settings
from rest_framework.test import APIRequestFactory

from klineproject.schema import SchemaView
from market.monitoring.app import PATHS

# Pages for people, and views that answer whatever has no address.
_NOT_TOLD: Final = {"DocsView", "NothingHereView"}
_PAGES: Final = "market.web."
_NOT_OURS: Final = ("admin", "static/")


@pytest.fixture
def document(client: Client) -> Any:
    return client.get("/api/schema").json()


def test_the_document_is_valid_and_the_generator_has_no_doubts() -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=io.StringIO())


def test_it_is_openapi_3_1(document: Any) -> None:
    assert document["openapi"].startswith("3.1.")


def _views(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        place = prefix + str(pattern.pattern)
        if place.startswith(_NOT_OURS):
            continue
        if isinstance(pattern, URLResolver):
            yield from _views(pattern.url_patterns, place)
        else:
            assert isinstance(pattern, URLPattern)
            yield place, getattr(pattern.callback, "view_class", getattr(pattern.callback, "cls", pattern.callback))


def test_every_address_and_method_of_the_server_is_told(document: Any) -> None:
    told = {(path, method) for path, item in document["paths"].items() for method in item}
    # Served beside Django.
    served = {(path, "get") for path in PATHS}
    for place, view in _views(get_resolver().url_patterns):
        if view.__name__ in _NOT_TOLD or view.__module__.startswith(_PAGES):
            continue
        # A route as the document writes it; the datafeed's are regular expressions around a name.
        path = "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", re.sub(r"^\^/\?|/\?\\Z$|\\", "", place))
        served |= {(path, method) for method in ("get", "post", "put", "patch", "delete") if hasattr(view, method)}
    assert served == told


def test_every_operation_tells_what_goes_wrong_in_the_form_of_its_protocol(document: Any) -> None:
    forms = {"/api": "Failure", "/canvas": "CanvasFailure", "/1.1": "StorageFailure", "/": "DatafeedFailure"}
    for path, item in document["paths"].items():
        if path in PATHS:
            continue
        form = next(form for begin, form in forms.items() if path.startswith(begin))
        for operation in item.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert response["description"], (path, status)
                    schema = response["content"]["application/json"]["schema"]
                    assert schema == {"$ref": f"#/components/schemas/{form}"}, (path, status)


@pytest.mark.parametrize(
    ("access", "reads_need_token", "expected"),
    [
        ("open", False, {"GET /history": None, "POST /api/symbols": None, "GET /canvas/list": None}),
        ("token", False, {"GET /history": False, "POST /api/symbols": True, "GET /canvas/list": True}),
        ("token", True, {"GET /history": True, "POST /api/symbols": True, "GET /canvas/list": True}),
    ],
)
def test_the_document_tells_where_it_has_to_be_known_who_asks(
    settings: Settings, access: str, reads_need_token: bool, expected: dict[str, bool | None]
) -> None:
    settings.ACCESS, settings.READS_NEED_TOKEN = access, reads_need_token
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    found: dict[str, bool | None] = {}
    for line in expected:
        method, path = line.split()
        ways = paths[path][method.lower()].get("security")
        found[line] = None if ways is None else {} not in ways
    assert found == expected


def test_every_operation_has_a_name_a_summary_and_a_place(document: Any) -> None:
    places = {tag["name"] for tag in document["tags"]}
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    for operation in operations:
        assert operation["summary"]
        assert set(operation["tags"]) <= places


def test_the_document_comes_as_yaml_too(client: Client, document: Any) -> None:
    answer = client.get("/api/schema?format=yaml")
    assert answer["Content-Type"] == "application/yaml"
    assert yaml.safe_load(answer.content) == document


def test_a_document_that_one_has_is_not_sent_again(client: Client) -> None:
    tag = client.get("/api/schema")["ETag"]
    again = client.get("/api/schema", headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")


def test_another_form_of_the_document_is_refused_in_the_form_of_the_api(client: Client) -> None:
    answer = client.get("/api/schema?format=xml")
    assert answer.status_code == 400
    assert answer.json() == {"success": False, "data": None, "error": "format: expected one of json, yaml, not 'xml'"}


def test_a_wrong_method_at_the_document_is_refused_in_the_form_of_the_api() -> None:
    answer = SchemaView.as_view()(APIRequestFactory().post("/api/schema"))
    answer.render()
    assert (answer.status_code, answer["Content-Type"]) == (405, "application/json")


class _Page(HTMLParser):
    """What a page loads, and whether it has a script of its own."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.inline: list[str] = []
        self._in_script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.loads += [value for name in ("src", "href") if (value := values.get(name)) is not None]
        self._in_script = tag == "script"

    def handle_data(self, data: str) -> None:
        if self._in_script and data.strip():
            self.inline.append(data)


def test_the_page_loads_what_is_installed_and_nothing_from_elsewhere(client: Client) -> None:
    answer = client.get("/api/docs")
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/html; charset=utf-8")
    page = _Page(answer.content.decode())
    assert page.inline == []
    assert len(page.loads) == 5
    for address in page.loads:
        assert re.match(r"/(?!/)", address), address
        loaded = client.get(address)
        assert loaded.status_code == 200, address
        content = b"".join(loaded) if loaded.streaming else loaded.content
        assert content, address
        if loaded["Content-Type"].startswith("text/css"):
            assert re.findall(rb"@import|url\((?!['\"]?(?:data:|#))", content) == []


def test_the_pages_script_asks_this_server_for_the_document_and_nobody_to_judge_it(client: Client) -> None:
    script = client.get("/api/docs?script=").content.decode()
    assert '"/api/schema"' in script
    assert '"validatorUrl": null' in script
    assert not re.search(r"https?://", script)


def test_the_page_knows_no_envelopes(client: Client) -> None:
    answer = client.post("/api/docs")
    assert answer.status_code == 405
    assert answer["Content-Type"].startswith("text/html")
    assert b"success" not in answer.content
