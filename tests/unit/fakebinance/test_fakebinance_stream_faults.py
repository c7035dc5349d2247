"""Faults of streams: what a rule hits, how often, and what it makes of a frame."""

from __future__ import annotations

from typing import Any

import pytest

from feeds.fakebinance.clock import Clock
from feeds.fakebinance.fault_kinds import FaultError
from feeds.fakebinance.faults import Fault, FaultBook
from feeds.fakebinance.stream_faults import UNHARMED, FinalPlan, Later, StreamFaults, garbage, plan_of
from feeds.fakebinance.visits import Visit

PATH = "/market/stream"
MINUTE = 1_791_382_980_000


@pytest.fixture
def clock() -> Clock:
    return Clock(1_000, speed=0)


@pytest.fixture
def book(clock: Clock) -> FaultBook:
    return FaultBook(clock)


@pytest.fixture
def faults(book: FaultBook) -> StreamFaults:
    return StreamFaults(book)


def final(faults: StreamFaults, *, connection: int = 1, symbol: str = "BTCUSDT", minute: int = MINUTE) -> FinalPlan:
    return faults.of_final(connection, PATH, symbol, minute)


@pytest.mark.parametrize("path", ["/market/stream", "/market/ws/a@b/c@d", "/stream", "/ws", "/ws/a@b", "/private/ws"])
def test_stream_paths_are_handshakes(path: str) -> None:
    assert Visit.of(path, {}).kind == "ws.handshake"


@pytest.mark.parametrize("path", ["/market", "/streams", "/spot/ws", "/market/wsx"])
def test_other_paths_are_not(path: str) -> None:
    assert Visit.of(path, {}).kind == "other"


def test_a_dropped_closed_frame_is_missing_on_every_connection(book: FaultBook, faults: StreamFaults) -> None:
    book.add("final_dropped", match={"symbol": "BTCUSDT"}, times=1)
    assert [final(faults, connection=number).late for number in (1, 2)] == [None, None]
    assert final(faults, minute=MINUTE + 60_000) == UNHARMED


def test_times_count_by_stream(book: FaultBook, faults: StreamFaults) -> None:
    book.add("final_dropped", times=1)
    assert [final(faults, symbol=symbol).late for symbol in ("BTCUSDT", "ETHUSDT")] == [None, None]


def test_times_count_all_streams_together_if_the_scope_says_so(book: FaultBook, faults: StreamFaults) -> None:
    book.add("final_dropped", times=1, scope="all")
    assert [final(faults, symbol=symbol).late for symbol in ("BTCUSDT", "ETHUSDT")] == [None, 0]


@pytest.mark.parametrize(
    "match",
    [{"symbol": "ETH*"}, {"stream": "ethusdt@*"}, {"connection": "2"}, {"path": "/market/ws"}, {"minute": "1"}],
)
def test_a_rule_hits_only_what_it_matches(book: FaultBook, faults: StreamFaults, match: dict[str, str]) -> None:
    book.add("final_dropped", match=match)
    assert final(faults) == UNHARMED


@pytest.mark.parametrize(
    "match",
    [{"symbol": "BTC*"}, {"stream": "btcusdt@*"}, {"connection": "1"}, {"path": PATH}, {"minute": str(MINUTE)}],
)
def test_a_rule_hits_what_it_matches(book: FaultBook, faults: StreamFaults, match: dict[str, str]) -> None:
    book.add("final_dropped", match=match)
    assert final(faults) == FinalPlan(late=None)


def test_a_connection_stays_hit_while_the_rule_lasts(book: FaultBook, faults: StreamFaults, clock: Clock) -> None:
    rule = book.add("silence", times=1, until_ms=2_000)
    assert [bool(faults.of_connection(1, PATH)) for _ in range(3)] == [True, True, True]
    assert book.hits(rule.id) == 1
    clock.advance(1_000)
    assert faults.of_connection(1, PATH) == []


