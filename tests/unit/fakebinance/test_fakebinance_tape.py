"""The tape: which frames a stream sends, and when, as the clock goes on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.fakebinance.bars import MINUTE_MS
from feeds.fakebinance.forming import Minute, minutes_of
from feeds.fakebinance.listings import CATALOGUE
from feeds.fakebinance.market import GeneratedMarket
from feeds.fakebinance.tape import LONGEST_CATCH_UP_MS, MinuteReader, Shot, Tape
from market.domain.window import Month

START = Month(2026, 3).window.start + 11 * 3_600_000
MARKET = GeneratedMarket(seed=7, listings=CATALOGUE.values(), history_start=Month(2026, 1).window.start)
# From one where each minute trades to one where every other second does not, and some minutes neither.
SYMBOLS = ("BTCUSDT", "LTCUSDT", "币安人生USDT")
ZEROS = (0, 0, 0, 0, 0)
# Late enough for the minute before START to have been closed.
JOINED = START + 2_000


class Scripted(MinuteReader):
    """Minutes as a test wants them: numbers of trades, from START on, and 240 in every minute after those."""

    def __init__(self, *trades: int) -> None:
        self._trades = trades

    def read(self, opened: int) -> Minute | None:
        number = (opened - START) // MINUTE_MS
        if number < 0 and self._trades:
            return None
        total = self._trades[number] if 0 <= number < len(self._trades) else 240
        if total == 0:
            return Minute(opened, 100, 100, 100, 100, *ZEROS)
        return Minute(opened, 100, 130, 80, 110, 10 * total, 1_000 * total, total, 5 * total, 500 * total)


def tape(reader: MinuteReader, since: int = START, *, closes_idle: bool = False) -> Tape:
    return Tape(reader, "BTCUSDT", since=since, closes_idle=closes_idle)


def played(tape: Tape, start: int, end: int, step_ms: int = 250) -> Iterator[tuple[int, Shot]]:
    """Everything that steps of the clock over [start, end) give, with its time."""
    for now in range(start, end, step_ms):
        for shot in tape.step(now):
            yield now, shot


def truth(symbol: str, minutes: int) -> dict[int, Minute]:
    bars = MARKET.minutes(symbol, START, START + minutes * MINUTE_MS)
    return {minute.time: minute for minute in minutes_of(bars)}


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_every_minute_with_a_trade_closes_once_and_equals_the_truth(symbol: str) -> None:
    followed = Tape(MinuteReader(MARKET, symbol), symbol, since=JOINED)
    shots = played(followed, JOINED, START + 121 * MINUTE_MS)
    closed = [shot.bar for _, shot in shots if shot.is_closed]
    assert closed == [minute for minute in truth(symbol, 120).values() if minute.trade_count]


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_a_closed_frame_is_a_fifth_of_a_second_to_two_seconds_late(symbol: str) -> None:
    followed = Tape(MinuteReader(MARKET, symbol), symbol, since=START)
    late = [
        now - shot.bar.time - MINUTE_MS
        for now, shot in played(followed, START, START + 121 * MINUTE_MS)
        if shot.is_closed
    ]
    assert min(late) >= 200
    assert max(late) <= 2_000
    assert len(set(late)) > 1


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_frames_come_in_the_order_of_their_minutes_and_nothing_follows_a_closed_one(symbol: str) -> None:
    followed = Tape(MinuteReader(MARKET, symbol), symbol, since=START)
    shots = [shot for _, shot in played(followed, START, START + 60 * MINUTE_MS)]
    for before, later in itertools.pairwise(shots):
        assert later.bar.time >= before.bar.time
        assert later.bar.time > before.bar.time or not before.is_closed


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_each_forming_frame_shows_a_new_trade_and_there_is_at_most_one_a_step(symbol: str) -> None:
    followed = Tape(MinuteReader(MARKET, symbol), symbol, since=START)
    seen: dict[int, int] = {}
    for now in range(START, START + 30 * MINUTE_MS, 250):
        shots = followed.step(now)
        assert len(shots) <= 1
        for shot in shots:
            if not shot.is_closed:
                assert shot.bar.trade_count > seen.get(shot.bar.time, 0)
                seen[shot.bar.time] = shot.bar.trade_count


def test_an_idle_symbol_sends_nothing_while_its_minute_has_no_new_trade() -> None:
    # Two trades a minute, at 15 and at 45 seconds.
    shots = list(played(tape(Scripted(2, 240)), START, START + MINUTE_MS))
    assert [now - START for now, _ in shots] == [15_000, 45_000]


def test_a_minute_without_a_trade_sends_no_frame_at_all() -> None:
    shots = list(played(tape(Scripted(240, 0, 240)), START, START + 3 * MINUTE_MS))
    assert START + MINUTE_MS not in {shot.bar.time for _, shot in shots}


def test_a_minute_without_a_trade_closes_with_zeros_where_that_is_switched_on() -> None:
    idle = tape(Scripted(240, 0, 240), closes_idle=True)
    shots = [shot for _, shot in played(idle, START, START + 3 * MINUTE_MS) if shot.bar.time == START + MINUTE_MS]
    assert shots == [Shot(Minute(START + MINUTE_MS, 100, 100, 100, 100, *ZEROS), True)]


def test_a_minute_is_closed_by_the_timer_when_the_next_has_no_trade() -> None:
    (closed,) = [now for now, shot in played(tape(Scripted(240, 0)), START, START + 2 * MINUTE_MS) if shot.is_closed]
    assert closed - START - MINUTE_MS == 1_750


def test_no_frame_opens_a_minute_before_its_first_trade() -> None:
    shots = [shot for _, shot in played(tape(Scripted(240, 3)), START, START + 2 * MINUTE_MS)]
    opening = next(shot for shot in shots if shot.bar.time == START + MINUTE_MS)
    assert opening.bar.trade_count == 1


def test_a_busy_minutes_closing_frame_has_trades_that_no_forming_frame_had() -> None:
    shots = [shot for _, shot in played(tape(Scripted(600)), START, START + 62_000) if shot.bar.time == START]
    assert shots[-1].is_closed
    assert shots[-2].bar.trade_count < 600


def test_steps_that_come_too_late_lose_forming_frames_but_no_closed_one() -> None:
    thin = Tape(MinuteReader(MARKET, "BTCUSDT"), "BTCUSDT", since=JOINED)
    shots = [shot for _, shot in played(thin, JOINED, START + 30 * MINUTE_MS, 7 * MINUTE_MS + 13_000)]
    assert [shot.bar for shot in shots if shot.is_closed] == list(truth("BTCUSDT", 28).values())


def test_a_step_without_an_allowance_closes_minutes_but_shows_no_forming_one() -> None:
    quiet = tape(Scripted(240, 240))
    shots = [shot for now in range(START, START + 62_000, 250) for shot in quiet.step(now, may_form=False)]
    assert [(shot.bar.time, shot.is_closed) for shot in shots] == [(START, True)]


def test_whoever_comes_before_the_late_closed_frame_still_gets_it() -> None:
    since = START + MINUTE_MS + 50
    first = next(shot for _, shot in played(tape(Scripted(240, 240), since), since, since + 5_000))
    assert first == Shot(first.bar, True)
    assert first.bar.time == START


def test_whoever_comes_after_the_closed_frame_does_not_get_it() -> None:
    since = START + MINUTE_MS + 2_500
    shots = [shot for _, shot in played(tape(Scripted(240, 240), since), since, since + 5_000)]
    assert {shot.bar.time for shot in shots} == {START + MINUTE_MS}


def test_the_first_forming_frame_has_all_trades_of_the_minute_so_far() -> None:
    since = START + 30_100
    _, shot = next(played(tape(Scripted(240), since), since, since + 5_000))
    assert shot.bar.trade_count > 120
    assert shot.bar.open == 100


@pytest.mark.parametrize("jump", [-3 * MINUTE_MS, LONGEST_CATCH_UP_MS + 3 * MINUTE_MS])
def test_a_clock_that_somebody_set_sends_nothing_for_the_time_between(jump: int) -> None:
    followed = tape(Scripted(), JOINED)
    assert followed.step(JOINED + jump) == []
    shots = [shot for _, shot in played(followed, JOINED + jump, JOINED + jump + 2 * MINUTE_MS)]
    assert min(shot.bar.time for shot in shots) == START + jump


def test_a_symbol_that_settles_sends_its_last_minute_and_is_silent() -> None:
    market = GeneratedMarket(seed=7, listings=CATALOGUE.values(), history_start=START - MINUTE_MS)
    followed = Tape(MinuteReader(market, "BTCUSDT"), "BTCUSDT", since=START)
    list(played(followed, START, START + 90_000))
    market.settle("BTCUSDT", START + 90_000)
    shots = [shot for _, shot in played(followed, START + 90_000, START + 10 * MINUTE_MS)]
    assert shots[-1].is_closed
    assert {shot.bar.time for shot in shots} == {START + MINUTE_MS}


def test_a_symbol_that_is_not_listed_yet_begins_with_its_first_minute() -> None:
    late = replace(CATALOGUE["BTCUSDT"], onboard_ms=START + 2 * MINUTE_MS)
    market = GeneratedMarket(seed=7, listings=[late], history_start=START - 3_600_000)
    followed = Tape(MinuteReader(market, "BTCUSDT"), "BTCUSDT", since=START)
    shots = [shot for _, shot in played(followed, START, START + 4 * MINUTE_MS)]
    assert shots[0].bar.time == START + 2 * MINUTE_MS


@settings(max_examples=20, deadline=None)
@given(phase=st.integers(0, 249), jitter=st.lists(st.integers(0, 12), min_size=230, max_size=230))
def test_a_busy_market_has_a_frame_in_every_quarter_of_a_second(phase: int, jitter: list[int]) -> None:
    market = GeneratedMarket(seed=7, listings=CATALOGUE.values(), history_start=START - MINUTE_MS, busy=True)
    followed = Tape(MinuteReader(market, "币安人生USDT"), "币安人生USDT", since=JOINED + phase)
    # The first step of the first minute shows only what has traded since the tape began.
    steps = [followed.step(JOINED + phase + number * 250 + late) for number, late in enumerate(jitter)]
    assert all(len(shots) == 1 for shots in steps[1:])


@settings(max_examples=200, deadline=None)
@given(offset=st.integers(0, 30 * 1_440))
def test_a_reader_gives_the_markets_minutes_from_wherever_it_begins(offset: int) -> None:
    opened = START - 20 * 86_400_000 + offset * MINUTE_MS
    reader = MinuteReader(MARKET, "LTCUSDT")
    (expected,) = minutes_of(MARKET.minutes("LTCUSDT", opened, opened + MINUTE_MS))
    assert reader.read(opened) == expected
