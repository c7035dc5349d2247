"""Behind a proxy that speaks TLS, as an operator deploys it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from tests.integration.access.conftest import PASSWORD, Serve, client
from tests.support.push import client as socket
from tests.support.web_server import WebServer

URL: Final = "https://candles.example"
# What the proxy in front adds; the Host is its own word for this server, as some proxies have it.
FORWARDED: Final = {"X-Forwarded-For": "192.0.2.50", "X-Forwarded-Proto": "https", "Host": "127.0.0.1"}


@pytest.fixture(scope="module")
def server(serve: Serve, tokens: dict[str, str]) -> Iterator[WebServer]:
    with serve(ACCESS="token", PUBLIC_URL=URL, TRUSTED_PROXIES="1") as server:
        yield server


@pytest.fixture
def visitor(server: WebServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers=FORWARDED, timeout=30, trust_env=False) as one:
        yield one


def test_who_comes_without_tls_is_sent_to_it(server: WebServer) -> None:
    with client(server) as one:
        reply = one.get("/api/status?a=1", headers={"X-Forwarded-Host": "candles.example"})
    assert (reply.status_code, reply.headers["location"]) == (301, f"{URL}/api/status?a=1")


def test_who_comes_with_tls_is_served_and_told_to_stay_with_it(visitor: httpx.Client) -> None:
    reply = visitor.get("/api/session")
    assert reply.status_code == 200
    assert reply.headers["strict-transport-security"].startswith("max-age=")


def test_cookies_are_for_tls_alone(visitor: httpx.Client) -> None:
    visitor.get("/admin/login/")
    # The client itself speaks no TLS to the server, so it does not send them of its own accord.
    key = next(cookie.value for cookie in visitor.cookies.jar if cookie.name == "csrftoken")
    form = {"username": "alice", "password": PASSWORD, "csrfmiddlewaretoken": str(key)}
    fields = {"Cookie": f"csrftoken={key}", "Origin": URL, "Referer": f"{URL}/admin/login/"}
    reply = visitor.post("/admin/login/", data=form, headers=fields)
    assert reply.status_code == 302
    cookies = reply.headers.get_list("set-cookie")
    assert any(cookie.startswith("sessionid=") for cookie in cookies)
    assert all("Secure" in cookie for cookie in cookies)


def test_the_public_address_is_a_host_that_is_served(visitor: httpx.Client) -> None:
    assert visitor.get("/time", headers={"Host": "candles.example"}).status_code == 200
    assert visitor.get("/time", headers={"X-Forwarded-Host": "candles.example"}).status_code == 200
    assert visitor.get("/time", headers={"X-Forwarded-Host": "evil.example"}).status_code == 400


@pytest.mark.parametrize("headers", [FORWARDED, {**FORWARDED, "X-Forwarded-Host": "candles.example"}, {}])
def test_the_public_page_opens_sockets_whatever_host_the_proxy_names(
    server: WebServer, headers: dict[str, str]
) -> None:
    fields = {name: value for name, value in headers.items() if name != "Host"}
    with socket(server.port, additional_headers=fields, origin=URL) as one:
        one.settle()


@pytest.mark.parametrize("origin", ["https://evil.example", "http://candles.example", "https://candles.example:8443"])
def test_no_other_page_does(server: WebServer, origin: str) -> None:
    fields = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    with (
        pytest.raises(InvalidStatus) as refused,
        socket(server.port, additional_headers=fields, origin=origin),
    ):
        pass
    assert refused.value.response.status_code == 403
