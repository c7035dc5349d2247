"""What is believed of the headers that proxies set."""

from __future__ import annotations

from typing import Any

import pytest

from klineproject.forwarded import as_client_sees_it

PEER = ("10.0.0.1", 4000)


def seen(trusted: int, *headers: tuple[str, str], kind: str = "http") -> dict[str, Any]:
    scope = {
        "type": kind,
        "client": PEER,
        "scheme": "http" if kind == "http" else "ws",
        "headers": [(b"host", b"inside:3000"), *((name.encode(), value.encode()) for name, value in headers)],
    }
    return as_client_sees_it(scope, trusted)


def test_without_a_proxy_no_header_is_believed() -> None:
    scope = seen(0, ("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "evil"))
    assert (scope["client"], scope["scheme"], scope["headers"][0]) == (PEER, "http", (b"host", b"inside:3000"))


@pytest.mark.parametrize(("trusted", "client"), [(1, "192.0.2.3"), (2, "192.0.2.2"), (3, "192.0.2.1")])
def test_the_outermost_trusted_proxy_says_who_asks(trusted: int, client: str) -> None:
    assert seen(trusted, ("x-forwarded-for", "192.0.2.1, 192.0.2.2,192.0.2.3"))["client"][0] == client


def test_a_header_in_two_lines_is_one_list() -> None:
    assert seen(1, ("x-forwarded-for", "192.0.2.1"), ("x-forwarded-for", "192.0.2.9"))["client"][0] == "192.0.2.9"


def test_a_list_that_is_too_short_is_read_from_its_begin() -> None:
    assert seen(5, ("x-forwarded-for", "192.0.2.1, 192.0.2.2"))["client"][0] == "192.0.2.1"


@pytest.mark.parametrize("value", ["", "unknown", "192.0.2.1:80", "<script>", "_hidden"])
def test_what_is_no_address_leaves_the_proxys_own(value: str) -> None:
    assert seen(1, ("x-forwarded-for", value))["client"] == PEER


@pytest.mark.parametrize(("kind", "scheme"), [("http", "https"), ("websocket", "wss")])
def test_the_scheme_is_the_clients(kind: str, scheme: str) -> None:
    assert seen(1, ("x-forwarded-proto", "https"), kind=kind)["scheme"] == scheme


def test_a_scheme_that_nobody_knows_is_not_believed() -> None:
    assert seen(1, ("x-forwarded-proto", "gopher"))["scheme"] == "http"


def test_the_host_is_the_clients() -> None:
    assert [
        value for name, value in seen(1, ("x-forwarded-host", "candles.example"))["headers"] if name == b"host"
    ] == [b"candles.example"]
