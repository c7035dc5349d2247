"""Requests that are malformed, endless or meant to do harm: each is refused in the form of its protocol, and the one
process that gets them all is as well afterwards as before.

Bodies of drawings have their own list, in tests/integration/canvas.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from klineproject.connections import MAX_HEAD_BYTES
from tests.support.raw_http import Answer, assert_broken, assert_refused, exchange, read_answer, request
from tests.support.site import Site

_MEBIBYTE = 1 << 20


@pytest.fixture(scope="module", autouse=True)
def _the_process_is_well_afterwards(own_site: Site, process: psutil.Process) -> Iterator[None]:
    for path in ("/api/klines/BTCUSDT?limit=20000", "/history?symbol=BTCUSDT&resolution=1&countback=20000", "/config"):
        for _ in range(8):
            assert httpx.get(own_site.url + path, timeout=60).status_code == 200
    before = process.memory_info().rss
    yield
    assert process.is_running()
    assert httpx.get(own_site.url + "/api/klines/BTCUSDT?limit=3").json()["success"] is True
    grown = process.memory_info().rss - before
    assert grown < 40 * _MEBIBYTE, f"{grown / _MEBIBYTE:.0f} MiB"


def send(site: Site, line: str, body: bytes = b"", *more: str, version: str = "1.1") -> Answer:
    return exchange(site.server.port, [request(line, site.server.port, body, *more, version=version)])


# One address of each protocol, and one of each that reads a name.
PLACES = ("/api/klines/", "/api/coverage/", "/api/", "/canvas/", "/1.1/", "/history/", "/config/")
ESCAPES = (
    "../../../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "%252e%252e%252f%252e%252e%252fetc%252fpasswd",
    "..%5c..%5cwindows%5cwin.ini",
    "%c0%ae%c0%ae/etc/passwd",
    "//etc/passwd",
    "%00",
    "BTCUSDT%00.json",
    "%0d%0aSet-Cookie:%20a=b",
    "%ed%a0%80",
    "%ff%fe",
    "%F0%9F%98%80" * 500,
    "A" * 20_000,
    "a/" * 5_000,
)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("escape", ESCAPES, ids=range(len(ESCAPES)))
def test_a_path_that_leads_elsewhere_leads_nowhere(own_site: Site, place: str, escape: str) -> None:
    answer = send(own_site, f"GET {place}{escape}")
    assert_refused(place, answer, 404, 400)
    assert b"root:" not in answer.body
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/static/../klineproject/settings.py", "/static/%2e%2e/%2e%2e/etc/passwd", "/static//etc/passwd"]
)
def test_no_file_of_the_machine_is_served(own_site: Site, path: str) -> None:
    answer = send(own_site, f"GET {path}")
    assert answer.status in {400, 404}
    assert b"root:" not in answer.body
    assert b"SECRET_KEY" not in answer.body


NO_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e309", "1.5", "9" * 5_000, "0x10", "%D9%A1", "1_0", "%20", "true")


@pytest.mark.parametrize("number", NO_NUMBERS, ids=[number[:9] for number in NO_NUMBERS])
@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/api/klines/BTCUSDT?limit", "limit"),
        ("/api/klines/BTCUSDT?end_time", "end_time"),
        ("/api/coverage/BTCUSDT?from", "from"),
        ("/history?symbol=BTCUSDT&resolution=1&countback", "countback"),
        ("/history?symbol=BTCUSDT&resolution=1&to=1&from", "from"),
        ("/search?limit", "limit"),
    ],
)
def test_what_is_no_number_is_refused_with_the_parameters_name(
    own_site: Site, address: str, name: str, number: str
) -> None:
    answer = send(own_site, f"GET {address}={number}")
    assert_refused(address, answer, 400)
    assert f"{name}: " in answer.body.decode()


@pytest.mark.parametrize(
    "address",
    [
        "/api/klines/BTCUSDT?limit=0",
        "/api/klines/BTCUSDT?limit=-1",
        "/api/klines/BTCUSDT?limit=20001",
        "/api/klines/BTCUSDT?limit=",
        "/api/klines/BTCUSDT?end_time=-1",
        "/api/klines/BTCUSDT?end_time=253370764800000",
        "/api/coverage/BTCUSDT?from=2&to=1",
        "/history?symbol=BTCUSDT&resolution=1&countback=-1",
        "/history?symbol=BTCUSDT&resolution=1&from=2&to=1",
        "/search?limit=100000",
    ],
)
def test_a_number_that_is_out_of_range_is_refused(own_site: Site, address: str) -> None:
    assert_refused(address, send(own_site, f"GET {address}"), 400)


QUERIES = (
    "&".join(f"a{n}=1" for n in range(1_500)),
    "a" * 50_000,
    "%",
    "%zz",
    "limit=%ff%fe",
    "limit[]=1&limit[$gt]=2",
    "=&=&=",
    "&" * 10_000,
    "limit=1&limit=NaN",
)


@pytest.mark.parametrize("path", ["/api/klines/BTCUSDT", "/search", "/history", "/canvas/list", "/1.1/charts"])
@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_a_query_that_makes_no_sense_is_answered_or_refused(own_site: Site, path: str, query: str) -> None:
    answer = send(own_site, f"GET {path}?{query}")
    if answer.status == 200:
        assert answer.json
    else:
        assert_refused(path, answer, 400)


@pytest.mark.parametrize("path", ["/config", "/api/status", "/canvas/list", "/1.1/charts"])
@pytest.mark.parametrize("raw", [b"\xff\xfe", b"\xed\xa0\x80", "é".encode()])
def test_bytes_that_no_address_has_are_refused(own_site: Site, path: str, raw: bytes) -> None:
    head = request(f"GET {path}?symbol=RAW", own_site.server.port).replace(b"RAW", raw)
    answer = exchange(own_site.server.port, [head])
    if answer.headers.get("content-type") == "application/json":
        assert answer.status in {200, 400}
    else:
        assert_broken(answer, 400)


DEEP = b"[" * 100_000
BODIES = (
    (b"", 400),
    (DEEP, 413),
    (DEEP[:60_000], 400),
    (b'{"symbol":' * 6_000 + b"1" + b"}" * 100, 400),
    (b'{"symbol":"BTCUSDT","symbol":"\\u0000"}', 400),
    (b'{"symbol":"\\ud800"}', 400),
    (b'{"symbol":"\xff"}', 400),
    (b'{"symbol":NaN}', 400),
    (b'{"symbol":"BTCUSDT","backfill_from":1e309}', 400),
    (b'{"symbol":"BTCUSDT","backfill_from":-1}', 400),
    (b'{"symbol":"BTCUSDT","backfill_from":' + b"9" * 20_000 + b"}", 400),
    (b'\xef\xbb\xbf{"symbol":"BTCUSDT"}', 400),
    ('{"symbol":"BTCUSDT"}'.encode("utf-16"), 400),
    (b'{"symbol":"../../etc/passwd"}', 400),
    (b'{"action":"start"} trailing', 400),
)


@pytest.mark.parametrize("path", ["/api/symbols", "/api/collectors"])
@pytest.mark.parametrize(("body", "status"), BODIES, ids=range(len(BODIES)))
def test_a_body_that_cannot_be_meant_is_refused(own_site: Site, path: str, body: bytes, status: int) -> None:
    answer = send(own_site, f"POST {path}", body, "Content-Type: application/json")
    assert_refused(path, answer, status)


def test_of_a_name_that_is_there_twice_the_last_counts(own_site: Site) -> None:
    answer = send(
        own_site, "POST /api/symbols", b'{"symbol":"NOPEUSDT","symbol":"BTCUSDT"}', "Content-Type: application/json"
    )
    assert (answer.status, answer.json["data"]["symbol"]) == (200, "BTCUSDT")


TYPES = (
    "text/plain",
    "text/html",
    "application/xml",
    "multipart/form-data",
    "multipart/form-data; boundary=" + "x" * 5_000,
    "application/x-www-form-urlencoded",
    "application/json-patch+json",
    "nonsense",
    "application/",
    "/;;;",
    "application/json; charset=\x80",
    "application/json; a*=nonsense''%41",
)


@pytest.mark.parametrize("content_type", TYPES, ids=[kind[:40].encode("ascii", "replace").decode() for kind in TYPES])
def test_a_body_of_another_kind_is_refused(own_site: Site, content_type: str) -> None:
    answer = send(own_site, "POST /api/symbols", b'{"symbol":[]}', f"Content-Type: {content_type}")
    assert_refused("/api", answer, 415, 400)


@pytest.mark.parametrize("charset", ["hex", "idna", "utf-16", "undefined", "nonsense"])
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b"username=%ff"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="username"\r\n\r\n\xff\r\n--x--\r\n',
        ),
    ],
    ids=["urlencoded", "multipart"],
)
def test_a_form_in_another_charset_is_read_as_any_other(own_site: Site, kind: str, body: bytes, charset: str) -> None:
    cookie = f"Cookie: csrftoken={'aB3' * 10}Zz"
    answer = send(own_site, "POST /admin/login/", body, f"Content-Type: {kind}; charset={charset}", cookie)
    # It has no token.
    assert answer.status == 403


WRITES = ("/api/symbols", "/api/collectors", "/canvas/save", "/1.1/charts", "/1.1/drawings?chart=1")


@pytest.mark.parametrize("path", [*WRITES, "/history", "/config", "/api/status", "/api/klines/BTCUSDT"])
def test_a_hundred_megabytes_are_refused(own_site: Site, path: str) -> None:
    size = 100 * _MEBIBYTE
    head = request(
        f"POST {path}", own_site.server.port, b"", "Content-Type: application/json", f"Content-Length: {size}"
    )
    parts = [head, *[b" " * _MEBIBYTE] * 100]
    answer = exchange(own_site.server.port, parts)
    # Whoever goes on sending what nobody reads is cut off and may miss the answer.
    if answer.status:
        assert_refused(path, answer, 413, 405)


@pytest.mark.parametrize("path", [*WRITES, "/history"])
def test_a_hundred_megabytes_without_a_length_are_refused(own_site: Site, path: str) -> None:
    head = request(
        f"POST {path}", own_site.server.port, b"", "Content-Type: application/json", "Transfer-Encoding: chunked"
    )
    chunk = b"%x\r\n%s\r\n" % (_MEBIBYTE, b" " * _MEBIBYTE)
    answer = exchange(own_site.server.port, [head, *[chunk] * 100, b"0\r\n\r\n"])
    if answer.status:
        assert_refused(path, answer, 411, 405)


METHODS = ("TRACE", "PROPFIND", "OPTIONS", "PATCH", "PUT", "LOCK", "SEARCH", "PURGE", "MKCOL")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "path", ["/api/status", "/api/symbols", "/canvas/load", "/1.1/charts", "/1.1/study_templates", "/history"]
)
def test_a_method_that_is_not_served_is_refused_and_the_served_ones_are_named(
    own_site: Site, method: str, path: str
) -> None:
    answer = send(own_site, f"{method} {path}")
    assert_refused(path, answer, 405)
    allowed = answer.headers["allow"].split(", ")
    assert "GET" in allowed
    assert method not in allowed


@pytest.mark.parametrize(
    "line",
    [
        "CONNECT example.com:443",
        "CONNECT /api/status",
        "NONSENSE /api/status",
        "get /api/status",
        "GET",
        "GET http://",
        "GET \\\\server\\share",
    ],
)
def test_what_is_no_request_is_refused(own_site: Site, line: str) -> None:
    answer = send(own_site, line)
    if answer.headers.get("content-type") == "application/json":
        assert answer.status in {400, 404, 405}
    else:
        assert_broken(answer, 400)


def test_an_address_of_another_host_is_not_fetched(own_site: Site) -> None:
    answer = send(own_site, "GET http://example.com/api/symbols")
    assert answer.status in {200, 400}
    assert answer.json


@pytest.mark.parametrize("path", ["/api/symbols", "/config", "/canvas/list?symbol=X"])
def test_an_old_client_is_answered(own_site: Site, path: str) -> None:
    answer = exchange(own_site.server.port, [f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode()])
    assert answer.status == 200


@pytest.mark.parametrize("version", ["0.9", "2.0", "3.0", "1.9", "1.1.1", "x"])
def test_a_version_that_is_not_spoken_is_refused(own_site: Site, version: str) -> None:
    answer = send(own_site, "GET /api/symbols", version=version)
    if answer.status == 200:
        assert version in {"2.0", "0.9"}
    else:
        assert_broken(answer, 400, 505)


SMUGGLED = b"GET /api/nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
AMBIGUOUS = (
    ("Content-Length: 5", "Content-Length: 50"),
    ("Content-Length: 5, 50",),
    ("Content-Length: 5", "Transfer-Encoding: chunked"),
    ("Transfer-Encoding: chunked", "Content-Length: 5"),
    ("Transfer-Encoding: chunked, identity",),
    ("Transfer-Encoding: identity, chunked", "Content-Length: 0"),
    ("Transfer-Encoding : chunked",),
    ("Transfer-Encoding: xchunked",),
    ("Content-Length: -1",),
    ("Content-Length: +5",),
    ("Content-Length: 0x5",),
    ("Content-Length: 99999999999999999999999999",),
    ("Content-Length: 5 5",),
    ("Content-Length:",),
    (" Content-Length: 5",),
)


@pytest.mark.parametrize("headers", AMBIGUOUS, ids=["+".join(lines) for lines in AMBIGUOUS])
def test_a_length_that_could_be_two_is_refused_and_nothing_is_smuggled(
    own_site: Site, headers: tuple[str, ...]
) -> None:
    lines = ["POST /api/symbols HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", *headers, "", ""]
    with socket.create_connection(("127.0.0.1", own_site.server.port), timeout=30) as link:
        link.sendall("\r\n".join(lines).encode() + b"0\r\n\r\n" + SMUGGLED)
        first = read_answer(link)
        second = read_answer(link) if first.status else first
    if first.headers.get("content-type") == "application/json":
        assert_refused("/api", first, 400, 408, 411, 413)
    else:
        assert_broken(first, 400)
    # A 404 would be the answer to what was hidden in the body.
    assert second.status != 404 or "Content-Length" not in headers[0]


@pytest.mark.parametrize(
    "path",
    ["/api/status/", "/api/symbols/", "/api//status", "/canvas/list/", "/1.1/charts/", "/api/docs/", "/api/schema/"],
)
def test_a_slash_too_many_is_told_in_the_form_of_the_protocol(own_site: Site, path: str) -> None:
    assert_refused(path, send(own_site, f"GET {path}"), 404, 405)


LONG_HEADS = (
    [f"X-{n}: {'y' * 90}" for n in range(10_000)],
    ["Cookie: " + "a=b; " * 40_000],
    ["X: " + "y" * _MEBIBYTE],
    ["X" * _MEBIBYTE + ": y"],
    ["Cookie: " + "a=b; " * 14_000],
)


@pytest.mark.parametrize("lines", LONG_HEADS, ids=["many", "cookie", "value", "name", "a bit too long"])
def test_a_head_that_is_too_long_is_refused(own_site: Site, lines: list[str]) -> None:
    answer = send(own_site, "GET /api/status", b"", *lines)
    assert_broken(answer, 431)


def test_an_address_that_is_too_long_is_refused(own_site: Site) -> None:
    assert_broken(send(own_site, f"GET /api/klines/{'A' * MAX_HEAD_BYTES}"), 431)


def test_a_head_that_browsers_send_is_read(own_site: Site) -> None:
    answer = send(own_site, "GET /api/status", b"", "Cookie: " + "a=b; " * 3_000, *[f"X-{n}: y" for n in range(300)])
    assert answer.status == 200


@pytest.mark.parametrize(
    "lines",
    [
        ["X: a\x00b"],
        ["X: a\x01b"],
        ["X\x00: b"],
        [": b"],
        ["no colon at all"],
        ["Host: a", "Host: b"],
        ["Host: 127.0.0.1@evil.example"],
        ["Host: evil.example"],
        ["Host: " + "a" * 5_000],
        ["X-User-Id: \udcff\udcfe"],
        ["If-None-Match: " + '"x",' * 8_000],
        ["Accept: " + "a/b;q=0.1," * 5_000],
        ["Accept: \x7f"],
        ["Accept-Language: " + "x-" * 20_000],
        ["Authorization: Token " + "x" * 30_000],
        ["Authorization: Basic \udcff"],
        ["Cookie: sessionid=\udcff; csrftoken=;;;==;"],
        ["Content-Type: a/b; c*=nonsense''%41"],
        ["Content-Type: a/b; c*=idna''%41%ff"],
        ["Range: bytes=0-1,1-2,2-3" + ",4-5" * 5_000],
        ["Expect: nonsense"],
        ["Origin: \udcff"],
        ["X-Forwarded-For: " + "1.1.1.1," * 5_000],
        ["Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: x"],
    ],
    ids=lambda lines: lines[0][:30].encode("ascii", "replace").decode(),
)
@pytest.mark.parametrize("path", ["/api/klines/BTCUSDT?limit=1", "/config", "/canvas/list?symbol=X", "/1.1/charts"])
def test_a_header_that_makes_no_sense_does_no_harm(own_site: Site, path: str, lines: list[str]) -> None:
    answer = send(own_site, f"GET {path}", b"", *lines)
    if answer.headers.get("content-type") == "application/json":
        if answer.status != 200:
            assert_refused(path, answer, 400, 406, 411)
    else:
        assert_broken(answer, 400)


LATE = {"/api/symbols": "error", "/canvas/save": "error", "/1.1/charts": "message", "/history": "errmsg"}


@pytest.fixture(scope="module", autouse=True)
def slow(own_site: Site) -> Iterator[dict[str, Future[Answer]]]:
    """What takes its time, all of it at once and beside the other tests."""
    port = own_site.server.port

    def body(path: str) -> Answer:
        head = request(f"POST {path}", port, b"", "Content-Type: application/json", "Content-Length: 1000")
        return exchange(port, [head, b'{"symbol"'], seconds=60)

    with ThreadPoolExecutor(len(LATE) + 2) as threads:
        started = {path: threads.submit(body, path) for path in LATE}
        started["head"] = threads.submit(_never_end, port)
        started["nothing"] = threads.submit(exchange, port, [], seconds=60)
        yield started


def _never_end(port: int) -> Answer:
    """Still alive, it says again and again, and never gets to the point."""
    with socket.create_connection(("127.0.0.1", port), timeout=0.3) as link:
        link.sendall(b"GET /api/status HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")
        for _ in range(200):
            try:
                return read_answer(link)
            except TimeoutError:
                link.sendall(b"y")
    raise AssertionError("a head may take a minute")


def test_a_head_that_never_ends_is_given_up(slow: dict[str, Future[Answer]]) -> None:
    assert_broken(slow["head"].result(60), 408)


def test_a_connection_on_which_nothing_comes_is_closed(slow: dict[str, Future[Answer]]) -> None:
    assert slow["nothing"].result(60).status == 0


@pytest.mark.parametrize("path", LATE)
def test_a_body_that_never_ends_is_given_up_in_the_form_of_the_protocol(
    slow: dict[str, Future[Answer]], path: str
) -> None:
    answer = slow[path].result(60)
    assert_refused(path, answer, 408)
    assert "in time" in answer.json[LATE[path]]


def test_a_crowd_of_slow_clients_keeps_nobody_waiting(own_site: Site) -> None:
    links = []
    try:
        for number in range(100):
            link = socket.create_connection(("127.0.0.1", own_site.server.port), timeout=15)
            links.append(link)
            if number % 2:
                link.sendall(b"GET /api/status HTTP/1.1\r\nHost: ")
            else:
                link.sendall(request("POST /canvas/save", own_site.server.port, b"", "Content-Length: 100000") + b"{")
        began = time.monotonic()
        assert httpx.get(own_site.url + "/api/symbols").status_code == 200
        assert time.monotonic() - began < 2
    finally:
        for link in links:
            link.close()


@pytest.mark.parametrize(
    ("line", "size", "content_type", "begun"),
    [
        ("POST /api/symbols", 100_000, "application/json", b'{"symbol"'),
        ("POST /canvas/save", 3_000_000, "application/json", b'{"symbol"'),
        (
            "POST /admin/login/",
            3_000_000,
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="username"\r\n\r\n',
        ),
    ],
    ids=["api", "canvas", "admin"],
)
def test_a_body_that_is_too_long_and_does_not_come_keeps_nobody_waiting(
    own_site: Site, line: str, size: int, content_type: str, begun: bytes
) -> None:
    port = own_site.server.port
    headers = (f"Content-Type: {content_type}", f"Content-Length: {size}", f"Cookie: csrftoken={'aB3' * 10}Zz")
    # More of them than there are threads.
    links = [socket.create_connection(("127.0.0.1", port), timeout=15) for _ in range(8)]
    try:
        for link in links:
            link.sendall(request(line, port, b"", *headers) + begun)
        assert httpx.get(own_site.url + "/api/symbols", timeout=5).status_code == 200
        assert {read_answer(link).status for link in links} <= {400, 413}
    finally:
        for link in links:
            link.close()


def test_nothing_of_the_machine_is_in_any_refusal(own_site: Site) -> None:
    here = str(Path(__file__).resolve().parents[3]).encode()
    for line in ("GET /api/nothing", "GET /canvas/load", "GET /history", "PUT /1.1/charts", "GET /nothing"):
        answer = send(own_site, line)
        assert here not in answer.body
        assert b"Traceback" not in answer.body
