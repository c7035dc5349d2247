"""The pace that processes share through a real Redis, and what happens without it."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.conf import settings
from redis.asyncio import Redis

from feeds.binance.pacing import LocalPacer, PaceLimits, Pacer
from feeds.binance.redis_pacing import LEFT_ALONE_S, LIMITS_WITHOUT_REDIS, RedisPacer
from market.domain.window import MINUTE_MS

NOON = 1_791_374_400_000


class Clock:
    def __init__(self, now_ms: int = NOON) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
async def redis() -> AsyncIterator[Redis]:
    client = Redis.from_url(settings.REDIS_URL)
    yield client
    await client.aclose()


@pytest.fixture
async def prefix(redis: Redis) -> AsyncIterator[str]:
    """A corner of Redis of the test's own."""
    name = f"test:{uuid.uuid4().hex}:"
    yield name
    async for key in redis.scan_iter(f"{name}*"):
        await redis.delete(key)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pacer(redis: Redis, prefix: str, clock: Clock) -> RedisPacer:
    return RedisPacer(redis, prefix=prefix, now_ms=clock)


async def grants(pacer: Pacer, clock: Clock, *, until_ms: int) -> list[int]:
    """Ask as often as allowed; the instants at which a request was granted."""
    granted = []
    while clock.now_ms < until_ms:
        wait_s = await pacer.reserve("direct", 2)
        if wait_s == 0:
            granted.append(clock.now_ms)
        else:
            clock.now_ms += max(1, round(wait_s * 1_000))
    return granted


async def test_no_minute_holds_more_than_480_requests(pacer: RedisPacer, clock: Clock) -> None:
    granted = await grants(pacer, clock, until_ms=NOON + 2 * MINUTE_MS)
    most = max(sum(start <= at < start + MINUTE_MS for at in granted) for start in granted)
    assert 470 <= most <= 480


async def test_it_grants_like_the_local_one(pacer: RedisPacer, clock: Clock) -> None:
    shared = await grants(pacer, clock, until_ms=NOON + MINUTE_MS)
    clock.now_ms = NOON
    local = await grants(LocalPacer(now_ms=clock), clock, until_ms=NOON + MINUTE_MS)
    assert len(shared) == len(local)
    assert max(abs(one - other) for one, other in zip(shared, local, strict=True)) <= 2


async def test_two_processes_share_one_pace(redis: Redis, prefix: str) -> None:
    clock = Clock()
    limits = PaceLimits(burst=8)
    async with Redis.from_url(settings.REDIS_URL) as another:
        first = RedisPacer(redis, limits, prefix=prefix, now_ms=clock)
        second = RedisPacer(another, limits, prefix=prefix, now_ms=clock)
        waits = await asyncio.gather(*(pacer.reserve("direct", 1) for pacer in (first, second) for _ in range(10)))
    assert waits.count(0.0) == 8


async def test_a_stop_that_one_process_learned_holds_all(redis: Redis, prefix: str) -> None:
    clock = Clock()
    first, second = (RedisPacer(redis, prefix=prefix, now_ms=clock) for _ in range(2))
    await first.stop("direct", NOON + 3_600_000)
    await first.stop("direct", NOON + 1_000)
    assert await second.reserve("direct", 1) == 3_600.0
    assert await second.reserve("proxy:10001", 1) == 0
    clock.now_ms = NOON + 3_600_000
    assert await second.reserve("direct", 1) == 0


async def test_the_weight_that_the_exchange_counted_holds_all_until_its_minute_ends(redis: Redis, prefix: str) -> None:
    clock = Clock(NOON + 45_000)
    first, second = (RedisPacer(redis, prefix=prefix, now_ms=clock) for _ in range(2))
    await first.report("direct", used_weight=1_919, server_ms=clock.now_ms)
    await first.report("direct", used_weight=7, server_ms=clock.now_ms)
    assert await second.reserve("direct", 2) == 15.0
    clock.now_ms = NOON + MINUTE_MS
    assert await second.reserve("direct", 2) == 0


async def test_the_weight_window_follows_the_exchange_s_clock(pacer: RedisPacer, clock: Clock) -> None:
    clock.now_ms = NOON + 59_000
    await pacer.report("direct", used_weight=1_920, server_ms=clock.now_ms + 30_000)
    assert await pacer.reserve("direct", 1) == 31.0


