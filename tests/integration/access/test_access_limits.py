"""How often one address, or one user, may ask."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from tests.integration.access.conftest import PASSWORD, Serve, client
from tests.integration.access.test_access_matrix import assert_refused
from tests.support.web_server import WebServer

# So many at once, and then one in five seconds, or in ten: longer than a request takes on a machine that is busy.
READS, WRITES, LOGINS = 12, 12, 6


@pytest.fixture(scope="module")
def server(serve: Serve, tokens: dict[str, str]) -> Iterator[WebServer]:
    """Behind a proxy, by whose header a test chooses its address."""
    limits = {"READS_PER_MINUTE": READS, "WRITES_PER_MINUTE": WRITES, "LOGINS_PER_MINUTE": LOGINS}
    with serve(ACCESS="token", TRUSTED_PROXIES="1", **{name: str(value) for name, value in limits.items()}) as server:
        yield server


def from_address(server: WebServer, address: str, token: str | None = None) -> httpx.Client:
    return client(server, token, x_forwarded_for=address)


def use_up(visitor: httpx.Client, path: str, most: int) -> httpx.Response:
    """Ask until it is refused; returns the refusal."""
    for _ in range(2 * most):
        reply = visitor.get(path)
        if reply.status_code == 429:
            return reply
        assert reply.status_code == 200, reply.text
    raise AssertionError(f"{path} was never refused")


@pytest.mark.parametrize(("number", "path"), [(1, "/api/session"), (2, "/config"), (3, "/api/symbols"), (4, "/time")])
def test_each_protocol_says_in_its_own_form_when_to_come_again(server: WebServer, number: int, path: str) -> None:
    with from_address(server, f"192.0.2.{number}") as visitor:
        use_up(visitor, "/time", READS)
        reply = visitor.get(path)
        assert_refused(reply, 429)
        assert 1 <= int(reply.headers["retry-after"]) <= 5


def test_the_storage_of_drawings_does_so_as_well(server: WebServer, tokens: dict[str, str]) -> None:
    with client(server, tokens["bob"]) as bob:
        use_up(bob, "/canvas/list?symbol=A", READS)
        for path in ("/canvas/list?symbol=A", "/1.1/charts?client=c&user=u"):
            reply = bob.get(path)
            assert_refused(reply, 429)
            assert 1 <= int(reply.headers["retry-after"]) <= 5


def test_the_limit_is_exact(server: WebServer) -> None:
    with from_address(server, "192.0.2.20") as visitor:
        began = time.monotonic()
        served = 0
        while visitor.get("/time").status_code == 200:
            served += 1
        took = time.monotonic() - began
    assert READS <= served <= READS + took * READS / 60 + 1


def test_who_waits_as_long_as_he_was_told_is_served(server: WebServer) -> None:
    with from_address(server, "192.0.2.21") as visitor:
        told = int(use_up(visitor, "/time", READS).headers["retry-after"])
        until = time.monotonic() + told
        while time.monotonic() < until - 1:
            # To ask in vain costs nothing.
            visitor.get("/time")
        time.sleep(max(0.0, until - time.monotonic()))
        assert visitor.get("/time").status_code == 200


def test_one_address_does_not_use_up_the_turns_of_another(server: WebServer) -> None:
    with from_address(server, "192.0.2.22") as greedy, from_address(server, "192.0.2.23") as other:
        use_up(greedy, "/time", READS)
        assert other.get("/time").status_code == 200


def test_a_network_of_version_6_is_one_address(server: WebServer) -> None:
    with from_address(server, "2001:db8::1") as one, from_address(server, "2001:db8::2") as other:
        use_up(one, "/time", READS)
        assert other.get("/time").status_code == 429


def test_a_user_has_turns_of_his_own_wherever_he_comes_from(server: WebServer, tokens: dict[str, str]) -> None:
    with (
        from_address(server, "192.0.2.24") as crowd,
        from_address(server, "192.0.2.24", tokens["alice"]) as alice,
        from_address(server, "192.0.2.25", tokens["alice"]) as alice_elsewhere,
    ):
        use_up(crowd, "/time", READS)
        assert alice.get("/time").status_code == 200
        use_up(alice, "/time", READS)
        assert alice_elsewhere.get("/time").status_code == 429


def test_writes_have_a_limit_of_their_own(server: WebServer, tokens: dict[str, str]) -> None:
    with client(server, tokens["alice"]) as alice:
        replies = [alice.post("/api/symbols", json={"symbol": ""}).status_code for _ in range(2 * WRITES)]
    assert replies[:WRITES] == [400] * WRITES
    assert 429 in replies


def test_who_is_refused_counts_too(server: WebServer) -> None:
    with from_address(server, "192.0.2.29") as visitor:
        replies = [visitor.post("/api/symbols", json={}).status_code for _ in range(2 * WRITES)]
    assert replies[:WRITES] == [401] * WRITES
    assert 429 in replies


@pytest.mark.parametrize(("number", "path"), [(30, "/api/nothing"), (31, "/canvas/nothing"), (32, "/1.1/nothing")])
def test_who_asks_for_nothing_counts_too(server: WebServer, number: int, path: str) -> None:
    with from_address(server, f"192.0.2.{number}") as visitor:
        replies = [visitor.get(path).status_code for _ in range(2 * READS)]
    assert replies[:READS] == [404] * READS
    assert 429 in replies


def test_wrong_tokens_are_not_tried_by_the_thousand(server: WebServer, tokens: dict[str, str]) -> None:
    with from_address(server, "192.0.2.26", "0" * 40) as guesser:
        replies = [guesser.get("/time") for _ in range(LOGINS + 1)]
        assert [reply.status_code for reply in replies] == [401] * LOGINS + [429]
        assert 1 <= int(replies[-1].headers["retry-after"]) <= 10
    # Whoever shares the address and has a token is not locked out; bob's turns come back while he waits.
    with from_address(server, "192.0.2.26", tokens["bob"]) as bob:
        assert bob.get("/time").status_code != 401


def test_passwords_are_not_tried_by_the_thousand(server: WebServer) -> None:
    with from_address(server, "192.0.2.27") as guesser:
        guesser.get("/admin/login/")
        form = {"username": "alice", "password": "guess", "csrfmiddlewaretoken": guesser.cookies["csrftoken"]}
        replies = [guesser.post("/admin/login/", data=form) for _ in range(LOGINS)]
        assert {reply.status_code for reply in replies} == {200}
        reply = guesser.post("/admin/login/", data={**form, "password": PASSWORD})
    assert reply.status_code == 429
    assert 1 <= int(reply.headers["retry-after"]) <= 10
    assert "sessionid" not in guesser.cookies


def test_pages_count_too(server: WebServer) -> None:
    with from_address(server, "192.0.2.28") as visitor:
        use_up(visitor, "/time", READS)
        reply = visitor.get("/admin/login/")
    assert reply.status_code == 429
    assert 1 <= int(reply.headers["retry-after"]) <= 5


def test_on_a_machine_of_ones_own_nobody_is_limited(open_server: WebServer) -> None:
    with client(open_server) as visitor:
        assert {visitor.get("/time").status_code for _ in range(1_300)} == {200}


def test_a_header_that_no_proxy_set_does_not_change_who_asks(serve: Serve) -> None:
    with serve(READS_PER_MINUTE="5") as server, client(server) as visitor:
        replies = [visitor.get("/time", headers={"X-Forwarded-For": f"192.0.2.{n}"}).status_code for n in range(6)]
    assert replies == [200] * 5 + [429]
