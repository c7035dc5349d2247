"""The exchange's clock."""

from __future__ import annotations

import pytest

from feeds.fakebinance.clock import Clock


class Seconds:
    """A monotonic time source that stands still until told otherwise."""

    def __init__(self) -> None:
        self.value = 100.0

    def __call__(self) -> float:
        return self.value


def test_the_clock_runs_as_fast_as_it_is_told() -> None:
    seconds = Seconds()
    clock = Clock(1_000_000, speed=60, monotonic=seconds)
    seconds.value += 2
    assert clock.now() == 1_000_000 + 120_000


def test_a_frozen_clock_stands_still() -> None:
    seconds = Seconds()
    clock = Clock(5_000, monotonic=seconds)
    seconds.value += 1
    clock.freeze()
    seconds.value += 1_000
    assert clock.now() == 6_000


def test_a_change_of_speed_does_not_make_the_clock_jump() -> None:
    seconds = Seconds()
    clock = Clock(0, speed=10, monotonic=seconds)
    seconds.value += 3
    clock.set_speed(2)
    assert clock.now() == 30_000
    seconds.value += 1
    assert clock.now() == 32_000


def test_setting_and_advancing_keep_the_speed() -> None:
    seconds = Seconds()
    clock = Clock(0, speed=3, monotonic=seconds)
    clock.set(1_000)
    clock.advance(500)
    seconds.value += 1
    assert clock.now() == 4_500
    assert clock.speed == 3


def test_spans_of_a_fast_clock_last_less_in_real_time() -> None:
    assert Clock(0, speed=60).real_seconds(60_000) == 1.0


def test_spans_of_a_frozen_clock_are_finite() -> None:
    assert Clock(0, speed=0).real_seconds(60_000) == 60.0


@pytest.mark.parametrize("speed", [-1.0, float("nan"), float("inf")])
def test_an_impossible_speed_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="expected 0"):
        Clock(0, speed)
