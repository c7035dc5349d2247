"""The collector as a process: told to stop, killed, wished away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
from django.core.management import call_command

from klineproject.environment import BASE_DIR
from market.domain.window import MINUTE_MS
from market.selectors.live import live_status
from tests.integration.live.conftest import SPEED, Staging
from tests.support.database import no_database
from tests.support.eventually import eventually
from tests.support.live import Hub, Stage
from tests.support.served import database_url


@contextmanager
def process(stage: Stage) -> Iterator[subprocess.Popen[bytes]]:
    """`manage.py run_collector`, killed at the end of the block if it still runs."""
    url = stage.exchange.url
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "BINANCE_ARCHIVE_URL": url,
        "BINANCE_REST_URL": url,
        "BINANCE_WS_URL": url.replace("http", "ws", 1) + "/market",
        "DATA_START": "2026-03-20",
    }
    command = [sys.executable, "manage.py", "run_collector", "--clock-speed", str(SPEED)]
    with subprocess.Popen(command, cwd=BASE_DIR, env=environment) as started:
        try:
            yield started
        finally:
            if started.poll() is None:
                started.kill()


def is_connected() -> bool:
    return live_status(now=time.time_ns() // 1_000_000).is_connected


def test_sigterm_ends_it_with_0_within_ten_seconds_and_nothing_is_lost(staging: Staging, hub: Hub) -> None:
    with staging(["BTCUSDT"]) as stage, process(stage) as collector:
        stage.assert_complete("BTCUSDT", minutes=2, within=60)
        collector.send_signal(signal.SIGTERM)
        assert collector.wait(10) == 0
        sent = {candle.time for candle in hub.closed("BTCUSDT") if candle.time >= stage.first_whole}
        assert sent <= set(stage.stored("BTCUSDT").time.tolist()), "a closed minute was sent and not stored"
        assert not live_status(now=time.time_ns() // 1_000_000).collectors


def test_sigterm_ends_it_in_time_even_without_a_database_and_rest_brings_the_rest(staging: Staging) -> None:
    with staging(["BTCUSDT"]) as stage:
        with process(stage) as collector:
            stage.assert_complete("BTCUSDT", minutes=1, within=60)
            with no_database():
                began = stage.minute()
                eventually(lambda: stage.minute() > began + MINUTE_MS)
                collector.send_signal(signal.SIGTERM)
                assert collector.wait(10) == 0
        stage.collector()
        stage.assert_complete("BTCUSDT", minutes=(stage.minute() - stage.first_whole) // MINUTE_MS, within=30)


def test_another_takes_over_within_15_s_when_one_is_killed(staging: Staging, hub: Hub) -> None:
    with staging(["BTCUSDT"]) as stage, process(stage) as first:
        stage.assert_complete("BTCUSDT", minutes=1, within=60)
        with process(stage) as second:
            eventually(lambda: len(live_status(now=0).collectors) == 2, within=60)
            streaming = next(entry for entry in live_status(now=0).collectors if entry.symbols)
            killed = first if streaming.pid == first.pid else second
            connections = stage.exchange.connections.records
            os.kill(killed.pid, signal.SIGKILL)
            killed.wait()
            # What the killed one had sent may still be on its way; a connection of its own it opens no more.
            opened, hub_had = len(connections()), len(hub.candles("BTCUSDT"))
            eventually(lambda: len(connections()) > opened and len(hub.candles("BTCUSDT")) > hub_had, within=15)
            stage.assert_complete("BTCUSDT", minutes=(stage.minute() - stage.first_whole) // MINUTE_MS, within=30)


def test_wishes_are_followed(staging: Staging) -> None:
    with staging(["BTCUSDT"]) as stage, process(stage) as collector:
        eventually(is_connected, within=60)
        before = live_status(now=0).collectors[0]
        call_command("collector", "restart")
        eventually(lambda: [c.id for c in live_status(now=0).collectors if c.id != before.id], within=20)
        eventually(is_connected, within=20)
        call_command("collector", "shutdown")
        eventually(lambda: not is_connected() and not stage.exchange.connections.open_now(), within=20)
        assert psutil.pid_exists(collector.pid)
        call_command("collector", "start")
        eventually(is_connected, within=20)
        # What happened meanwhile is fetched.
        stage.assert_complete("BTCUSDT", minutes=(stage.minute() - stage.first_whole) // MINUTE_MS, within=40)
