"""When connections to the stream are tried."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.binance.connecting import Backoff, ConnectBudget


def test_the_first_attempt_waits_for_nothing() -> None:
    assert Backoff().next_s() == 0.0


@given(failures=st.integers(1, 200), draw=st.floats(0, 1, exclude_max=True))
def test_a_wait_lies_below_a_doubling_bound_and_never_above_a_minute(failures: int, draw: float) -> None:
    backoff = Backoff(jitter=lambda: draw)
    for _ in range(failures):
        backoff.fail()
    assert backoff.next_s() == pytest.approx(draw * min(60.0, 0.5 * 2 ** (failures - 1)))


def test_data_brings_the_waits_back_to_the_start() -> None:
    backoff = Backoff(jitter=lambda: 0.9)
    for _ in range(10):
        backoff.fail()
    backoff.reset()
    assert backoff.next_s() == 0.0


@given(gaps=st.lists(st.floats(0, 30), min_size=1, max_size=120))
def test_connections_never_exceed_the_burst_and_then_the_even_pace(gaps: list[float]) -> None:
    budget = ConnectBudget(burst=5, every_s=2.0)
    now, opened = 1_000.0, []
    for gap in gaps:
        now += gap
        opened.append(now + budget.reserve(now))
    opened.sort()
    for first, start in enumerate(opened):
        within = [moment for moment in opened[first:] if moment < start + 20.0 - 1e-6]
        assert len(within) <= 5 + 10


def test_a_burst_is_free_and_the_next_one_waits() -> None:
    budget = ConnectBudget(burst=3, every_s=2.0)
    assert [budget.reserve(0.0) for _ in range(4)] == [0.0, 0.0, 0.0, 2.0]