async def test_redis_s_own_clock_is_used_unless_a_test_brings_one(redis: Redis, prefix: str) -> None:
    pacer = RedisPacer(redis, prefix=prefix)
    seconds, micros = await redis.time()
    await pacer.stop("direct", seconds * 1_000 + micros // 1_000 + 30_000)
    assert 29 < await pacer.reserve("direct", 1) <= 30


async def test_nothing_stays_in_redis_for_ever(pacer: RedisPacer, redis: Redis, prefix: str) -> None:
    await pacer.reserve("direct", 1)
    assert 0 < await redis.pttl(f"{prefix}direct") <= 180_000
    await pacer.stop("direct", NOON + 3_600_000)
    assert 3_600_000 < await redis.pttl(f"{prefix}direct") <= 3_660_000


@pytest.fixture
async def away() -> AsyncIterator[Redis]:
    """A Redis that is not there."""
    client = Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2)
    yield client
    await client.aclose()


async def test_without_redis_requests_go_on_at_an_eighth_of_the_pace(away: Redis) -> None:
    clock = Clock()
    granted = await grants(RedisPacer(away, now_ms=clock), clock, until_ms=NOON + 2 * MINUTE_MS)
    most = max(sum(start <= at < start + MINUTE_MS for at in granted) for start in granted)
    assert most <= LIMITS_WITHOUT_REDIS.requests == 60


async def test_without_redis_a_stop_still_holds(away: Redis) -> None:
    pacer = RedisPacer(away, now_ms=Clock())
    await pacer.stop("direct", NOON + 60_000)
    assert await pacer.reserve("direct", 1) == 60.0


async def test_a_stop_learned_from_redis_s_days_holds_when_it_is_gone(redis: Redis, prefix: str, away: Redis) -> None:
    pacer = RedisPacer(redis, prefix=prefix, now_ms=Clock())
    await pacer.stop("direct", NOON + 60_000)
    lost = RedisPacer(away, now_ms=Clock())
    pacer._reserve = lost._reserve
    assert await pacer.reserve("direct", 1) == 60.0


async def test_redis_s_absence_is_said_once_and_not_felt_by_every_request(
    away: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    now, tries = [0.0], [0]
    pacer = RedisPacer(away, now_ms=Clock(), monotonic=lambda: now[0])
    script = pacer._reserve

    async def counted(**call: Any) -> Any:
        tries[0] += 1
        return await script(**call)

    pacer._reserve = counted  # type: ignore[assignment]
    with caplog.at_level(logging.WARNING, logger="feeds.binance.redis_pacing"):
        for _ in range(20):
            await pacer.reserve("direct", 1)
            now[0] += LEFT_ALONE_S / 10
    assert tries == [2]
    assert [record.getMessage().split(" (")[0] for record in caplog.records] == ["Redis is away"]


async def test_redis_s_return_is_noticed(
    redis: Redis, prefix: str, away: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    now = [0.0]
    pacer = RedisPacer(redis, prefix=prefix, now_ms=Clock(), monotonic=lambda: now[0])
    there, pacer._reserve = pacer._reserve, RedisPacer(away)._reserve
    with caplog.at_level(logging.WARNING, logger="feeds.binance.redis_pacing"):
        await pacer.reserve("direct", 1)
        pacer._reserve = there
        now[0] += LEFT_ALONE_S
        await pacer.stop("direct", NOON + 60_000)
        assert await RedisPacer(redis, prefix=prefix, now_ms=Clock()).reserve("direct", 1) == 60.0
    assert caplog.records[-1].getMessage() == "Redis is back after 5 s"


async def test_a_stop_outlives_a_redis_that_has_lost_everything(redis: Redis, prefix: str) -> None:
    """A server that is started again is empty; asking during a ban makes it longer."""
    clock = Clock()
    first, second = (RedisPacer(redis, prefix=prefix, now_ms=clock) for _ in range(2))
    await first.stop("direct", NOON + 600_000)
    await redis.delete(f"{prefix}direct")
    clock.now_ms += 1_000
    assert await first.reserve("direct", 1) == 599.0
    assert await second.reserve("direct", 1) == 599.0, "the first has told it again"


async def test_a_stop_that_came_while_redis_was_away_holds_when_it_is_back(
    redis: Redis, prefix: str, away: Redis
) -> None:
    now, clock = [0.0], Clock()
    pacer = RedisPacer(redis, prefix=prefix, now_ms=clock, monotonic=lambda: now[0])
    there, pacer._report = pacer._report, RedisPacer(away)._report
    await pacer.stop("direct", NOON + 600_000)
    pacer._report = there
    now[0] += LEFT_ALONE_S
    assert await pacer.reserve("direct", 1) == 600.0


async def test_a_clock_that_is_put_back_stops_nobody(redis: Redis, prefix: str) -> None:
    clock = Clock()
    pacer = RedisPacer(redis, prefix=prefix, now_ms=clock)
    await grants(pacer, clock, until_ms=NOON + 1_000)
    clock.now_ms -= 3_600_000
    assert await pacer.reserve("direct", 1) < 1.0
