"""Request weight: what requests cost and what happens beyond the limit."""

from __future__ import annotations

import json

import pytest

from feeds.fakebinance.clock import Clock
from feeds.fakebinance.limits import WeightLimiter, klines_weight
from feeds.fakebinance.replies import Reply

# 12:00:00 UTC, the start of a minute.
NOON = 1_767_268_800_000


def limiter(clock: Clock) -> WeightLimiter:
    return WeightLimiter(clock, limit=100, patience=2, ban_ms=120_000)


def refusal(answer: tuple[int, Reply | None]) -> Reply:
    assert answer[1] is not None
    return answer[1]


@pytest.mark.parametrize(
    ("limit", "weight"),
    [(1, 1), (100, 1), (101, 2), (499, 2), (500, 2), (501, 5), (1_000, 5), (1_001, 10), (1_500, 10), (1_501, 10)],
)
def test_klines_cost_by_limit_as_measured(limit: int, weight: int) -> None:
    assert klines_weight(limit) == weight


def test_klines_without_a_limit_cost_five() -> None:
    assert klines_weight(None) == 5


def test_the_weight_of_a_minute_adds_up() -> None:
    weights = limiter(Clock(NOON, speed=0))
    assert [weights.charge("a", 30)[0] for _ in range(3)] == [30, 60, 90]


def test_addresses_do_not_share_an_account() -> None:
    weights = limiter(Clock(NOON, speed=0))
    weights.charge("a", 90)
    assert weights.charge("b", 20) == (20, None)


def test_the_account_empties_with_the_minute_of_the_clock() -> None:
    clock = Clock(NOON + 59_000, speed=0)
    weights = limiter(clock)
    weights.charge("a", 100)
    clock.advance(1_000)
    assert weights.charge("a", 100) == (100, None)


def test_beyond_the_limit_the_answer_is_429_until_the_minute_is_over() -> None:
    weights = limiter(Clock(NOON + 20_000, speed=0))
    weights.charge("a", 100)
    reply = refusal(weights.charge("a", 1))
    assert reply.status == 429
    assert reply.headers["Retry-After"] == "40"
    assert json.loads(reply.body)["code"] == -1003


def test_the_wait_is_told_in_real_seconds() -> None:
    clock = Clock(NOON, speed=60, monotonic=lambda: 0.0)
    weights = limiter(clock)
    weights.charge("a", 100)
    assert refusal(weights.charge("a", 1)).headers["Retry-After"] == "1"


def test_who_goes_on_after_429_is_banned() -> None:
    clock = Clock(NOON, speed=0)
    weights = limiter(clock)
    answers = [weights.charge("a", 60) for _ in range(4)]
    assert [None if reply is None else reply.status for _, reply in answers] == [None, 429, 429, 418]
    message = json.loads(refusal(answers[3]).body)["msg"]
    assert message.startswith(f"Way too many requests; IP(a) banned until {NOON + 120_000}.")
    assert refusal(answers[3]).headers["Retry-After"] == "120"


def test_a_ban_outlasts_the_minute_and_ends_at_the_time_it_names() -> None:
    clock = Clock(NOON, speed=0)
    weights = limiter(clock)
    for _ in range(4):
        weights.charge("a", 60)
    clock.set(NOON + 119_999)
    assert refusal(weights.charge("a", 1)).status == 418
    clock.set(NOON + 120_000)
    assert weights.charge("a", 1) == (1, None)


def test_a_second_ban_lasts_twice_as_long() -> None:
    clock = Clock(NOON, speed=0)
    weights = limiter(clock)
    for _ in range(4):
        weights.charge("a", 60)
    clock.set(NOON + 120_000)
    answers = [weights.charge("a", 60) for _ in range(4)]
    assert refusal(answers[3]).headers["Retry-After"] == "240"


def test_forgiving_clears_accounts_and_bans() -> None:
    weights = limiter(Clock(NOON, speed=0))
    for _ in range(4):
        weights.charge("a", 60)
    weights.forgive()
    assert weights.charge("a", 1) == (1, None)
