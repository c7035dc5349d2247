"""Who may open a push socket, and how many; and that no log tells of tokens."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.integration.access.conftest import Serve, client, log_in
from tests.support.eventually import eventually
from tests.support.push import client as socket
from tests.support.web_server import WebServer


def opens(server: WebServer, path: str = "/ws", headers: dict[str, str] | None = None, **options: Any) -> bool:
    """Whether the handshake is accepted, and the socket answers."""
    with socket(server.port, path, additional_headers=headers or {}, **options) as one:
        one.settle()
    return True


def refusal(server: WebServer, path: str = "/ws", headers: dict[str, str] | None = None, **options: Any) -> Any:
    """The answer to a handshake that is refused."""
    with (
        pytest.raises(InvalidStatus) as refused,
        socket(server.port, path, additional_headers=headers or {}, **options),
    ):
        pass
    return refused.value.response


@pytest.mark.parametrize("name", ["open_server", "token_server"])
def test_where_everybody_reads_everybody_gets_a_socket(name: str, request: pytest.FixtureRequest) -> None:
    assert opens(request.getfixturevalue(name))


def test_who_is_not_known_gets_none(closed_server: WebServer) -> None:
    answer = refusal(closed_server)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Token"
    assert b"Authorization: Token" in answer.body


def test_a_program_sends_its_token_as_a_header(closed_server: WebServer, tokens: dict[str, str]) -> None:
    assert opens(closed_server, headers={"Authorization": f"Token {tokens['alice']}"})


def test_a_page_of_another_origin_sends_its_token_in_the_address(
    closed_server: WebServer, tokens: dict[str, str]
) -> None:
    assert opens(closed_server, f"/ws?token={tokens['alice']}", origin="https://charts.example")


def test_our_own_page_sends_the_cookie_of_its_login(closed_server: WebServer, tokens: dict[str, str]) -> None:
    with client(closed_server) as page:
        log_in(page)
        assert opens(closed_server, headers={"Cookie": f"sessionid={page.cookies['sessionid']}"})


def test_a_foreign_page_gets_no_socket_even_with_a_login(closed_server: WebServer, tokens: dict[str, str]) -> None:
    with client(closed_server) as page:
        log_in(page)
        cookie = {"Cookie": f"sessionid={page.cookies['sessionid']}"}
        assert refusal(closed_server, headers=cookie, origin="https://elsewhere.example").status_code == 403


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/ws?token=0000", {}),
        ("/ws?token=", {}),
        ("/ws?token=%00", {}),
        ("/ws?token=%ff%fe", {}),
        ("/ws?token=a&token=b", {}),
        ("/ws", {"Authorization": "Token 0000"}),
        ("/ws", {"Authorization": "Basic YWxpY2U6eA=="}),
        ("/ws", {"Cookie": "sessionid=0123456789abcdef0123456789abcdef"}),
        ("/ws", {"Cookie": 'sessionid="; ,=;;'}),
        ("/ws", {"Cookie": 'sessionid="\\000aaaaaaaaaaaaa"'}),
    ],
)
def test_what_does_not_count_opens_none(closed_server: WebServer, path: str, headers: dict[str, str]) -> None:
    assert refusal(closed_server, path, headers).status_code == 401


def test_a_handshake_that_cannot_be_read_opens_none(closed_server: WebServer) -> None:
    assert refusal(closed_server, headers={"Content-Type": "a/b; c*=nonsense''%41"}).status_code == 400


def test_the_token_of_an_account_that_is_switched_off_opens_none(
    closed_server: WebServer, tokens: dict[str, str]
) -> None:
    assert refusal(closed_server, f"/ws?token={tokens['gone']}").status_code == 401


def test_one_address_has_so_many_sockets_at_a_time(closed_server: WebServer, tokens: dict[str, str]) -> None:
    path = f"/ws?token={tokens['bob']}"
    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(socket(closed_server.port, path)).settle()
        answer = refusal(closed_server, path)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "10")
        assert b"SOCKETS_PER_ADDRESS" in answer.body

    def opens_again() -> bool:
        try:
            return opens(closed_server, path)
        except InvalidStatus:
            return False

    # Once the server has noticed that the three are gone.
    eventually(opens_again, within=10)


def test_handshakes_count_as_reads(serve: Serve) -> None:
    with serve(READS_PER_MINUTE="3") as server:
        for _ in range(3):
            opens(server)
        answer = refusal(server)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 20


@pytest.fixture
def logs(token_server: WebServer, closed_server: WebServer, tokens: dict[str, str]) -> str:
    """All that two servers at LOG_LEVEL=DEBUG have written about requests of every kind with tokens."""
    token = tokens["alice"]
    for server in (token_server, closed_server):
        with client(server, token) as alice:
            alice.get("/api/status")
            alice.post("/api/symbols", content=b"{", headers={"Content-Type": "application/json"})
            alice.get("/nothing/here")
            alice.get("/api/klines/NONE")
        with client(server) as page:
            log_in(page)
        opens(server, f"/ws?token={token}")
        opens(server, headers={"Authorization": f"Token {token}"})
        refusal(server, f"/nowhere?token={token}")
        refusal(server, f"/ws?token={token}", origin="https://elsewhere.example")
    refusal(closed_server, f"/ws?token={tokens['gone']}")
    return token_server.log.read_text() + closed_server.log.read_text()


def test_no_log_tells_a_token_or_a_password(logs: str, tokens: dict[str, str]) -> None:
    for secret in (*tokens.values(), "correct horse", "a key for tests"):
        assert secret not in logs


def test_there_is_no_line_for_each_socket(logs: str) -> None:
    assert "running on http" in logs
    assert "WebSocket" not in logs
    assert "connection open" not in logs
    assert "connection closed" not in logs


def test_nothing_has_gone_wrong_meanwhile(logs: str) -> None:
    assert "Traceback" not in logs
