"""The pace of one process, by a clock that the tests turn."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.binance.pacing import LocalPacer, PaceLimits
from market.domain.window import MINUTE_MS

NOON = 1_791_374_400_000  # the start of a clock minute


class Clock:
    def __init__(self, now_ms: int = NOON) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


async def drain(pacer: LocalPacer, clock: Clock, *, weight: int, until_ms: int) -> list[int]:
    """Ask as often as allowed; the instants at which a request was granted."""
    granted = []
    while clock.now_ms < until_ms:
        wait_s = await pacer.reserve("direct", weight)
        if wait_s == 0:
            granted.append(clock.now_ms)
        else:
            clock.now_ms += max(1, round(wait_s * 1_000))
    return granted


async def test_no_minute_wherever_it_starts_holds_more_than_480_requests() -> None:
    clock = Clock(NOON + 17_321)
    granted = await drain(LocalPacer(now_ms=clock), clock, weight=1, until_ms=NOON + 5 * MINUTE_MS)
    most = max(sum(start <= at < start + MINUTE_MS for at in granted) for start in granted)
    assert 470 <= most <= 480


async def test_requests_are_spread_evenly_after_a_small_burst() -> None:
    clock = Clock()
    limits = PaceLimits()
    granted = await drain(LocalPacer(limits, now_ms=clock), clock, weight=1, until_ms=NOON + 10_000)
    assert granted[: limits.burst] == [NOON] * limits.burst
    gaps = [
        later - earlier for earlier, later in zip(granted[limits.burst :], granted[limits.burst + 1 :], strict=False)
    ]
    assert max(gaps) - min(gaps) <= 2


async def test_each_way_out_has_a_pace_of_its_own() -> None:
    pacer = LocalPacer(PaceLimits(burst=1), now_ms=Clock())
    assert await pacer.reserve("direct", 1) == 0
    assert await pacer.reserve("direct", 1) > 0
    assert await pacer.reserve("proxy:10001", 1) == 0


async def test_our_own_weight_stops_at_the_budget_until_the_clock_minute_ends() -> None:
    clock = Clock(NOON + 20_000)
    pacer = LocalPacer(PaceLimits(weight=100), now_ms=clock)
    for _ in range(2):
        assert await pacer.reserve("direct", 50) == 0
    assert await pacer.reserve("direct", 1) == 40.0
    clock.now_ms = NOON + MINUTE_MS
    assert await pacer.reserve("direct", 50) == 0


async def test_the_weight_that_the_exchange_counted_outranks_a_smaller_count_of_our_own() -> None:
    clock = Clock(NOON + 30_000)
    pacer = LocalPacer(now_ms=clock)
    await pacer.report("direct", used_weight=1_919, server_ms=clock.now_ms)
    assert await pacer.reserve("direct", 2) == 30.0
    assert await pacer.reserve("direct", 1) == 0


async def test_an_answer_that_was_overtaken_does_not_free_weight() -> None:
    clock = Clock()
    pacer = LocalPacer(now_ms=clock)
    await pacer.report("direct", used_weight=1_920, server_ms=clock.now_ms)
    await pacer.report("direct", used_weight=5, server_ms=clock.now_ms)
    assert await pacer.reserve("direct", 1) > 0


async def test_the_weight_window_is_the_minute_of_the_exchange_s_clock() -> None:
    clock = Clock(NOON + 59_000)
    pacer = LocalPacer(now_ms=clock)
    # The exchange is half a minute ahead: its minute has 31 s left, ours 1 s.
    await pacer.report("direct", used_weight=1_920, server_ms=clock.now_ms + 30_000)
    assert await pacer.reserve("direct", 1) == 31.0


async def test_nobody_sends_before_a_stop_is_over() -> None:
    clock = Clock()
    pacer = LocalPacer(now_ms=clock)
    await pacer.stop("direct", NOON + 90_000)
    assert await pacer.reserve("direct", 1) == 90.0
    clock.now_ms = NOON + 90_000
    assert await pacer.reserve("direct", 1) == 0


async def test_a_shorter_stop_does_not_cut_a_longer_one_short() -> None:
    clock = Clock()
    pacer = LocalPacer(now_ms=clock)
    await pacer.stop("direct", NOON + 90_000)
    await pacer.stop("direct", NOON + 1_000)
    assert await pacer.reserve("direct", 1) == 90.0


async def test_a_stop_is_measured_by_the_exchange_s_clock() -> None:
    clock = Clock()
    pacer = LocalPacer(now_ms=clock)
    await pacer.report("direct", used_weight=None, server_ms=NOON - 10_000)
    await pacer.stop("direct", NOON)
    assert await pacer.reserve("direct", 1) == 10.0


@pytest.mark.parametrize("limits", [{"requests": 8, "burst": 8}, {"burst": 0}, {"weight": 0}])
def test_limits_that_let_nothing_through_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="no room"):
        PaceLimits(**limits)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 600), st.integers(1, 20), st.integers(0, MINUTE_MS))
async def test_any_limits_hold_for_any_minute(requests: int, burst: int, shift: int) -> None:
    limits = PaceLimits(requests=requests, weight=10**6, burst=min(burst, requests - 1))
    clock = Clock(NOON + shift)
    granted = await drain(LocalPacer(limits, now_ms=clock), clock, weight=1, until_ms=clock.now_ms + 2 * MINUTE_MS)
    assert max(sum(start <= at < start + MINUTE_MS for at in granted) for start in granted) <= requests


async def test_a_clock_that_is_put_back_stops_nobody() -> None:
    """The schedule is never further ahead than a burst; what lies beyond was written by another clock."""
    clock = Clock()
    pacer = LocalPacer(now_ms=clock)
    await drain(pacer, clock, weight=1, until_ms=NOON + 1_000)
    clock.now_ms -= 3_600_000
    assert await pacer.reserve("direct", 1) < 1.0
