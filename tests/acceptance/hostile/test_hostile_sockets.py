"""Handshakes and frames that are malformed, endless or meant to do harm: each ends in an error frame, in a code of the
protocol or in a refusal, and neither the process nor anybody else's socket minds.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import psutil
import pytest

from market.domain.candle import Candle
from market.domain.window import MINUTE_MS
from tests.support.eventually import eventually
from tests.support.push import Client, client
from tests.support.raw_http import Answer, assert_refused, exchange, request
from tests.support.raw_socket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    KEY,
    PING,
    PONG,
    TEXT,
    Frame,
    frame,
    handshake,
    raw_socket,
    shake,
)
from tests.support.site import LOADED, Site

_MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def bystander(own_site: Site) -> Iterator[Client]:
    """Somebody who minds his own business all the while."""
    with client(own_site.server.port) as one:
        one.subscribe(LOADED[0])
        one.settle()
        yield one


@pytest.fixture(autouse=True)
def _others_get_their_frames(own_site: Site, bystander: Client) -> Iterator[None]:
    yield
    now = own_site.exchange.clock.now() // MINUTE_MS * MINUTE_MS
    volume = float(time.monotonic_ns() % 1_000_000)
    own_site.publisher.publish(
        Candle(LOADED[0], now, 11.0, 11.5, 10.5, 11.25, volume, 27.5, 1.0, 11.0, 2, is_closed=False)
    )
    while bystander.hear(within=5)["data"]["volume"] != volume:
        pass


@pytest.fixture(scope="module", autouse=True)
def _the_process_is_well_afterwards(process: psutil.Process, bystander: Client) -> Iterator[None]:
    before, files = process.memory_info().rss, process.num_fds()
    yield
    assert process.is_running()
    grown = process.memory_info().rss - before
    assert grown < 40 * _MEBIBYTE, f"{grown / _MEBIBYTE:.0f} MiB"
    # Of the connections that were made here none is left.
    eventually(lambda: process.num_fds() <= files + 8, within=20)


# The handshake.


def assert_plain(answer: Answer, *statuses: int) -> None:
    """A refusal as handshakes get it: a word of text."""
    assert answer.status in statuses, answer
    assert answer.headers["content-type"].startswith("text/plain"), answer
    assert 0 < len(answer.body) < 500
    assert b"Traceback" not in answer.body


@pytest.mark.parametrize(
    "path",
    [
        "/", "/api/klines/BTCUSDT", "/canvas/list", "/1.1/charts", "/history", "/config", "/admin/", "/healthz",
        "/metrics", "/static/web/icon.svg", "/ws/", "//ws", "/ws%00", "/WS", "/ws/../ws", "/nothing",
    ],
)  # fmt: skip
def test_no_other_address_has_a_socket(own_site: Site, path: str) -> None:
    assert_plain(shake(own_site.server.port, path), 404)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_plain_http_is_told_that_there_is_a_socket(own_site: Site, method: str) -> None:
    answer = exchange(own_site.server.port, [request(f"{method} /ws", own_site.server.port)])
    assert answer.status == 426
    assert answer.headers["upgrade"] == "websocket"
    if method != "HEAD":
        assert_refused("/api", answer, 426)


def test_a_body_that_is_sent_to_the_sockets_address_is_refused(own_site: Site) -> None:
    body = b'{"type": "ping"}'
    answer = exchange(own_site.server.port, [request("POST /ws", own_site.server.port, body)])
    assert_refused("/api", answer, 426)


@pytest.mark.parametrize(
    "instead",
    [
        {"Sec-WebSocket-Version": "12"},
        {"Sec-WebSocket-Version": "99999999999999999999"},
        {"Sec-WebSocket-Version": None},
        {"Sec-WebSocket-Key": None},
        {"Sec-WebSocket-Key": ""},
        {"Sec-WebSocket-Key": "x"},
        {"Sec-WebSocket-Key": "A" * 300},
        {"Sec-WebSocket-Key": "\udcff"},
        {"Sec-WebSocket-Protocol": ";;;=,"},
    ],
    ids=lambda instead: str(instead)[:50],
)
def test_a_handshake_that_is_none_is_refused(own_site: Site, instead: dict[str, str | None]) -> None:
    assert_plain(shake(own_site.server.port, instead=instead), 400)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (f"Sec-WebSocket-Key: {KEY}", 400),
        ("Sec-WebSocket-Version: 13", 400),
        ("Upgrade: websocket", 426),
        ("Content-Length: 100000", 400),
        ("X: " + "y" * 10_000, 431),
        ("Cookie: " + "a=b; " * 20_000, 431),
        ("\r\n".join(f"X-{number}: y" for number in range(500)), 431),
    ],
    ids=lambda value: str(value)[:25],
)
def test_a_header_too_many_is_refused(own_site: Site, line: str, status: int) -> None:
    assert_plain(shake(own_site.server.port, "/ws", line), status)


@pytest.mark.parametrize(
    "instead", [{"Upgrade": "h2c"}, {"Upgrade": "h2c, websocket"}, {"Connection": "close"}], ids=str
)
def test_who_asks_for_something_else_is_told_what_there_is(own_site: Site, instead: dict[str, str | None]) -> None:
    assert_refused("/api", shake(own_site.server.port, instead=instead), 426)


def test_an_address_that_is_too_long_is_refused(own_site: Site) -> None:
    assert_plain(shake(own_site.server.port, "/ws?token=" + "x" * 10_000), 414)


@pytest.mark.parametrize("raw", ["é", "\udcff\udcfe"], ids=ascii)
def test_an_address_of_other_bytes_is_refused(own_site: Site, raw: str) -> None:
    assert_plain(shake(own_site.server.port, f"/ws?token={raw}"), 400)


def test_a_post_that_would_become_a_socket_is_refused(own_site: Site) -> None:
    answer = shake(own_site.server.port, line="POST /ws HTTP/1.1")
    assert_plain(answer, 405)
    assert answer.headers["allow"] == "GET"


def test_a_page_that_nobody_knows_is_refused(own_site: Site) -> None:
    assert_plain(shake(own_site.server.port, "/ws", "Origin: \udcff"), 403)


def test_what_a_client_offers_beside_is_left_alone(own_site: Site) -> None:
    offers = ("Sec-WebSocket-Protocol: chat, superchat", "Sec-WebSocket-Extensions: permessage-deflate")
    with socket.create_connection(("127.0.0.1", own_site.server.port), timeout=10) as link:
        link.sendall(handshake(own_site.server.port, "/ws", *offers))
        answer = link.recv(4_096).lower()
    assert answer.startswith(b"http/1.1 101 ")
    assert b"sec-websocket-protocol" not in answer
    assert b"sec-websocket-extensions" not in answer


# Frames.

_PART = frame(CONTINUATION, b" " * 100_000, is_last=False)
_EMPTY_PART = frame(CONTINUATION, is_last=False)
BROKEN = [
    ("unmasked", [frame(TEXT, b"{}", is_masked=False)], 1002),
    ("reserved bit 1", [frame(TEXT, b"{}", reserved=4)], 1002),
    ("reserved bit 3", [frame(PING, reserved=1)], 1002),
    ("unknown kind", [frame(0x3, b"{}")], 1002),
    ("unknown control", [frame(0xF)], 1002),
    ("continues nothing", [frame(CONTINUATION, b"{}")], 1002),
    ("begins anew", [frame(TEXT, b"{", is_last=False), frame(TEXT, b"{}")], 1002),
    ("long ping", [frame(PING, b"x" * 126)], 1002),
    ("ping in parts", [frame(PING, b"x", is_last=False)], 1002),
    ("close without a code", [frame(CLOSE, b"x")], 1002),
    *((f"close {code}", [frame(CLOSE, code.to_bytes(2, "big"))], 1002) for code in (0, 999, 1005, 1006, 1015, 5000)),
    ("close with bytes", [frame(CLOSE, b"\x03\xe8\xff")], 1007),
    ("no UTF-8", [frame(TEXT, b"\xff\xfe")], 1007),
    ("half a surrogate", [frame(TEXT, b'{"type": "\xed\xa0\x80"}')], 1007),
    ("half a character", [frame(TEXT, b"\xe2", is_last=False), frame(CONTINUATION, b"\x82")], 1007),
    ("an end after no UTF-8", [frame(TEXT, b"\xff") + frame(PING, b"x") + frame(TEXT, b"{}")], 1007),
    ("a length beyond all", [frame(TEXT, length=b"\xff" + b"\xff" * 8)], 1009),
    ("a length of a terabyte", [frame(TEXT, length=b"\xff" + (1 << 40).to_bytes(8, "big"))], 1009),
    ("a mebibyte and more", [frame(TEXT, b" " * (_MEBIBYTE + 1))], 1009),
    ("ten mebibytes", [frame(BINARY, b" " * (10 * _MEBIBYTE))], 1009),
    ("parts without end", [frame(TEXT, b" ", is_last=False), *[_PART] * 30], 1009),
    ("empty parts without end", [frame(TEXT, is_last=False), *[_EMPTY_PART * 1_000] * 300], 1008),
    ("pings without end", [frame(PING, b"x" * 125) * 1_000] * 300, 1008),
    ("pongs without end", [frame(PONG, b"x") * 1_000] * 300, 1008),
    ("pings as messages", [frame(TEXT, b'{"type":"ping"}') * 1_000] * 100, 1008),
    ("tiny messages", [frame(TEXT) * 1_000] * 100, 1008),
]  # fmt: skip


@pytest.mark.parametrize(("frames", "code"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_what_is_against_the_protocol_ends_with_its_code(own_site: Site, frames: list[bytes], code: int) -> None:
    with raw_socket(own_site.server.port) as one:
        for each in frames:
            one.send(each)
        assert one.end().code == code
        assert one.read() == Frame(0, b"")


WRONG = [
    ("16 KiB and one", [frame(TEXT, b" " * (16 * 1_024 + 1))], "too_long"),
    ("a mebibyte", [frame(TEXT, b" " * _MEBIBYTE)], "too_long"),
    ("16 KiB and one in parts", [frame(TEXT, b" " * 16_384, is_last=False), frame(CONTINUATION, b" ")], "too_long"),
    ("deep", [frame(TEXT, b"[" * 16_384)], "not_json"),
    ("deep objects", [frame(TEXT, b'{"type":' * 2_000)], "not_json"),
    ("binary", [frame(BINARY, b'{"type": "ping"}')], "not_text"),
    ("empty", [frame(TEXT)], "not_json"),
    ("empty in parts", [frame(TEXT, is_last=False), frame(CONTINUATION)], "not_json"),
    ("a length that is longer than it need be", [frame(TEXT, b"{}", length=b"\xfe\x00\x02")], "unknown_type"),
]


@pytest.mark.parametrize(("frames", "code"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_a_message_that_makes_no_sense_is_an_error_and_no_end(own_site: Site, frames: list[bytes], code: str) -> None:
    with raw_socket(own_site.server.port) as one:
        for each in frames:
            one.send(each)
        assert one.read().json["data"]["code"] == code
        one.say({"type": "ping"})
        assert one.read().json == {"type": "pong"}


def test_a_message_in_parts_with_pings_between_is_read(own_site: Site) -> None:
    with raw_socket(own_site.server.port) as one:
        text = b'{"type": "ping"}'
        one.send(frame(TEXT, text[:5], is_last=False) + frame(PING, b"a") + frame(CONTINUATION, text[5:]))
        assert one.read() == Frame(PONG, b"a")
        assert one.read().json == {"type": "pong"}


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4999])
def test_a_close_is_answered_with_its_code(own_site: Site, code: int) -> None:
    with raw_socket(own_site.server.port) as one:
        one.send(frame(CLOSE, code.to_bytes(2, "big") + b"bye"))
        assert one.end().code == code


def test_as_many_frames_as_a_client_needs_are_taken(own_site: Site) -> None:
    with raw_socket(own_site.server.port) as one:
        for number in range(1_000):
            one.send(frame(PING, str(number).encode()))
        for number in range(1_000):
            assert one.read() == Frame(PONG, str(number).encode())


def test_a_client_that_shuts_its_half_is_left(own_site: Site) -> None:
    with raw_socket(own_site.server.port) as one:
        one.link.shutdown(socket.SHUT_WR)
        assert one.end() == Frame(0, b"")


def test_a_client_that_is_gone_in_the_middle_of_a_frame_is_forgotten(own_site: Site) -> None:
    for _ in range(50):
        with raw_socket(own_site.server.port) as one:
            one.send(frame(TEXT, length=b"\xfe\x10\x00") + b"{")
            # With a reset, and not in order.
            one.link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


# What takes its time: all of it at once, beside the other tests. A client is asked every 20 s whether it is there, and
# has as long to answer.


@pytest.fixture(scope="module", autouse=True)
def slow(own_site: Site) -> Iterator[dict[str, Future[Frame]]]:
    port = own_site.server.port

    def silent() -> Frame:
        with raw_socket(port, seconds=60) as one:
            return one.end()

    def trickling() -> Frame:
        """A frame that comes byte by byte: no answer to a ping can come between."""
        with raw_socket(port, seconds=0.5) as one:
            one.send(frame(TEXT, length=b"\xfe\x10\x00"))
            for _ in range(150):
                try:
                    return one.end()
                except TimeoutError:
                    one.send(b" ")
        raise AssertionError("a frame may take more than a minute")

    with ThreadPoolExecutor(2) as threads:
        yield {work.__name__: threads.submit(work) for work in (silent, trickling)}


@pytest.mark.parametrize("which", ["silent", "trickling"])
def test_a_client_that_answers_no_ping_is_left(slow: dict[str, Future[Frame]], which: str) -> None:
    assert slow[which].result(70).code == 1011


def test_nothing_of_all_that_is_an_error_of_the_server(own_site: Site) -> None:
    text = own_site.server.log.read_text()
    assert "Traceback" not in text
    assert " ERROR " not in text
