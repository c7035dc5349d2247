"""A page whose user has logged in, and what it has to prove when it writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest

from tests.integration.access.conftest import client, log_in
from tests.support.web_server import WebServer

SAVE: Final = {"symbol": "BTCUSDT", "name": "by a page", "data": {}}


@pytest.fixture
def page(token_server: WebServer, tokens: dict[str, str]) -> Iterator[httpx.Client]:
    """A page of a user who has logged in."""
    with client(token_server) as one:
        log_in(one)
        yield one


def data(reply: httpx.Response) -> Any:
    assert reply.status_code == 200, reply.text
    return reply.json()["data"]


def test_who_has_logged_in_is_known(page: httpx.Client) -> None:
    assert data(page.get("/api/session")) == {
        "access": "token",
        "user": "alice",
        "may_write": True,
        "reads_need_token": False,
    }


def test_who_has_not_is_told_so(token_server: WebServer) -> None:
    with client(token_server) as visitor:
        answer = data(visitor.get("/api/session"))
    assert (answer["user"], answer["may_write"]) == (None, False)


def test_while_access_is_open_nobody_has_a_name_and_everybody_may_write(open_server: WebServer) -> None:
    with client(open_server) as visitor:
        answer = data(visitor.get("/api/session"))
    assert answer == {"access": "open", "user": None, "may_write": True, "reads_need_token": False}


def test_what_a_page_may_do_is_told_to_whom_nothing_else_is(closed_server: WebServer, tokens: dict[str, str]) -> None:
    with client(closed_server) as visitor, client(closed_server, tokens["bob"]) as bob:
        answer = data(visitor.get("/api/session"))
        assert (answer["reads_need_token"], answer["may_write"]) == (True, False)
        assert data(bob.get("/api/session"))["user"] == "bob"


# Quotes and octal numbers, as cookies are allowed to be written.
@pytest.mark.parametrize("cookie", ['sessionid="\\000aaaaaaaaaaaaa"', "sessionid=nobodys-own-key", 'sessionid="\\377"'])
@pytest.mark.parametrize("path", ["/api/symbols", "/config", "/api/session", "/admin/login/"])
def test_a_cookie_that_is_no_login_makes_nobody_known(token_server: WebServer, path: str, cookie: str) -> None:
    with client(token_server, cookie=cookie) as visitor:
        assert visitor.get(path).status_code == 200
        assert data(visitor.get("/api/session"))["user"] is None


def test_no_cache_keeps_who_somebody_was(page: httpx.Client) -> None:
    assert page.get("/api/session").headers["cache-control"] == "no-store"


def test_a_page_writes_with_the_value_of_its_cookie(page: httpx.Client) -> None:
    page.get("/api/session")
    fields = {"X-CSRFToken": page.cookies["csrftoken"], "Origin": str(page.base_url).rstrip("/")}
    assert page.post("/canvas/save", json=SAVE, headers=fields).status_code == 200


@pytest.mark.parametrize("path", ["/canvas/save", "/api/symbols"])
def test_the_cookie_of_a_login_alone_does_not_write(page: httpx.Client, path: str) -> None:
    reply = page.post(path, json=SAVE)
    assert reply.status_code == 403
    assert "X-CSRFToken" in reply.json()["error"]


def test_a_form_of_a_foreign_page_does_not_write_with_the_login(page: httpx.Client) -> None:
    page.get("/api/session")
    fields = {"X-CSRFToken": page.cookies["csrftoken"], "Origin": "https://elsewhere.example"}
    form = {"name": "n", "content": "{}"}
    reply = page.post("/1.1/study_templates?client=c&user=u", data=form, headers=fields)
    assert (reply.status_code, reply.json()["status"]) == (403, "error")


def test_a_login_reads_where_reading_needs_a_user(closed_server: WebServer, tokens: dict[str, str]) -> None:
    with client(closed_server) as page:
        assert page.get("/api/status").status_code == 401
        log_in(page, "bob")
        assert page.get("/api/status").status_code == 200
        assert page.get("/config").status_code == 200


def test_a_cookie_that_nobody_gave_is_no_login(closed_server: WebServer) -> None:
    with client(closed_server, cookie="sessionid=0123456789abcdef0123456789abcdef") as visitor:
        assert visitor.get("/api/status").status_code == 401


def test_scripts_of_a_page_read_the_one_cookie_and_not_the_other(token_server: WebServer) -> None:
    with client(token_server) as visitor:
        visitor.get("/admin/login/")
        log_in(visitor)
        cookies = visitor.get("/api/session").headers.get_list("set-cookie")
        login = next(cookie for cookie in visitor.cookies.jar if cookie.name == "sessionid")
    assert login.has_nonstandard_attr("HttpOnly")
    readable = [cookie for cookie in cookies if cookie.startswith("csrftoken=")]
    assert len(readable) == 1
    assert "HttpOnly" not in readable[0]
