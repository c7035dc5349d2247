"""Who may do what: open or token, read or write, in each protocol's own form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest

from tests.integration.access.conftest import client
from tests.support.web_server import WebServer


@dataclass(frozen=True)
class Call:
    """A request that is answered with 200 to whom it is allowed."""

    method: str
    path: str
    body: Any = None
    form: Any = None

    def by(self, visitor: httpx.Client) -> httpx.Response:
        return visitor.request(self.method, self.path, json=self.body, data=self.form)


SAVE: Final = {"symbol": "BTCUSDT", "name": "matrix", "data": {}}
PUBLIC_READS: Final = [
    Call("GET", "/api/status"),
    Call("GET", "/api/symbols"),
    Call("GET", "/api/collectors"),
    Call("GET", "/config"),
    Call("GET", "/tracked-symbols"),
    Call("GET", "/time"),
]
PRIVATE_READS: Final = [
    Call("GET", "/canvas/list?symbol=BTCUSDT"),
    Call("GET", "/1.1/charts?client=c&user=u"),
    Call("GET", "/1.1/study_templates?client=c&user=u"),
]
WRITES: Final = [
    Call("POST", "/api/symbols", {"symbol": "MATRIXUSDT"}),
    Call("POST", "/api/collectors", {"action": "start"}),
    Call("POST", "/canvas/save", SAVE),
    Call("POST", "/1.1/study_templates?client=c&user=u", form={"name": "n", "content": "{}"}),
]


def named(call: Call) -> str:
    return f"{call.method} {call.path}"


def assert_refused(reply: httpx.Response, status: int) -> str:
    """In the form of the protocol; returns the text."""
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/json"
    body = reply.json()
    path = reply.request.url.path
    if path.startswith("/1.1/"):
        assert (set(body), body["status"]) == ({"status", "message"}, "error")
        return str(body["message"])
    if path.startswith(("/api/", "/canvas/")):
        assert (set(body), body["success"], body["data"]) == ({"success", "data", "error"}, False, None)
        return str(body["error"])
    assert (set(body), body["s"]) == ({"s", "errmsg"}, "error")
    return str(body["errmsg"])


@pytest.mark.parametrize("call", [*PUBLIC_READS, *PRIVATE_READS, *WRITES], ids=named)
def test_while_access_is_open_everybody_may_do_everything(open_server: WebServer, call: Call) -> None:
    with client(open_server) as visitor:
        assert call.by(visitor).status_code == 200


@pytest.mark.parametrize("call", PUBLIC_READS, ids=named)
def test_where_writing_needs_a_token_reading_does_not(token_server: WebServer, call: Call) -> None:
    with client(token_server) as visitor:
        assert call.by(visitor).status_code == 200


@pytest.mark.parametrize("call", [*PRIVATE_READS, *WRITES], ids=named)
def test_who_is_not_known_neither_writes_nor_sees_drawings(token_server: WebServer, call: Call) -> None:
    with client(token_server) as visitor:
        reply = call.by(visitor)
    assert "Authorization: Token" in assert_refused(reply, 401)
    assert reply.headers["www-authenticate"] == "Token"


@pytest.mark.parametrize("call", [*PUBLIC_READS, *PRIVATE_READS, *WRITES], ids=named)
def test_who_has_a_token_may_do_everything(token_server: WebServer, tokens: dict[str, str], call: Call) -> None:
    with client(token_server, tokens["alice"]) as alice:
        assert call.by(alice).status_code == 200


@pytest.mark.parametrize("call", [*PUBLIC_READS, *PRIVATE_READS, *WRITES], ids=named)
def test_where_reading_needs_a_token_nothing_is_given_without(closed_server: WebServer, call: Call) -> None:
    with client(closed_server) as visitor:
        reply = call.by(visitor)
    assert_refused(reply, 401)
    assert reply.headers["www-authenticate"] == "Token"


@pytest.mark.parametrize("call", [*PUBLIC_READS, *PRIVATE_READS, *WRITES], ids=named)
def test_where_reading_needs_a_token_who_has_one_may(
    closed_server: WebServer, tokens: dict[str, str], call: Call
) -> None:
    with client(closed_server, tokens["alice"]) as alice:
        assert call.by(alice).status_code == 200


@pytest.mark.parametrize("stated", ["Token " + "0" * 40, "Token ä", "token %00", "Token two words", "Token"])
def test_a_token_that_does_not_count_is_refused_and_not_overlooked(token_server: WebServer, stated: str) -> None:
    with client(token_server) as visitor:
        reply = visitor.get("/api/status", headers={b"Authorization": stated.encode()})
    assert_refused(reply, 401)


def test_the_token_of_an_account_that_is_switched_off_does_not_count(
    token_server: WebServer, tokens: dict[str, str]
) -> None:
    with client(token_server, tokens["gone"]) as gone:
        assert_refused(gone.get("/api/symbols"), 401)


def test_the_right_method_is_named_to_those_only_who_may_ask(token_server: WebServer, tokens: dict[str, str]) -> None:
    with client(token_server) as visitor, client(token_server, tokens["alice"]) as alice:
        assert visitor.put("/api/symbols", json={}).status_code == 401
        assert alice.put("/api/symbols", json={}).status_code == 405


@pytest.mark.parametrize("call", WRITES, ids=named)
def test_a_foreign_page_does_not_write_behind_a_visitors_back(open_server: WebServer, call: Call) -> None:
    with client(open_server, origin="https://elsewhere.example") as visitor:
        assert "CORS_ALLOWED_ORIGINS" in assert_refused(call.by(visitor), 403)


@pytest.mark.parametrize("call", WRITES, ids=named)
def test_an_allowed_page_and_our_own_write(open_server: WebServer, call: Call) -> None:
    for origin in ("https://charts.example", open_server.url):
        with client(open_server, origin=origin) as visitor:
            assert call.by(visitor).status_code == 200


def test_the_admin_is_there_in_either_case(open_server: WebServer, token_server: WebServer) -> None:
    for server in (open_server, token_server):
        with client(server) as visitor:
            assert visitor.get("/admin/login/").status_code == 200
