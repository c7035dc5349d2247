"""Redis, the database and the server come and go; each closed bar still comes once and in order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from redis import RedisError
from websockets.exceptions import ConnectionClosed

from klineproject.local.instance import Instance
from tests.support.candles import ms
from tests.support.eventually import eventually
from tests.support.push import Client, Collector, Market, client, collector
from tests.support.served import database_url, served
from tests.support.web_server import WebServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """A Redis that this module may kill."""
    instance = Instance("push", root=tmp_path_factory.mktemp("services"), environ={})
    instance.redis.start()
    try:
        yield instance
    finally:
        instance.redis.stop()


@pytest.fixture(scope="module")
def fragile(django_db_setup: None, redis: Instance, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    environ = {"DATABASE_URL": database_url(), "REDIS_URL": redis.redis.url}
    with served(tmp_path_factory.mktemp("fragile"), environ) as server:
        yield server


@pytest.fixture
def publisher(redis: Instance) -> Iterator[Collector]:
    with collector(redis.redis.url) as one:
        yield one


@pytest.fixture
def market(transactional_db: None, publisher: Collector) -> Market:
    market = Market(publisher, ms("2024-03-05T09:10"), 120)
    market.store(0, 60)
    return market


def follow(one: Client, market: Market, **more: object) -> None:
    one.subscribe(market.name, **more)
    one.settle()


def closed_times(one: Client, count: int) -> list[int]:
    return [bar["timestamp"] for bar in one.bars(count, closed=True, within=30)]


def publish_until_heard(market: Market, one: Client, index: int) -> None:
    """The product's collector publishes several times a second; the first message after a restart may be lost."""

    def heard() -> bool:
        with suppress(RedisError):
            market.publish(market.forming(index))
        return not one.silent(0.2)

    eventually(heard, within=30)


def test_a_client_notices_nothing_of_a_restart_of_redis(fragile: WebServer, redis: Instance, market: Market) -> None:
    with client(fragile.port) as one:
        follow(one, market)
        market.publish(market.closed(60))
        assert closed_times(one, 1) == [market.time(60)]
        redis.redis.kill()
        market.store(60, 64)
        redis.redis.start()
        publish_until_heard(market, one, 64)
        market.publish(market.closed(64))
        assert closed_times(one, 4) == [market.time(index) for index in range(61, 65)]


def test_closed_bars_come_from_the_database_while_redis_is_away(
    fragile: WebServer, redis: Instance, market: Market
) -> None:
    with client(fragile.port) as one:
        follow(one, market, intervals=["1m", "5m"])
        redis.redis.kill()
        try:
            market.store(60, 66)
            bars = one.bars(7, closed=True, within=30)
        finally:
            redis.redis.start()
        minutes = [bar["timestamp"] for bar in bars if bar["interval"] == "1m"]
        assert minutes == [market.time(index) for index in range(60, 66)]
        assert [bar["volume"] for bar in bars if bar["interval"] == "5m"] == [market.bar("5m", 64, 64)["volume"]]


def test_the_charts_tail_is_read_after_a_restart_of_redis(fragile: WebServer, redis: Instance, market: Market) -> None:
    with client(fragile.port) as one:
        follow(one, market)
        redis.redis.kill()
        redis.redis.start()
        market.keep_tail(63)
        assert closed_times(one, 3) == [market.time(index) for index in range(60, 63)]


def test_a_server_that_starts_without_redis_serves_as_soon_as_it_is_there(
    redis: Instance, market: Market, tmp_path: Path
) -> None:
    redis.redis.kill()
    environ = {"DATABASE_URL": database_url(), "REDIS_URL": redis.redis.url}
    try:
        with served(tmp_path, environ) as server, client(server.port) as one:
            follow(one, market)
            redis.redis.start()
            publish_until_heard(market, one, 60)
            market.publish(market.closed(60))
            assert closed_times(one, 1) == [market.time(60)]
    finally:
        redis.redis.start()


def test_a_client_continues_on_a_new_server_where_it_was(redis: Instance, market: Market, tmp_path: Path) -> None:
    environ = {"DATABASE_URL": database_url(), "REDIS_URL": redis.redis.url}
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    seen: list[int] = []
    with served(tmp_path / "first", environ) as server, client(server.port) as one:
        follow(one, market, since=market.time(57))
        market.publish(market.closed(60))
        # Those since then were read and forgotten by `settle` as far as they had come; what counts is the last one.
        while market.time(60) not in seen:
            seen += closed_times(one, 1)
    with pytest.raises(ConnectionClosed):
        one.hear()
    # In the meantime: 61 is stored, 62 and 63 are in the tail, the third comes as a message.
    market.store(60, 62)
    market.keep_tail(64)
    with served(tmp_path / "second", environ) as server, client(server.port) as one:
        one.subscribe(market.name, since=seen[-1])
        assert one.hear()["type"] == "subscribed"
        assert closed_times(one, 3) == [market.time(index) for index in range(61, 64)]
        market.publish(market.closed(64))
        assert closed_times(one, 1) == [market.time(64)]
    assert "Traceback" not in (tmp_path / "first" / "serve.log").read_text()
