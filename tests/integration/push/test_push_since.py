"""Catching up with `since`: closed bars in order, then live, neither hole nor repeat."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest

from market.domain.window import MINUTE_MS
from tests.support.candles import ms
from tests.support.eventually import eventually
from tests.support.push import Client, Collector, Market, client
from tests.support.web_server import WebServer

pytestmark = pytest.mark.django_db(transaction=True)


def times(bars: list[dict[str, Any]]) -> list[int]:
    return [bar["timestamp"] for bar in bars]


def since(browser: Client, market: Market, after: int, **more: Any) -> None:
    browser.subscribe(market.name, since=after, **more)
    assert browser.hear()["type"] == "subscribed"


def test_the_bar_at_since_is_not_sent_again(market: Market, browser: Client) -> None:
    since(browser, market, market.time(55))
    assert times(browser.bars(4)) == [market.time(index) for index in range(56, 60)]
    assert browser.silent()


def test_since_between_two_bars_begins_with_the_later_one(market: Market, browser: Client) -> None:
    since(browser, market, market.time(55) + 1)
    assert times(browser.bars(1)) == [market.time(56)]


def test_live_bars_follow_those_that_were_missed(market: Market, browser: Client) -> None:
    since(browser, market, market.time(57))
    browser.bars(2)
    market.publish(market.closed(60))
    assert times(browser.bars(1)) == [market.time(60)]


def test_minutes_that_are_not_stored_yet_are_among_the_missed_ones(market: Market, browser: Client) -> None:
    market.publish(*(market.closed(index) for index in range(60, 66)))
    since(browser, market, market.time(57))
    assert times(browser.bars(8)) == [market.time(index) for index in range(58, 66)]
    assert browser.silent()


def test_minutes_that_only_the_tail_has_are_among_the_missed_ones(market: Market, browser: Client) -> None:
    market.keep_tail(64)
    since(browser, market, market.time(57))
    assert times(browser.bars(6)) == [market.time(index) for index in range(58, 64)]


def test_a_client_that_knows_more_than_this_process_gets_no_bar_twice(market: Market, browser: Client) -> None:
    since(browser, market, market.time(61))
    market.publish(market.closed(60), market.closed(61), market.closed(62))
    assert times(browser.bars(1)) == [market.time(62)]


def test_a_client_that_knows_more_than_is_known_here_gets_live_only_what_it_lacks(
    market: Market, browser: Client
) -> None:
    """As the one before, but nothing is left to catch up with: the symbol is followed here already."""
    browser.subscribe(market.name)
    browser.settle()
    market.publish(market.closed(60))
    assert times(browser.bars(1)) == [market.time(60)]
    since(browser, market, market.time(62))
    browser.settle()
    market.publish(market.closed(61), market.closed(62), market.closed(63))
    assert times(browser.bars(1)) == [market.time(63)]


@pytest.mark.parametrize("known", [61, 63])
def test_a_longer_bar_that_forms_at_since_is_sent_when_it_closes(market: Market, browser: Client, known: int) -> None:
    """`since` is the newest minute that is known here, or one that comes here in a moment."""
    since(browser, market, market.time(59), intervals=["1m"])
    market.publish(market.closed(60), market.closed(61))
    browser.bars(2)
    since(browser, market, market.time(known), intervals=["5m"])
    browser.settle()
    market.publish(*(market.closed(index) for index in range(62, 65)))
    bars = browser.bars(4)
    assert [bar["timestamp"] for bar in bars if bar["interval"] == "5m"] == [market.time(60)]


def test_the_minute_that_forms_at_since_is_sent_when_it_closes(market: Market, browser: Client) -> None:
    """`since` is the client's own clock and no bar's open time."""
    since(browser, market, market.time(58))
    browser.bars(1)
    since(browser, market, market.time(60) + 30_000)
    browser.settle()
    market.publish(market.closed(60))
    assert times(browser.bars(1)) == [market.time(60)]


def test_a_long_history_comes_in_pages_without_a_seam(publisher: Collector, browser: Client) -> None:
    market = Market(publisher, ms("2024-03-04T00:00"), 1_700)
    market.store(0, 1_650)
    since(browser, market, 0)
    assert times(browser.bars(1_650)) == [market.time(index) for index in range(1_650)]
    market.publish(market.closed(1_650))
    assert times(browser.bars(1)) == [market.time(1_650)]


def test_what_is_live_already_is_not_while_missed_bars_are_coming(publisher: Collector, browser: Client) -> None:
    market = Market(publisher, ms("2024-03-04T00:00"), 1_700)
    market.store(0, 1_650)
    browser.subscribe(market.name)
    browser.settle()
    since(browser, market, 0)
    for index in range(1_650, 1_680):
        market.publish(market.closed(index))
    assert times(browser.bars(1_680)) == [market.time(index) for index in range(1_680)]


def test_an_old_hole_is_no_reason_to_wait(publisher: Collector, browser: Client) -> None:
    market = Market(publisher, ms("2024-03-04T00:00"), 1_400)
    market.store(0, 5)
    market.store(1_300, 1_350)
    since(browser, market, market.time(2))
    assert times(browser.bars(52)) == [market.time(index) for index in (3, 4, *range(1_300, 1_350))]


def test_a_minute_on_its_way_is_waited_for(market: Market, browser: Client) -> None:
    """60 is late: 61 is known, but comes after it all the same."""
    market.publish(market.closed(61))
    since(browser, market, market.time(58))
    assert times(browser.bars(1)) == [market.time(59)]
    assert browser.silent(1.0)
    market.publish(market.closed(60))
    assert times(browser.bars(2)) == [market.time(60), market.time(61)]


def test_stored_minutes_behind_a_fresh_hole_wait_for_it(market: Market, browser: Client) -> None:
    market.store(63, 66)
    since(browser, market, market.time(58))
    assert times(browser.bars(1)) == [market.time(59)]
    market.store(60, 63)
    assert times(browser.bars(6, within=20)) == [market.time(index) for index in range(60, 66)]


def test_a_symbol_that_waits_for_a_minute_keeps_no_other_waiting(
    market: Market, publisher: Collector, browser: Client
) -> None:
    """Neither its missed bars nor its live ones."""
    market.store(63, 66)
    other = Market(publisher, ms("2024-03-05T09:10"), 70)
    other.store(0, 60)
    browser.subscribe(market.name, other.name, intervals=["5m"], since=market.time(54))
    assert browser.hear()["type"] == "subscribed"
    assert [(bar["symbol"], bar["timestamp"]) for bar in browser.bars(1)] == [(other.name, other.time(55))]
    other.publish(*(other.closed(index) for index in range(60, 65)))
    assert [(bar["symbol"], bar["timestamp"]) for bar in browser.bars(1)] == [(other.name, other.time(60))]
    market.store(60, 63)
    assert [(bar["symbol"], bar["timestamp"]) for bar in browser.bars(2, within=20)] == [
        (market.name, market.time(55)),
        (market.name, market.time(60)),
    ]


def test_a_second_since_begins_anew(market: Market, browser: Client) -> None:
    since(browser, market, market.time(57))
    browser.bars(2)
    since(browser, market, market.time(56))
    assert times(browser.bars(3)) == [market.time(index) for index in (57, 58, 59)]


def test_the_same_since_again_while_bars_are_coming_brings_all_of_them_again(
    publisher: Collector, browser: Client
) -> None:
    market = Market(publisher, ms("2024-03-04T00:00"), 20_000)
    market.store(0, 20_000)
    since(browser, market, 0)
    browser.bars(1)
    browser.subscribe(market.name, since=0)
    while browser.hear()["type"] != "subscribed":
        pass
    assert times(browser.bars(20_000)) == [market.time(index) for index in range(20_000)]


def test_a_wish_that_is_taken_back_ends(publisher: Collector, browser: Client) -> None:
    market = Market(publisher, ms("2024-03-04T00:00"), 1_400)
    market.store(0, 1_400)
    browser.subscribe(market.name, since=0)
    browser.say("unsubscribe", symbols=[market.name])
    browser.say("subscribe", symbols=[market.name], intervals=["1d"])
    browser.say("ping")
    while browser.hear()["type"] != "pong":
        pass
    assert browser.silent(1.0)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_the_interleaving_each_closed_bar_comes_once_and_in_order(
    server: WebServer, publisher: Collector, transactional_db: None, seed: int
) -> None:
    """Commits, publications, losses, duplicates and late repairs in random order, while clients come and go."""
    dice = random.Random(seed)
    market = Market(publisher, ms("2024-03-05T09:10"), 120)
    market.store(0, 30)
    end = 70
    # An empty name stands for the plain minutes of the first protocol.
    intervals = dice.choice([[""], ["1m"], ["1m", "5m"]])
    seen: list[dict[str, Any]] = []
    stop = threading.Event()

    def follow() -> None:
        """Read for a while, go away, come back with the last closed bar of each series."""
        last: dict[str, int] = {}
        while not stop.is_set():
            with client(server.port) as one:
                for interval in intervals:
                    more = {"intervals": [interval]} if interval else {}
                    one.subscribe(market.name, since=last.get(interval, market.time(29)), **more)
                is_subscribed = False
                for _ in range(dice.randrange(3, 40)):
                    try:
                        frame = one.hear(0.2)
                    except TimeoutError:
                        if stop.is_set():
                            return
                        continue
                    # Before its wish is heard, a client gets the minutes of all symbols.
                    is_subscribed |= frame["type"] == "subscribed"
                    if frame["type"] == "kline" and is_subscribed:
                        bar = frame["data"]
                        if bar["is_closed"]:
                            last[bar.get("interval", "")] = bar["timestamp"]
                            seen.append(bar)

    follower = threading.Thread(target=follow)
    follower.start()
    try:
        _live(market, dice, end)
        wanted = {interval: _expected(market, interval, end) for interval in intervals}

        def all_came() -> bool:
            return all(len([b for b in seen if b.get("interval", "") == name]) >= len(w) for name, w in wanted.items())

        eventually(all_came, within=30)
    finally:
        stop.set()
        follower.join()
    for name, bars in wanted.items():
        came = [bar for bar in seen if bar.get("interval", "") == name]
        assert times(came) == [bar["timestamp"] for bar in bars]
        assert [bar["volume"] for bar in came] == [bar["volume"] for bar in bars]


def _live(market: Market, dice: random.Random, end: int) -> None:
    """Thirty to seventy, as a collector in trouble would bring them; at the end everything is stored."""
    unstored = 30
    repairs: list[int] = []
    for index in range(30, end):
        market.publish(market.forming(index))
        match dice.randrange(8):
            case 0:
                repairs.append(index)
            case 1:
                market.publish(market.closed(index), market.closed(index))
            case 2:
                market.keep_tail(index + 1)
            case _:
                market.publish(market.closed(index))
        if dice.random() < 0.3:
            for late in repairs:
                market.publish(market.closed(late))
            repairs.clear()
        if dice.random() < 0.25 and not repairs:
            market.store(unstored, index + 1)
            unstored = index + 1
        if dice.random() < 0.3:
            threading.Event().wait(dice.random() * 0.1)
    market.store(unstored, end)


def _expected(market: Market, interval: str, end: int) -> list[dict[str, Any]]:
    length = {"": 1, "1m": 1, "5m": 5}[interval]
    closing = [index for index in range(30, end) if (market.time(index + 1) // MINUTE_MS) % length == 0]
    return [market.bar(interval or "1m", index, index) for index in closing]
