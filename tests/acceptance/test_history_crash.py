"""Whatever is killed in the middle of a load, and however often: at the end the database equals the truth."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator

import pytest

from feeds.fakebinance.server import FakeExchange
from klineproject.local.instance import Instance
from market.domain.window import Month, TimeWindow
from tests.support.backfill_process import UNITS_AT_ONCE, Run, Stage
from tests.support.candles import ms
from tests.support.eventually import eventually
from tests.support.oracle import assert_equals_truth, assert_is_part_of_truth

pytestmark = pytest.mark.timeout(600)

SYMBOLS = ("BTCUSDT", "ETHUSDT")
MONTHS = [Month(2024, number) for number in range(9, 13)]
FILES = len(SYMBOLS) * len(MONTHS)
FIRST, LAST = "2024-09-01", "2024-12-31"
WINDOW = TimeWindow(MONTHS[0].window.start, MONTHS[-1].window.end)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("crash")
    instance = Instance("crash", folder, environ={})
    with instance.running() as services:
        stage = Stage(instance, services, folder)
        stage.migrate()
        yield stage


@pytest.fixture
def exchange() -> Iterator[FakeExchange]:
    with FakeExchange.running(symbols=SYMBOLS, start_ms=ms("2025-01-11T12:00:05")) as running:
        running.prewarm(SYMBOLS, MONTHS)
        yield running


@pytest.fixture
def stage(services: Stage) -> Iterator[Stage]:
    services.reset(*SYMBOLS)
    yield services
    # Whatever was killed in the test is there for the next one.
    services.instance.postgres.start()
    services.instance.redis.start()


def zips(exchange: FakeExchange) -> int:
    return exchange.requests.count("archive.zip")


def after_files(exchange: FakeExchange, run: Run, count: int) -> None:
    """Wait until so many more files were asked for, or until the load is over."""
    wanted = zips(exchange) + count
    eventually(lambda: run.workers() is not None and (zips(exchange) >= wanted or run.process.poll() is not None),
               within=60, every=0.005)  # fmt: skip


def finish(stage: Stage, exchange: FakeExchange) -> None:
    """Run to the end, as somebody would after a crash, and judge."""
    with stage.backfill(exchange, FIRST, LAST) as run:
        assert run.wait() == 0, run.output()
        run.assert_all_gone()
    assert_equals_truth(exchange, SYMBOLS, WINDOW, stage.ask)
    assert stage.ask("SELECT count(*) FROM market_ledgerday WHERE state <> 'archive'") == [(0,)]
    assert stage.ask("SELECT count(*) FROM market_archivefile") == [(FILES,)]


def at_a_random_time(dice: random.Random, within_s: float) -> None:
    """Let a random time pass."""
    end = time.monotonic() + within_s * dice.random()
    eventually(lambda: time.monotonic() >= end, within=within_s + 5, every=0.005)


def test_a_killed_backfill_is_taken_up_where_it_was(stage: Stage, exchange: FakeExchange) -> None:
    dice = random.Random(20240701)
    kills, stored = 0, []
    for number in range(6):
        with stage.backfill(exchange, FIRST, LAST) as run:
            if number % 2:
                # At any stage of starting up, too.
                at_a_random_time(dice, 2.0)
            else:
                after_files(exchange, run, dice.randint(1, 5))
                at_a_random_time(dice, 0.4)
            if run.process.poll() is not None:
                break
            run.kill()
            kills += 1
            run.assert_all_gone()
        eventually(stage.quiet)
        stored.append(assert_is_part_of_truth(exchange, SYMBOLS, WINDOW, stage.ask))
    assert kills >= 2, "the machine is too fast for this test to kill anything"
    assert stored == sorted(stored)
    fetched = zips(exchange)
    finish(stage, exchange)
    assert fetched <= FILES + kills * UNITS_AT_ONCE
    exchange.requests.clear()
    finish(stage, exchange)
    assert zips(exchange) == 0, "what is stored was fetched again"


def test_a_killed_worker_process_is_replaced(stage: Stage, exchange: FakeExchange) -> None:
    dice = random.Random(20240702)
    kills = 0
    with stage.backfill(exchange, FIRST, LAST) as run:
        for _ in range(3):
            after_files(exchange, run, 2)
            workers = run.workers()
            if run.process.poll() is not None or not workers:
                break
            dice.choice(workers).send_signal(signal.SIGKILL)
            kills += 1
        assert run.wait() == 0, run.output()
        run.assert_all_gone()
    assert kills >= 1
    assert_equals_truth(exchange, SYMBOLS, WINDOW, stage.ask)
    assert zips(exchange) <= FILES + kills * UNITS_AT_ONCE


def test_a_killed_database_is_waited_for(stage: Stage, exchange: FakeExchange) -> None:
    """The commits of the last moments may be gone with the server, and their ledger with them: a later run sees it."""
    postgres, dice = stage.instance.postgres, random.Random(20240703)
    kills = 0
    with stage.backfill(exchange, FIRST, LAST) as run:
        for count in (1, 2, 2):
            after_files(exchange, run, count)
            if run.process.poll() is not None:
                break
            at_a_random_time(dice, 0.3)
            postgres.kill()
            kills += 1
            postgres.start()
        assert run.wait() == 0, run.output()
        run.assert_all_gone()
    assert kills >= 1
    assert_is_part_of_truth(exchange, SYMBOLS, WINDOW, stage.ask)
    fetched = zips(exchange)
    finish(stage, exchange)
    assert fetched <= FILES + kills * 2 * UNITS_AT_ONCE


def test_everything_killed_at_once_is_taken_up_where_it_was(stage: Stage, exchange: FakeExchange) -> None:
    with stage.backfill(exchange, FIRST, LAST) as run:
        after_files(exchange, run, 4)
        stage.instance.postgres.kill()
        run.kill()
        stage.instance.redis.kill()
        run.assert_all_gone()
    stage.instance.postgres.start()
    stage.instance.redis.start()
    assert_is_part_of_truth(exchange, SYMBOLS, WINDOW, stage.ask)
    finish(stage, exchange)


def test_without_redis_the_load_goes_on(stage: Stage, exchange: FakeExchange) -> None:
    """Only the pace of REST is kept there; days without a file make it needed."""
    missing = [str(day) for day in MONTHS[-1].days()[9:11]]
    exchange.faults.add("missing_days", params={"days": missing})
    with stage.backfill(exchange, FIRST, LAST) as run:
        eventually(lambda: exchange.requests.count("rest.klines") >= 2, within=60)
        stage.instance.redis.kill()
        assert run.wait() == 0, run.output()
        run.assert_all_gone()
        assert "Redis is away" in run.output()
    assert_equals_truth(exchange, SYMBOLS, WINDOW, stage.ask)
    days = len(missing) * len(SYMBOLS)
    assert stage.ask("SELECT count(*) FROM market_ledgerday WHERE state = 'rest'") == [(days,)]


def test_two_backfills_at_once_share_the_work(stage: Stage, exchange: FakeExchange) -> None:
    with stage.backfill(exchange, FIRST, LAST) as one, stage.backfill(exchange, FIRST, LAST) as other:
        assert (one.wait(), other.wait()) == (0, 0), one.output() + other.output()
        one.assert_all_gone()
        other.assert_all_gone()
    assert_equals_truth(exchange, SYMBOLS, WINDOW, stage.ask)
    assert stage.ask("SELECT sum(conflict_rows) FROM market_ledgerday") == [(0,)]
    assert zips(exchange) == FILES, "a month was fetched by both"


def test_a_claim_dies_with_its_holder(stage: Stage, exchange: FakeExchange) -> None:
    """One of two backfills is killed while the other runs: nothing that it had claimed is left undone."""
    with stage.backfill(exchange, FIRST, LAST) as one:
        after_files(exchange, one, 2)
        with stage.backfill(exchange, FIRST, LAST) as other:
            one.kill()
            one.assert_all_gone()
            assert other.wait() == 0, other.output()
    finish(stage, exchange)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_load_and_its_processes(stage: Stage, exchange: FakeExchange, number: signal.Signals) -> None:
    with stage.backfill(exchange, FIRST, LAST) as run:
        after_files(exchange, run, 3)
        run.process.send_signal(number)
        assert run.wait(within=20) != 0
        run.assert_all_gone()
    eventually(stage.quiet)
    assert_is_part_of_truth(exchange, SYMBOLS, WINDOW, stage.ask)
    finish(stage, exchange)


def test_memory_does_not_grow_with_the_length_of_history(stage: Stage, exchange: FakeExchange) -> None:
    def peaks(first: str) -> tuple[int, int]:
        """Greatest resident size of the parent and of any worker process, in bytes."""
        stage.reset(*SYMBOLS)
        with stage.backfill(exchange, first, LAST) as run:
            assert run.wait(within=180) == 0, run.output()
            parent = run.peak_rss.pop(run.process.pid)
            return parent, max(run.peak_rss.values())

    short, long = peaks("2024-11-01"), peaks("2024-01-01")
    assert max(*short, *long) < 600 << 20, (short, long)
    for few, many in zip(short, long, strict=True):
        assert many < few + (60 << 20), (short, long)
    months = TimeWindow(Month(2024, 1).window.start, WINDOW.end)
    assert_equals_truth(exchange, SYMBOLS, months, stage.ask)