def test_a_rule_for_one_connection_leaves_the_next_one_alone(book: FaultBook, faults: StreamFaults) -> None:
    book.add("silence", times=1)
    assert [bool(faults.of_connection(number, PATH)) for number in (1, 2)] == [True, False]


def test_a_rule_may_pass_the_first_connection(book: FaultBook, faults: StreamFaults) -> None:
    book.add("abort", skip=1)
    assert [bool(faults.of_connection(number, PATH)) for number in (1, 2, 1)] == [False, True, False]


def test_a_mute_stream_is_mute_on_its_connection_only_as_often_as_allowed(
    book: FaultBook, faults: StreamFaults
) -> None:
    book.add("mute", match={"symbol": "BTCUSDT"}, times=1)
    assert [faults.is_mute(number, PATH, "BTCUSDT") for number in (1, 1, 2)] == [True, True, False]
    assert not faults.is_mute(1, PATH, "ETHUSDT")


def test_faults_of_other_families_leave_streams_alone(book: FaultBook, faults: StreamFaults) -> None:
    book.add("reset")
    assert faults.are_none
    assert faults.of_connection(1, PATH) == []


def test_the_book_forgets_that_streams_have_rules_with_the_last_of_them(book: FaultBook) -> None:
    known = [book.has_stream_rules]
    rule = book.add("mute")
    known.append(book.has_stream_rules)
    book.remove(rule.id)
    known.append(book.has_stream_rules)
    book.add("mute")
    book.clear()
    known.append(book.has_stream_rules)
    assert known == [False, True, False, False]


def test_handshakes_are_refused_only_by_rules_that_name_them(book: FaultBook) -> None:
    handshake = Visit.of(PATH, {})
    book.add("forbidden", match={"path": "*"})
    assert book.claim(handshake) == []
    book.add("forbidden", match={"kind": "ws.handshake"})
    assert len(book.claim(handshake)) == 1


@pytest.mark.parametrize(
    ("name", "params", "plan"),
    [
        ("final_dropped", {}, FinalPlan(late=None)),
        ("final_late", {}, FinalPlan(late=30_000)),
        ("final_late", {"ms": 12_000}, FinalPlan(late=12_000)),
        ("final_repeated", {}, FinalPlan(repeats=(0,))),
        ("final_repeated", {"count": 2, "after_ms": 500}, FinalPlan(repeats=(500, 500))),
        ("partial_after_final", {}, FinalPlan(partials=(0,))),
        ("out_of_order", {}, FinalPlan(partials=(3_000,))),
    ],
)
def test_each_fault_changes_its_part_of_the_plan(name: str, params: dict[str, Any], plan: FinalPlan) -> None:
    assert plan_of([Fault(name, params=params)]) == plan


def test_faults_of_one_frame_add_up() -> None:
    plan = plan_of([Fault("final_late"), Fault("final_repeated"), Fault("partial_after_final")])
    assert plan == FinalPlan(30_000, (0,), (0,))


def test_a_dropped_frame_cannot_be_late() -> None:
    assert plan_of([Fault("final_dropped"), Fault("final_late")]).late is None


@pytest.mark.parametrize(
    ("name", "params"),
    [("close", {"code": 999}), ("close", {"reason": 1}), ("silence", {"answers": "no"}), ("mute", {"ms": 1})],
)
def test_a_parameter_that_cannot_be_is_refused_at_entry(name: str, params: dict[str, Any]) -> None:
    with pytest.raises(FaultError, match=name):
        Fault(name, params=params)


def test_garbage_has_a_text_of_ones_own() -> None:
    assert garbage({"text": "hm", "count": 2}) == (b"\x81\x02hm", b"\x81\x02hm")


def test_things_are_done_later_in_the_order_of_their_time() -> None:
    later, done = Later(), list[str]()
    later.at(300, lambda: done.append("c"))
    later.at(100, lambda: done.append("a"))
    later.at(100, lambda: done.append("b"))
    later.run(99)
    assert done == []
    later.run(300)
    assert done == ["a", "b", "c"]
