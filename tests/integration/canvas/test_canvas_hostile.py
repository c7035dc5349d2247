"""Whatever is sent, the answer is a clear 4xx as JSON, nothing leaves the folder, and the server lives."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klineproject.local.instance import Instance
from tests.integration.canvas.conftest import Page
from tests.support.eventually import eventually
from tests.support.raw_http import ask, assert_failure, assert_refused
from tests.support.web_server import WebServer

_OUR_NAMES = re.compile(r"[0-9a-f-]{36}/[0-9a-f-]{36}\.json")
DEEP = "[" * 100_000 + "]" * 100_000


HOSTILE_NAMES = [
    "..",
    "../../../../etc/passwd",
    "/etc/passwd",
    "\\\\server\\share",
    "C:\\Windows",
    "a/b/c",
    "./a",
    "~root",
    "%2e%2e%2f",
    "a.json",
    "CON",
    "$(id)",
    "'; DROP TABLE canvas_document; --",
    "<script>",
    " ",
    "\u202egnp.exe",
    "e\u0301",
    "\U0001f56f" * 128,
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_name_that_looks_like_a_path_is_a_name(page: Page, folder: Path, name: str) -> None:
    data = json.dumps({"of": name})
    assert page.save(name, data).status_code == 200
    assert page.load(name).text == data
    assert page.list()["canvases"] == [name]
    assert page.save(name, data, symbol=name).status_code == 200
    names = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    assert names
    assert all(_OUR_NAMES.fullmatch(path) for path in names)
    assert page.delete(name).status_code == 200


@pytest.mark.parametrize("name", ["../..", "/etc", "a/../../b"])
def test_a_user_who_looks_like_a_path_is_a_user(pages: Callable[[str], Page], folder: Path, name: str) -> None:
    page = pages(name)
    assert page.save("mine", '"of him"').status_code == 200
    assert page.load("mine").text == '"of him"'
    places = [path.name for path in folder.iterdir()]
    assert places
    assert all(re.fullmatch(r"[0-9a-f-]{36}", place) for place in places)


@pytest.mark.parametrize("name", ["", "a\0b", "\n", "x" * 129, "x" * 10_000, "\x1b[2J"])
def test_what_is_no_name_is_refused_everywhere(page: Page, name: str) -> None:
    for reply in (page.save(name), page.load(name), page.delete(name), page.save("n", symbol=name)):
        assert reply.status_code == 400
        assert_failure("/canvas", reply.json())
    assert page.list()["canvases"] == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("GET /canvas", 404),
        ("GET /canvas/", 404),
        ("GET /canvas/list/", 404),
        ("GET /canvas/..%2f..%2fetc%2fpasswd", 404),
        ("GET /canvas/%00", 404),
        ("GET /canvas/%0a", 404),
        ("GET /canvas/list", 400),
        ("GET /canvas/list?symbol=", 400),
        ("GET /canvas/list?symbol=%00", 400),
        ("GET /canvas/list?symbol=" + "A" * 10_000, 400),
        ("GET /canvas/load?symbol=X", 400),
        ("GET /canvas/load?symbol=X&name=" + "%F0%9F%98%80" * 129, 400),
        ("GET /canvas/load?" + "&".join(f"a{n}=1" for n in range(1_500)), 400),
        ("GET /canvas/load?symbol=X&name=%FF%FE", 404),
        ("GET /canvas/load?symbol=X&name=%ED%A0%80", 404),
        ("DELETE /canvas/delete", 400),
        ("POST /canvas/list", 405),
        ("GET /canvas/save", 405),
        ("PUT /canvas/save", 405),
        ("POST /canvas/delete", 405),
        ("PROPFIND /canvas/load", 405),
        ("TRACE /canvas/load", 405),
        ("GET /1.1", 404),
        ("GET /1.1/", 404),
        ("GET /1.1/nothing", 404),
        ("GET /1.0/charts", 404),
        ("PUT /1.1/charts", 405),
        ("DELETE /1.1/drawings", 405),
        ("DELETE /1.1/charts", 400),
        ("POST /1.1/charts", 400),
        ("GET /1.1/charts?user=%00", 400),
        ("GET /1.1/charts?user=" + "u" * 65, 400),
        ("GET /1.1/charts?client=" + "c" * 129, 400),
        ("GET /1.1/drawing_templates", 400),
        ("GET /1.1/drawing_templates?tool=", 400),
        ("GET /1.1/drawings", 400),
    ],
)
def test_an_address_that_cannot_be_answered_is_a_clear_error(server: WebServer, line: str, expected: int) -> None:
    assert_refused(line.split()[1], ask(server.port, line), expected)


@pytest.mark.parametrize(
    ("sent", "content_type", "expected"),
    [
        (b"", "application/json", 400),
        (b"", "", 400),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"null", "application/json", 400),
        (b"{}", "application/json", 400),
        (b'{"symbol": "X", "name": "n"}', "application/json", 400),
        (b'{"symbol": "X", "data": 1}', "application/json", 400),
        (b'{"name": "n", "data": 1}', "application/json", 400),
        (b'{"symbol": 1, "name": "n", "data": 1}', "application/json", 400),
        (b'{"symbol": "X", "name": ["n"], "data": 1}', "application/json", 400),
        (b'{"symbol": "X", "name": "n", "data": 1, "title": 1}', "application/json", 400),
        (b'{"symbol": "X", "name": "n", "data": NaN}', "application/json", 400),
        (b'{"symbol": "X", "name": "n", "data": 1e400}', "application/json", 400),
        (b'{"symbol": "X", "name": "n", "data": ' + b"9" * 5_000 + b"}", "application/json", 400),
        (b'{"symbol": "X", "name": "n", "data": "\\ud800"}', "application/json", 400),
        (b'{"symbol": "X", "name": "n", "data": "\xff"}', "application/json", 400),
        (b'{"symbol": "X", "name": "n", "data": "\x00"}', "application/json", 400),
        (b'{"symbol": "X", "name": "n\\u0000", "data": 1}', "application/json", 400),
        (b'{"symbol": "X", "name": "n", "data": ' + DEEP.encode() + b"}", "application/json", 400),
        (b"\xff\xfe{}", "application/json", 400),
        (b"symbol=X&name=n&data=1", "application/x-www-form-urlencoded", 415),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x", 415),
        (b"<x/>", "text/xml", 415),
        (b"{}", "nonsense", 415),
        (b"{}", "", 415),
    ],
)
def test_a_body_that_cannot_be_saved_is_a_clear_error(
    server: WebServer, sent: bytes, content_type: str, expected: int
) -> None:
    assert_refused("/canvas/save", ask(server.port, "POST /canvas/save", sent, content_type=content_type), expected)


FILE_FORM = (
    b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nn\r\n'
    b'--x\r\nContent-Disposition: form-data; name="content"; filename="../x"\r\n\r\n{}\r\n--x--\r\n'
)
LONG_FORM = b"".join(b'--x\r\nContent-Disposition: form-data; name="a%d"\r\n\r\n1\r\n' % n for n in range(3_000))


@pytest.mark.parametrize(
    ("sent", "content_type", "expected"),
    [
        (b"{", "application/json", 400),
        (b"[1]", "application/json", 400),
        (b'{"name": "n"}', "application/json", 400),
        (b'{"name": "n", "content": {"a": 1}}', "application/json", 400),
        (b'{"name": "n", "content": null}', "application/json", 400),
        (b"name=n", "application/x-www-form-urlencoded", 400),
        (b"name=n&content=%FF", "application/x-www-form-urlencoded", 400),
        (b"name=n&content=\xff", "application/x-www-form-urlencoded", 400),
        (b"name=%00&content=x", "application/x-www-form-urlencoded", 400),
        (b"name=" + b"n" * 129 + b"&content=x", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a%d=1" % n for n in range(5_000)), "application/x-www-form-urlencoded", 400),
        (b"nonsense", "multipart/form-data", 400),
        (b"nonsense", "multipart/form-data; boundary=x", 400),
        (b"--x\r\nContent-Disposition: form-data; name=\xff\r\n\r\n1\r\n--x--", "multipart/form-data; boundary=x", 400),
        (FILE_FORM, "multipart/form-data; boundary=x", 400),
        (LONG_FORM + b"--x--", "multipart/form-data; boundary=x", 400),
        (b"name=n", "text/plain", 415),
    ],
)
def test_a_form_that_cannot_be_saved_is_a_clear_error(
    server: WebServer, sent: bytes, content_type: str, expected: int
) -> None:
    line = "POST /1.1/charts?client=c&user=hostile"
    assert_refused("/1.1", ask(server.port, line, sent, content_type=content_type), expected)


@pytest.mark.parametrize("line", ["POST /canvas/save", "POST /1.1/charts", "POST /1.1/drawings?chart=1"])
def test_a_body_beyond_the_limit_is_refused_by_its_length(server: WebServer, line: str) -> None:
    # Of 100 MiB that are announced none is sent: the answer does not wait for them.
    answer = ask(server.port, line, content_type="application/json", content_length=str(100 << 20))
    assert_refused(line.split()[1], answer, 413)


@pytest.mark.parametrize("path", ["/canvas/save", "/1.1/charts"])
def test_whoever_sends_a_hundred_megabytes_all_the_same_is_refused_and_the_server_lives(
    server: WebServer, path: str
) -> None:
    mebibytes = 100

    def body() -> Iterator[bytes]:
        for _ in range(mebibytes):
            yield b"x" * (1 << 20)

    headers = {"content-type": "application/json", "content-length": str(mebibytes << 20)}
    with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
        reply = client.post(path, content=body(), headers=headers)
        assert reply.status_code == 413
        assert_failure(path, reply.json())
        assert client.get("/canvas/list?symbol=X").status_code == 200


def test_a_body_at_the_limit_is_saved_and_one_byte_more_is_not(page: Page) -> None:
    around = len(json.dumps({"symbol": "BTCUSDT", "name": "big", "data": ""}))
    limit = 2 * 1024 * 1024
    assert page.save("big", f'"{"x" * (limit - around)}"').status_code == 200
    reply = page.save("big", f'"{"x" * (limit - around + 1)}"')
    assert reply.status_code == 413
    assert_failure("/canvas", reply.json())


def test_a_body_without_a_length_is_refused_and_not_taken_for_an_empty_one(server: WebServer) -> None:
    body = b'{"symbol": "X", "name": "n", "data": 1}'
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    headers = {"content_length": "", "transfer_encoding": "chunked", "content_type": "application/json"}
    assert_refused("/canvas/save", ask(server.port, "POST /canvas/save", chunked, **headers), 411)


@pytest.mark.parametrize("host", ["evil.example", "a" * 300, "bad host"])
def test_a_host_that_is_not_ours_is_a_clear_error(server: WebServer, host: str) -> None:
    for path in ("/canvas/list?symbol=X", "/1.1/charts"):
        assert_refused(path, ask(server.port, f"GET {path}", host=host), 400)


def test_an_api_client_needs_no_form_token(server: WebServer) -> None:
    form = {"name": "n", "content": "{}"}
    url = f"{server.url}/1.1/study_templates?client=c&user=csrf"
    reply = httpx.post(url, data=form, headers={"Cookie": "sessionid=x; csrftoken=y"})
    assert reply.json() == {"status": "ok"}


BODY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
SAVES = st.fixed_dictionaries(
    {}, optional={"symbol": BODY_JSON, "name": BODY_JSON, "data": BODY_JSON, "content": BODY_JSON, "state": BODY_JSON}
)
BODIES = st.one_of(BODY_JSON.map(json.dumps).map(str.encode), SAVES.map(json.dumps).map(str.encode), st.binary())
TYPES = st.sampled_from(["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
PLACES = st.sampled_from(["/canvas/save", "/1.1/charts", "/1.1/study_templates", "/1.1/drawings?chart=1"])


@settings(max_examples=150)
@given(place=PLACES, body=BODIES, content_type=TYPES)
def test_no_body_whatever_makes_the_server_fail(server: WebServer, place: str, body: bytes, content_type: str) -> None:
    headers = {"content-type": content_type, "x-user-id": "bodies"}
    reply = httpx.post(f"{server.url}{place}", content=body, headers=headers)
    assert reply.status_code in {200, 400, 403, 415}
    assert isinstance(reply.json(), dict)


@settings(max_examples=150)
@given(
    place=st.sampled_from(["/canvas/list", "/canvas/load", "/1.1/charts", "/1.1/study_templates", "/1.1/drawings"]),
    query=st.dictionaries(
        st.sampled_from(["symbol", "name", "user", "client", "chart", "layout", "tool", "template"]),
        st.text(max_size=20) | st.integers().map(str),
    ),
)
def test_no_query_whatever_makes_the_server_fail(server: WebServer, place: str, query: dict[str, str]) -> None:
    text = "&".join(f"{name}={quote(value.encode('utf-8', 'surrogatepass'), safe='')}" for name, value in query.items())
    reply = httpx.get(f"{server.url}{place}?{text}")
    assert reply.status_code in {200, 400, 404}
    assert isinstance(reply.json(), dict)


def test_while_the_database_is_away_it_is_503_soon_and_heals_without_a_restart(
    server: WebServer, instance: Instance, page: Page
) -> None:
    assert page.save("mine", "1").status_code == 200
    instance.postgres.kill()
    try:
        sends: list[Callable[[], httpx.Response]] = [
            lambda: page.save("mine", "2"),
            lambda: page.load("mine"),
            lambda: page.delete("mine"),
        ]
        for send in sends:
            began = time.monotonic()
            reply = send()
            assert time.monotonic() - began < 5
            assert reply.status_code == 503
            assert int(reply.headers["retry-after"]) >= 1
            assert_failure("/canvas", reply.json())
        assert_refused("/1.1/charts", ask(server.port, "GET /1.1/charts"), 503)
    finally:
        instance.postgres.start()
    eventually(lambda: page.load("mine").status_code == 200)
    assert page.load("mine").text == "1"
    assert page.save("mine", "2").status_code == 200
