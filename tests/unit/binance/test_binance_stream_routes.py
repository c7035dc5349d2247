"""Which way out a connection of the stream takes."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, suppress

import pytest
from websockets.proxy import parse_proxy

from feeds.binance.proxies import ProxySettings
from feeds.binance.routes import Route, StreamRoutes

THREE = ProxySettings("proxy.example", 8_001, 8_003, username="user", password="p@ss:w/rd")


class Machine:
    now = 100.0


def routes(machine: Machine, settings: ProxySettings | None = THREE) -> StreamRoutes:
    return StreamRoutes(settings, clock=lambda: machine.now, jitter=lambda: 0.0)


def fail(ways: StreamRoutes) -> str:
    with pytest.raises(OSError, match="refused"), ways.take() as taken:
        raise OSError("refused")
    return taken.route.key


def taken_now(ways: StreamRoutes) -> str:
    with ways.take() as taken:
        return taken.route.key


def test_connections_are_shared_out_evenly() -> None:
    ways = routes(Machine())
    with ExitStack() as held:
        keys = [held.enter_context(ways.take()).route.key for _ in range(6)]
    assert sorted(keys) == sorted(2 * [f"proxy.example:{port}" for port in THREE.ports()])


def test_who_comes_again_takes_another_way() -> None:
    ways = routes(Machine())
    assert len({taken_now(ways) for _ in range(3)}) == 3


def test_a_way_that_failed_rests_longer_each_time_and_comes_back() -> None:
    machine = Machine()
    ways = routes(machine)
    failed = fail(ways)
    assert failed not in {taken_now(ways) for _ in range(6)}
    machine.now += 5.0
    assert failed in {taken_now(ways) for _ in range(3)}


def test_while_all_rest_the_one_that_rests_the_shortest_is_taken() -> None:
    machine = Machine()
    ways = routes(machine)
    first = fail(ways)
    for _ in range(2):
        machine.now += 1.0
        fail(ways)
    assert taken_now(ways) == first


def test_a_way_that_has_worked_is_not_blamed_for_its_end() -> None:
    ways = routes(Machine())
    with suppress(OSError), ways.take() as taken:
        taken.worked()
        raise OSError("reset")
    assert (taken.route.failures, taken.route.rests_until) == (0, 0.0)


def test_a_connection_that_we_give_up_ourselves_blames_nobody() -> None:
    ways = routes(Machine())
    with pytest.raises(asyncio.CancelledError), ways.take() as taken:
        raise asyncio.CancelledError
    assert (taken.route.failures, taken.route.connections) == (0, 0)


async def test_without_proxies_the_way_is_direct_whatever_the_environment_says() -> None:
    with routes(Machine(), None).take() as taken:
        assert (taken.route.key, await taken.route.options("wss://exchange.example")) == ("direct", {"proxy": None})


@pytest.mark.parametrize("protocol", ["http", "https"])
@pytest.mark.parametrize("host", ["proxy.example", "::1"])
async def test_any_host_and_password_reach_the_library_whole(protocol: str, host: str) -> None:
    settings = ProxySettings(host, 8_001, 8_001, protocol=protocol, username="us er", password="p@ss:w/rd%")
    options = await Route("any", settings, 8_001).options("wss://exchange.example")
    proxy = parse_proxy(options["proxy"])
    assert (proxy.scheme, proxy.host, proxy.port, proxy.user_info) == (protocol, host, 8_001, ("us er", "p@ss:w/rd%"))


def test_no_route_shows_its_credentials() -> None:
    assert "ss" not in repr(Route("proxy.example:8001", THREE, 8_001)) + repr(THREE)
