"""The pool of ways out: who gets which, who rests, and that credentials stay inside."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from feeds.binance.errors import ExchangeError, NotFound, ServerError, Unreachable
from feeds.binance.proxies import FIRST_REST_S, LONGEST_REST_S, ProxyPool, ProxySettings

SETTINGS = ProxySettings("proxy.test", 10_001, 10_003, username="us3r", password="pa55")
DOWN = Unreachable("http://x", "refused")


@dataclass
class Alarm:
    """Stands in for loop.call_later: the test decides when a rest is over."""

    rests: list[float] = field(default_factory=list)
    callbacks: list[Callable[[], None]] = field(default_factory=list)

    def __call__(self, delay_s: float, callback: Callable[[], None]) -> Alarm:
        self.rests.append(delay_s)
        self.callbacks.append(callback)
        return self

    def cancel(self) -> None:
        self.callbacks.clear()

    def ring(self) -> None:
        self.callbacks.pop(0)()


def pool_of(settings: ProxySettings | None, alarm: Alarm | None = None) -> ProxyPool:
    return ProxyPool(settings, later=alarm or Alarm(), jitter=lambda: 0.0)


async def use(pool: ProxyPool, error: ExchangeError | None = None) -> str:
    """Take a slot, fail with the error if there is one, and say which way out it was."""
    with contextlib.suppress(ExchangeError):
        async with pool.slot() as egress:
            if error is not None:
                raise error
    return egress.key


async def test_without_a_proxy_one_user_goes_out_directly_at_a_time() -> None:
    pool = pool_of(None)
    async with pool.slot() as egress:
        assert (egress.key, len(pool)) == ("direct", 1)
        second = asyncio.create_task(use(pool))
        await asyncio.sleep(0)
        assert not second.done()
    assert await second == "direct"


async def test_each_port_is_a_way_out() -> None:
    pool = pool_of(SETTINGS)
    async with pool.slot() as a, pool.slot() as b, pool.slot() as c:
        assert {a.key, b.key, c.key} == {"proxy.test:10001", "proxy.test:10002", "proxy.test:10003"}
        assert pool.status().busy == 3


async def test_a_wide_range_gives_a_hundred_ways_out() -> None:
    assert len(ProxyPool(ProxySettings("proxy.test", 10_000, 19_999))) == 100


async def test_the_ways_out_take_turns() -> None:
    pool = pool_of(SETTINGS)
    taken = [await use(pool) for _ in range(6)]
    assert taken == ["proxy.test:10001", "proxy.test:10002", "proxy.test:10003"] * 2


async def test_a_failing_way_out_rests_and_comes_back() -> None:
    alarm = Alarm()
    pool = pool_of(SETTINGS, alarm)
    assert await use(pool, DOWN) == "proxy.test:10001"
    assert [await use(pool) for _ in range(3)] == ["proxy.test:10002", "proxy.test:10003", "proxy.test:10002"]
    alarm.ring()
    assert [await use(pool) for _ in range(3)] == ["proxy.test:10003", "proxy.test:10002", "proxy.test:10001"]


@pytest.mark.parametrize("error", [NotFound("http://x"), ServerError("http://x", 500)])
async def test_what_the_exchange_answers_is_not_the_proxy_s_fault(error: ExchangeError) -> None:
    alarm = Alarm()
    pool = pool_of(SETTINGS, alarm)
    await use(pool, error)
    assert alarm.rests == []
    assert pool.status().failures == 0


async def test_rests_double_up_to_a_limit_and_start_anew_after_a_success() -> None:
    alarm = Alarm()
    pool = pool_of(ProxySettings("proxy.test", 10_001, 10_001), alarm)
    for _ in range(12):
        await use(pool, DOWN)
        alarm.ring()
    assert alarm.rests[:3] == [FIRST_REST_S, 2 * FIRST_REST_S, 4 * FIRST_REST_S]
    assert max(alarm.rests) == LONGEST_REST_S
    await use(pool)
    await use(pool, DOWN)
    assert alarm.rests[-1] == FIRST_REST_S


async def test_an_answer_of_the_exchange_clears_the_name_of_the_way_out() -> None:
    alarm = Alarm()
    pool = pool_of(ProxySettings("proxy.test", 10_001, 10_001), alarm)
    await use(pool, DOWN)
    alarm.ring()
    await use(pool, NotFound("http://x"))
    await use(pool, DOWN)
    assert alarm.rests == [FIRST_REST_S, FIRST_REST_S]


async def test_a_rest_is_shortened_by_up_to_half_at_random() -> None:
    alarm = Alarm()
    pool = ProxyPool(SETTINGS, later=alarm, jitter=lambda: 1.0)
    await use(pool, DOWN)
    assert alarm.rests == [FIRST_REST_S / 2]


async def test_while_all_rest_users_wait_for_the_first_to_return() -> None:
    alarm = Alarm()
    pool = pool_of(SETTINGS, alarm)
    for _ in range(3):
        await use(pool, DOWN)
    waiting = asyncio.create_task(use(pool))
    await asyncio.sleep(0)
    assert not waiting.done()
    assert pool.status().resting == 3
    alarm.ring()
    assert await waiting == "proxy.test:10001"


async def test_the_direct_way_never_rests() -> None:
    alarm = Alarm()
    pool = pool_of(None, alarm)
    await use(pool, DOWN)
    assert await use(pool) == "direct"
    assert alarm.rests == []


async def test_a_user_that_gives_up_waiting_loses_no_way_out() -> None:
    pool = pool_of(None)
    async with pool.slot():
        waiting = asyncio.create_task(use(pool))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert await use(pool) == "direct"


async def test_a_user_that_breaks_off_returns_its_way_out_unblamed() -> None:
    pool = pool_of(SETTINGS)
    with pytest.raises(KeyError):
        async with pool.slot():
            raise KeyError
    status = pool.status()
    assert (status.busy, status.resting, status.failures) == (0, 0, 0)


async def test_the_counters_tell_uses_failures_and_rests() -> None:
    pool = pool_of(SETTINGS)
    await use(pool)
    await use(pool, DOWN)
    status = pool.status()
    assert (status.egresses, status.uses, status.failures, status.resting, status.busy) == (3, 2, 1, 1, 0)


async def test_closing_ends_the_rests() -> None:
    alarm = Alarm()
    async with pool_of(SETTINGS, alarm) as pool:
        await use(pool, DOWN)
    assert alarm.callbacks == []


def test_credentials_are_in_no_representation() -> None:
    pool = ProxyPool(SETTINGS)
    shown = f"{SETTINGS} {SETTINGS!r} {pool!r} {pool._egresses!r} {SETTINGS.proxy(10_001)!r} {pool.status()!r}"
    assert "pa55" not in shown
    assert "us3r" not in f"{SETTINGS!r} {pool!r} {pool._egresses!r}"


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"host": ""}, "PROXY_HOST"),
        ({"host": "http://proxy.test"}, "PROXY_HOST"),
        ({"host": "us3r:pa55@proxy.test"}, "PROXY_HOST"),
        ({"protocol": "ftp"}, "PROXY_PROTOCOL"),
        ({"port_start": 0}, "PROXY_PORT_START"),
        ({"port_start": 10_004}, "PROXY_PORT_START"),
        ({"port_end": 70_000}, "PROXY_PORT_END"),
    ],
)
def test_a_wrong_setting_is_named_without_credentials(changes: dict[str, Any], name: str) -> None:
    given: dict[str, Any] = {
        "host": "proxy.test",
        "port_start": 10_001,
        "port_end": 10_003,
        "username": "us3r",
        "password": "pa55",
    }
    with pytest.raises(ValueError, match=name) as refusal:
        ProxySettings(**(given | changes))
    assert "pa55" not in str(refusal.value)
