"""The exchange's time."""

from __future__ import annotations

import pytest

from feeds.live.clock import ExchangeClock


class Machine:
    def __init__(self) -> None:
        self.seconds = 100.0

    def monotonic(self) -> float:
        return self.seconds


def clock(machine: Machine, *, speed: float = 1.0) -> ExchangeClock:
    return ExchangeClock(speed=speed, monotonic=machine.monotonic, start_ms=lambda: 1_000_000)


def test_it_is_this_machines_time_until_the_exchange_has_told_its_own() -> None:
    machine = Machine()
    exchange = clock(machine)
    assert (exchange.now(), exchange.is_known) == (1_000_000, False)
    exchange.tell(5_000_000)
    machine.seconds += 2
    assert (exchange.now(), exchange.is_known) == (5_002_000, True)


def test_an_answer_that_took_long_neither_advances_it_nor_turns_it_back() -> None:
    machine = Machine()
    exchange = clock(machine)
    exchange.tell(5_000_000, took_ms=90_000)
    assert exchange.now() == 5_000_000
    exchange.hear(5_030_000)
    exchange.tell(5_010_000, took_ms=60_000)
    assert exchange.now() == 5_030_000


@pytest.mark.parametrize("said", [4_990_000, 5_000_001])
def test_one_that_cannot_be_right_is_put_at_what_the_exchange_said(said: int) -> None:
    exchange = clock(Machine())
    exchange.tell(5_000_000)
    exchange.tell(said, took_ms=9_999)
    assert exchange.now() == said


def test_a_sped_up_clock_runs_so_many_times_as_fast() -> None:
    machine = Machine()
    exchange = clock(machine, speed=20.0)
    machine.seconds += 3
    assert exchange.now() == 1_060_000


def test_an_event_pushes_it_forward_and_never_back() -> None:
    exchange = clock(Machine())
    exchange.tell(2_000_000)
    exchange.hear(2_000_500)
    exchange.hear(1_999_000)
    assert exchange.now() == 2_000_500


def test_an_event_that_claims_the_far_future_is_not_believed() -> None:
    exchange = clock(Machine())
    exchange.tell(2_000_000)
    exchange.hear(9_000_000)
    assert exchange.now() == 2_000_000


def test_the_first_event_is_believed_if_nothing_else_is_known() -> None:
    exchange = clock(Machine())
    exchange.hear(9_000_000)
    assert (exchange.now(), exchange.is_known) == (9_000_000, True)
