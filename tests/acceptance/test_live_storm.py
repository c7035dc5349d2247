"""The live side when everything goes wrong that can: 20 minutes and more of the exchange's time with 21 symbols, over
the turn of a day, a week and a month, with every scripted fault of the stream; collectors, web server, PostgreSQL and
Redis are killed, alone and together.

Nobody helps: what is judged is what is there at the end. The exchange's clock runs 15 times as fast, so that the storm
lasts about two minutes; with STORM_MINUTES set it lasts so many real ones, at the exchange's real pace.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Final

import pytest

from feeds.fakebinance.listings import Listing, listing_of
from feeds.fakebinance.server import FakeExchange
from feeds.fakebinance.streams import StreamLimits
from klineproject.local.instance import Instance
from market.domain.window import MINUTE_MS
from tests.support.candles import ms
from tests.support.eventually import eventually
from tests.support.oracle import assert_equals_truth
from tests.support.storm import Storm
from tests.support.storm_clients import Follower, stopping
from tests.support.storm_processes import Process

_REAL_MINUTES: Final = float(os.environ.get("STORM_MINUTES", "0"))
SPEED: Final = 1.0 if _REAL_MINUTES else 15.0
LENGTH_MS: Final = int((_REAL_MINUTES or 20.0) * MINUTE_MS)

pytestmark = pytest.mark.timeout(600 + 2 * 60 * _REAL_MINUTES)

# A Sunday that is the last of its month.
MIDNIGHT: Final = ms("2026-06-01T00:00")
LISTED: Final = ms("2026-05-31T23:00")
START: Final = MIDNIGHT - LENGTH_MS * 7 // 10

SILENT, SETTLING, QUIET, LATE = "MUTEUSDT", "LASTUSDT", "QUIETUSDT", "LATEUSDT"
BIG: Final = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT", "币安人生USDT")
SYMBOLS: Final = (*BIG, SILENT, SETTLING, QUIET, *(f"COIN{number}USDT" for number in range(11)))
ALL: Final = (*SYMBOLS, LATE)
CHARTED: Final = ("BTCUSDT", "币安人生USDT", SILENT, SETTLING, QUIET, "COIN0USDT")


def listing(name: str) -> Listing:
    """A symbol that is an hour old, so that all of its life is seen."""
    return replace(listing_of(name), onboard_ms=LISTED, quiet=0.4 if name == QUIET else listing_of(name).quiet)


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storm]:
    """After the storm: every process has been told to end, the services still run."""
    folder = tmp_path_factory.mktemp("storm")
    instance = Instance("storm", folder, environ={}, persistent=False)
    environ = {
        "TRACKED_SYMBOL": ",".join(SYMBOLS),
        "DATA_START": "2026-05-31",
        "SYMBOLS_PER_CONNECTION": "4",
        "STORE_PROCESSES": "1",
    }
    with ExitStack() as stack:
        services = stack.enter_context(instance.running())
        exchange = stack.enter_context(
            FakeExchange.running(
                symbols=ALL,
                listings=tuple(map(listing, ALL)),
                start_ms=START,
                speed=0.0,
                streams=StreamLimits(frames_per_second=150.0),
            )
        )
        storm = Storm(exchange, instance, services, folder, environ, speed=SPEED)
        stack.enter_context(storm.processes.cleaning_up())
        storm.processes.manage("migrate", "--verbosity", "0")
        _rage(storm, stack)
        yield storm


@dataclass
class Cast:
    """Who is on at the moment."""

    web: Process
    worker: Process
    beat: Process
    one: Process
    two: Process


def _rage(storm: Storm, stack: ExitStack) -> None:
    """From the first start to the last signal."""
    cast = _start(storm)
    storm.truth.first = storm.exchange.clock.now() // MINUTE_MS * MINUTE_MS - 5 * MINUTE_MS
    storm.followers = [
        Follower("minutes", storm.web_port, SYMBOLS, (None,), since=storm.truth.since),
        Follower("charts", storm.web_port, CHARTED, ("1m", "5m", "15m"), since=storm.truth.since),
        Follower("long charts", storm.web_port, BIG, ("1h", "1d", "1w", "1M"), since=storm.truth.since),
        Follower(
            "restless", storm.web_port, (*BIG[:3], SILENT), (None, "5m"), since=storm.truth.since, leaves_every_s=2.0
        ),
    ]
    stack.enter_context(stopping(storm.followers))
    storm.begin(LENGTH_MS)
    for name in ("final_dropped", "final_late", "final_repeated", "partial_after_final", "out_of_order"):
        storm.fault(name, probability=0.15, seed=len(name))
    _first_half(storm, cast)
    _second_half(storm, cast)
    storm.at(1.0)
    storm.faults_end()
    _settle_down(storm, cast)


def _start(storm: Storm) -> Cast:
    """As on the first day: nothing is stored, nothing is tracked."""
    web = storm.web()
    worker = storm.processes.start("worker")
    beat = storm.processes.start("beat", "--schedule", str(web.log.with_name("schedule")))
    eventually(lambda: storm.status()["active_symbols"] == sorted(SYMBOLS), within=60, every=0.2)
    storm.exchange.clock.set_speed(SPEED)
    one, two = storm.collector(), storm.collector()
    storm.wait_for_shards(one, two)
    storm.truth.wait_until_stored(SYMBOLS, within=60)
    return Cast(web, worker, beat, one, two)


def _first_half(storm: Storm, cast: Cast) -> None:
    """One thing after the other."""
    postgres, redis = storm.instance.postgres, storm.instance.redis
    storm.silence(SILENT)
    storm.at(0.05)
    storm.fault("garbage", times=2)
    storm.fault("abort", times=2)
    storm.fault("close", times=1)
    storm.at(0.10)
    storm.kill_collector(cast.one, SYMBOLS)
    cast.one = storm.collector()
    storm.at(0.25)
    postgres.kill()
    storm.for_seconds(3)
    postgres.start()
    storm.at(0.35)
    storm.fault("silence", times=1)
    storm.fault("server_shutdown", times=2)
    storm.at(0.40)
    redis.kill()
    storm.for_seconds(3)
    redis.start()
    storm.exchange.settle(SETTLING)


def _second_half(storm: Storm, cast: Cast) -> None:
    """Several things at once."""
    postgres, redis = storm.instance.postgres, storm.instance.redis
    storm.at(0.50)
    for refusal in ("forbidden", "rate_limited", "server_error"):
        storm.fault(refusal, match={"kind": "ws.handshake"}, times=2)
    storm.fault("reset", match={"kind": "rest.klines"}, times=4, scope="all")
    # Fewer than anybody's patience: who never learns the exchange's time takes this machine's, months away from it.
    storm.fault("reset", match={"kind": "rest.time"}, times=2, scope="all")
    storm.fault("server_error", match={"kind": "rest.klines"}, times=3, scope="all")
    storm.exchange.disconnect()
    storm.track(LATE)
    # The worker loses its broker with a task in hand.
    storm.wait_until_history_is_filled()
    redis.kill()
    storm.for_seconds(2)
    redis.start()
    storm.wait_for_shards(cast.one, cast.two)
    with storm.suspended(cast.one):
        # It wakes up with leases that are another's, and with a past that everybody else has left behind.
        storm.wait_until_taken_over(cast.one)
        cast.web.kill()
    cast.web = storm.web()
    storm.at(0.75)
    storm.end_collector(cast.two)
    cast.two = storm.collector()
    storm.wait_for_shards(cast.one, cast.two)
    storm.at(0.85)
    postgres.kill()
    redis.kill()
    cast.one.kill()
    storm.for_seconds(2)
    storm.end_collector(cast.two)
    cast.one, cast.two = storm.collector(), storm.collector()
    redis.start()
    postgres.start()


def _settle_down(storm: Storm, cast: Cast) -> None:
    """Let what is under way arrive, then end everything in order."""
    storm.wait_for_shards(cast.one, cast.two)
    storm.stop_clock()
    storm.truth.wait_until_stored(ALL, within=120)
    for follower in storm.followers:
        storm.truth.wait_until_sent(follower, within=60)
        follower.stop()
    for collector in (cast.one, cast.two):
        storm.end_collector(collector)
    for process in (cast.web, cast.beat, cast.worker):
        process.terminate(within=30)


def test_the_database_equals_the_truth(storm: Storm) -> None:
    """Minute for minute up to the last closed one, every timeframe, the ledger; and not a minute more."""
    assert storm.truth.life.end > MIDNIGHT + MINUTE_MS, "the storm has not passed midnight"
    assert_equals_truth(storm.exchange, ALL, storm.truth.life, storm.ask)


def test_no_minute_was_stored_before_it_was_closed(storm: Storm) -> None:
    assert storm.seen.looks > 100
    assert not storm.seen.premature


def test_no_source_contradicted_another(storm: Storm) -> None:
    assert storm.ask("SELECT sum(conflict_rows) FROM market_ledgerday") == [(0,)]


@pytest.mark.parametrize("number", range(4), ids=["minutes", "charts", "long charts", "restless"])
def test_a_client_has_seen_each_closed_bar_once_and_in_order(storm: Storm, number: int) -> None:
    follower = storm.followers[number]
    assert follower.connects >= 2, "the client never had to come back"
    assert not follower.mistakes
    for interval in follower.intervals:
        assert storm.truth.expected((BIG[0], interval)), "no bar has closed"
        for symbol in follower.symbols:
            expected = storm.truth.expected((symbol, interval))
            got = follower.closed[symbol, interval]
            assert [bar["timestamp"] for bar in got] == [bar["timestamp"] for bar in expected], (symbol, interval)
            assert got == expected


def test_the_symbols_of_a_killed_collector_are_taken_over_within_15_s(storm: Storm) -> None:
    assert storm.seen.takeovers_s
    assert max(storm.seen.takeovers_s) <= 15.0


def test_sigterm_ends_a_collector_in_order_within_10_s(storm: Storm) -> None:
    """Also while the database and Redis are away."""
    assert len(storm.seen.endings) == 4
    for name, code, seconds in storm.seen.endings:
        assert code == 0, name
        assert seconds <= 10.0, name


def test_a_stream_that_is_acknowledged_and_silent_is_stale_within_60_s_and_its_minutes_come_by_rest(
    storm: Storm,
) -> None:
    """Real seconds; 45 s of the exchange's time are what the collector waits."""
    assert storm.seen.stale_after_s is not None
    assert storm.seen.stale_after_s <= 60.0
    assert storm.seen.by_rest_while_stale >= 2


def test_every_fault_has_struck(storm: Storm) -> None:
    assert not storm.seen.unused_faults


def test_nothing_is_left_running(storm: Storm) -> None:
    storm.processes.assert_none_left()


def test_no_process_has_written_a_stack_trace(storm: Storm) -> None:
    assert not storm.processes.complaints()
