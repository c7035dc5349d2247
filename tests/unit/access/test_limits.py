"""How often somebody may ask."""

from __future__ import annotations

import pytest

from market.access import limits
from market.access.limits import Limiter, Places


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize("per_minute", [1, 3, 7, 120, 1200])
def test_so_many_at_once_and_not_one_more(clock: Clock, per_minute: int) -> None:
    limiter = Limiter(per_minute, now=clock)
    assert [limiter.ask("a") for _ in range(per_minute)] == [0.0] * per_minute
    assert limiter.ask("a") == pytest.approx(60 / per_minute, abs=1e-5)


@pytest.mark.parametrize("per_minute", [1, 3, 7, 120, 1200])
def test_who_waits_as_long_as_he_was_told_is_let_in(clock: Clock, per_minute: int) -> None:
    limiter = Limiter(per_minute, now=clock)
    for _ in range(per_minute):
        limiter.ask("a")
    wait = limiter.ask("a")
    clock.seconds += wait * 0.9
    assert limiter.ask("a") > 0
    clock.seconds += wait * 0.1
    assert limiter.ask("a") == 0.0


def test_a_refusal_costs_no_turn(clock: Clock) -> None:
    limiter = Limiter(2, now=clock)
    waits = [limiter.ask("a") for _ in range(50)]
    assert waits[2:] == [waits[2]] * 48


def test_a_look_says_what_asking_would_and_costs_no_turn(clock: Clock) -> None:
    limiter = Limiter(2, now=clock)
    assert [limiter.look("a") for _ in range(5)] == [0.0] * 5
    assert [limiter.ask("a") for _ in range(2)] == [0.0] * 2
    assert limiter.look("a") == limiter.ask("a") > 0
    assert Limiter(0).look("a") == 0.0


def test_an_idle_minute_gives_all_turns_back_and_no_more(clock: Clock) -> None:
    limiter = Limiter(5, now=clock)
    for _ in range(5):
        limiter.ask("a")
    clock.seconds += 3_600
    assert [limiter.ask("a") > 0 for _ in range(6)] == [False] * 5 + [True]


def test_one_asker_does_not_use_up_the_turns_of_another(clock: Clock) -> None:
    limiter = Limiter(1, now=clock)
    limiter.ask("a")
    assert limiter.ask("a") > 0
    assert limiter.ask("b") == 0.0


def test_no_limit_lets_everybody_in_and_remembers_nobody() -> None:
    limiter = Limiter(0)
    assert {limiter.ask("a") for _ in range(10_000)} == {0.0}
    assert len(limiter) == 0


def test_whatever_addresses_come_no_more_than_so_many_are_remembered(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_MOST_REMEMBERED", 100)
    limiter = Limiter(10, now=clock)
    for number in range(1_000):
        limiter.ask(f"10.0.{number // 256}.{number % 256}")
    assert len(limiter) == 100


def test_who_keeps_asking_is_not_forgotten_for_those_who_asked_once(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_MOST_REMEMBERED", 100)
    limiter = Limiter(500, now=clock)
    for number in range(500):
        limiter.ask("often")
        limiter.ask(f"once {number}")
    assert limiter.ask("often") > 0


def test_places_are_given_up_to_the_limit_and_given_again() -> None:
    places = Places(2)
    assert [places.take("a") for _ in range(3)] == [True, True, False]
    assert places.take("b")
    places.leave("a")
    assert [places.take("a"), places.take("a")] == [True, False]


def test_without_a_limit_there_is_always_a_place() -> None:
    places = Places(0)
    assert all(places.take("a") for _ in range(1_000))
