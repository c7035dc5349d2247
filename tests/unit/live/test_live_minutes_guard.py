"""Nothing that comes late, twice or out of order does harm."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from feeds.live.minutes import GRACE_MS, SymbolMinutes, is_plausible, is_unlikely
from market.domain.candle import Candle
from market.domain.window import MINUTE_MS, TimeWindow
from market.tail import CLOSED_KEPT

T0 = 1_774_008_000_000


def candle(minute: int, n: int = 1, *, closed: bool = False) -> Candle:
    return Candle("BTCUSDT", T0 + minute * MINUTE_MS, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, n, closed)


def minutes(stored: tuple[int, ...] = ()) -> SymbolMinutes:
    return SymbolMinutes(symbol_id=1, name="BTCUSDT", start=T0, stored=[T0 + minute * MINUTE_MS for minute in stored])


def at(minute: int, ms: int = 0) -> int:
    return T0 + minute * MINUTE_MS + ms


events = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 20), st.booleans()), max_size=80)


@given(events)
def test_each_minute_becomes_final_once_and_nothing_of_it_follows(comes: list[tuple[int, int, bool]]) -> None:
    known = minutes()
    final: list[int] = []
    for minute, n, closed in comes:
        came = candle(minute, n, closed=closed)
        taken = known.take_closed(came) if closed else known.take_forming(came)
        if closed and taken:
            assert minute not in final
            final.append(minute)
        elif taken:
            assert all(minute > other for other in final), "a forming candle after a final one"
    assert {minute for minute, _, closed in comes if closed} == set(final)


@given(events)
def test_the_forming_minute_only_moves_forward(comes: list[tuple[int, int, bool]]) -> None:
    known = minutes()
    newest = (-1, -1)
    for minute, n, closed in comes:
        came = candle(minute, n, closed=closed)
        if closed:
            known.take_closed(came)
        elif known.take_forming(came):
            assert (minute, n) >= newest
            newest = minute, n


@given(events)
def test_the_tail_is_ascending_and_short_and_ends_in_the_forming_minute(comes: list[tuple[int, int, bool]]) -> None:
    known = minutes()
    for minute, n, closed in comes:
        came = candle(minute, n, closed=closed)
        known.take_closed(came) if closed else known.take_forming(came)
        times = [entry.time for entry in known.tail()]
        assert times == sorted(set(times))
        assert len(times) <= CLOSED_KEPT + 1
        assert all(entry.is_closed for entry in known.tail()[:-1])


@given(closed=st.lists(st.integers(0, 30), max_size=31), now=st.integers(0, 32 * MINUTE_MS))
def test_what_is_missing_is_what_did_not_come_and_is_due(closed: list[int], now: int) -> None:
    known = minutes()
    for minute in closed:
        known.take_closed(candle(minute, closed=True))
    due = [minute for minute in range(40) if at(minute + 1, GRACE_MS) <= T0 + now]
    missing = [minute for minute in due if minute not in closed]
    window = known.missing(T0 + now)
    expected = TimeWindow(at(missing[0]), at(missing[-1] + 1)) if missing else None
    assert window == expected


def test_stored_minutes_are_not_missing_but_holes_between_them_are() -> None:
    known = minutes(stored=(0, 1, 3))
    assert known.missing(at(4, GRACE_MS)) == TimeWindow(at(2), at(3))


def test_a_minute_that_was_lost_is_missing_again() -> None:
    known = minutes()
    for minute in range(4):
        known.take_closed(candle(minute, closed=True))
    known.reopen(at(1))
    assert known.missing(at(4, GRACE_MS)) == TimeWindow(at(1), at(2))
    assert known.take_closed(candle(1, closed=True))
    assert known.missing(at(4, GRACE_MS)) is None


def test_what_is_given_up_is_not_asked_for_again() -> None:
    known = minutes()
    known.take_closed(candle(3, closed=True))
    known.give_up(at(2))
    assert known.missing(at(4, GRACE_MS)) == TimeWindow(at(2), at(3))


def test_committed_minutes_leave_the_tail_but_for_the_newest() -> None:
    known = minutes()
    for minute in range(5):
        known.take_closed(candle(minute, closed=True))
    known.committed(at(4))
    assert [entry.time for entry in known.tail()] == [at(3), at(4)]


def test_a_closing_frame_before_its_minute_is_over_is_not_believed() -> None:
    closing = candle(0, closed=True)
    assert not is_plausible(closing, at(0, 59_000), at(0, 59_000))
    assert is_plausible(closing, at(1, 203), at(1, 203))


def test_a_frame_of_the_far_future_is_not_believed() -> None:
    assert not is_plausible(candle(10), at(0), at(0))
    assert is_plausible(candle(1), at(0, 59_990), at(0, 59_990))


def test_silence_is_unlikely_only_where_much_is_traded() -> None:
    assert is_unlikely([600], 30)
    assert not is_unlikely([2], 30)
    assert not is_unlikely([0, 0], 3_600)
    assert not is_unlikely([], 3_600)
    assert is_unlikely([0, None], 30)
