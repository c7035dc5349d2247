"""One collector process that streams 600 symbols at four frames a second each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

import httpx
import numpy as np
import psutil
import pytest
from django.conf import settings
from django.db import connection
from psycopg import sql
from redis import Redis

from klineproject.environment import BASE_DIR
from market.domain.window import MINUTE_MS
from market.models import Symbol
from market.selectors.live import live_status
from tests.bench.databases import scratch_database
from tests.bench.tables import show, verdict
from tests.support.eventually import eventually

_DATABASE: Final = "bench_collector"
_SYMBOLS: Final = tuple(f"B{number:03d}USDT" for number in range(int(os.environ.get("BENCH_SYMBOLS", "600"))))
_PROBED: Final = _SYMBOLS[::24]
_SECONDS: Final = float(os.environ.get("BENCH_SECONDS", "150"))
_CPU_SHARE: Final = 0.60
_LAG_MS: Final = 100.0
_STORED_S: Final = 6.0

# When each minute came into the database, by the database's clock, which is this machine's; some milliseconds before
# its transaction is committed.
_CLOCKED: Final = """
    CREATE TABLE IF NOT EXISTS bench_arrival (symbol_id integer, time timestamptz, at timestamptz);
    CREATE OR REPLACE FUNCTION bench_arrived() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO bench_arrival VALUES (NEW.symbol_id, NEW.time, clock_timestamp());
        RETURN NULL;
    END $$;
    CREATE TRIGGER bench_arrived AFTER INSERT ON candle_1m FOR EACH ROW EXECUTE FUNCTION bench_arrived();
"""


@pytest.fixture
def _database() -> Iterator[None]:
    with scratch_database(_DATABASE):
        yield


@pytest.fixture
def busy_exchange() -> Iterator[str]:
    """The address of a double in which every symbol trades in every quarter of a second."""
    command = [sys.executable, "-m", "feeds.fakebinance", "--port=0", "--busy", f"--symbols={','.join(_SYMBOLS)}"]
    with subprocess.Popen(command, cwd=BASE_DIR, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


@pytest.mark.usefixtures("_database")
def test_collector_of_600_symbols(busy_exchange: str) -> None:
    """CPU of the collector's process; the way of a frame to the hubs, measured from outside by a second reader of the
    same stream; the time from a minute's end to its row in the database, the exchange's own lateness included."""
    Symbol.objects.bulk_create(Symbol(name=name, is_tracked=True, status="TRADING") for name in _SYMBOLS)
    with connection.cursor() as cursor:
        cursor.execute(_CLOCKED)
    redis = Redis.from_url(settings.REDIS_URL)
    redis.flushdb()
    redis.close()
    stream = busy_exchange.replace("http", "ws", 1) + "/market"
    environment = {
        **os.environ,
        "DATABASE_URL": _database_url(),
        "BINANCE_ARCHIVE_URL": busy_exchange,
        "BINANCE_REST_URL": busy_exchange,
        "BINANCE_WS_URL": stream,
        # What was before is history's: here only the stream is measured.
        "DATA_START": time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86_400)),
    }
    with subprocess.Popen([sys.executable, "manage.py", "run_collector"], cwd=BASE_DIR, env=environment) as process:
        try:
            collector = psutil.Process(process.pid)
            eventually(_is_everything_live, within=60)
            probe = _start_probe(stream, environment)
            began, used = time.monotonic(), _cpu_s(collector)
            from_ms = time.time_ns() // 1_000_000
            lags = np.array(json.loads(probe.communicate(timeout=_SECONDS + 60)[0].splitlines()[-1]))
            share = (_cpu_s(collector) - used) / (time.monotonic() - began)
            memory_mb = collector.memory_info().rss / 1e6
            frames = httpx.get(f"{busy_exchange}/control/connections", timeout=20).json()
            # Nothing tells that the last batch is stored; the database is counted after the time it may take.
            time.sleep(_STORED_S)
            stored = _seconds_to_database(from_ms)
        finally:
            process.terminate()
            ended_in = time.monotonic()
            process.wait(20)
            ended_in = time.monotonic() - ended_in
    lag, late = float(np.percentile(lags, 99)), float(np.percentile(stored, 99))
    show(
        f"Collector of {len(_SYMBOLS)} symbols x 4 frames/s for {_SECONDS:.0f} s",
        ("", "figure", "bound", ""),
        [
            ("connections", _connections(frames), "", ""),
            ("processor share of one core", f"{share:.0%}", f"< {_CPU_SHARE:.0%}", verdict(met=share < _CPU_SHARE)),
            ("frame to group message, p50 ms", f"{np.percentile(lags, 50):.1f}", "", ""),
            ("frame to group message, p99 ms", f"{lag:.1f}", f"< {_LAG_MS:.0f}", verdict(met=lag < _LAG_MS)),
            ("frames measured", f"{len(lags):,}", "", ""),
            ("minute's end to database, p50 s", f"{np.percentile(stored, 50):.2f}", "", ""),
            ("minute's end to database, p99 s", f"{late:.2f}", f"< {_STORED_S:.0f}", verdict(met=late < _STORED_S)),
            ("minutes stored", f"{len(stored):,}", "", ""),
            ("memory, MB", f"{memory_mb:.0f}", "", ""),
            ("SIGTERM to exit, s", f"{ended_in:.1f}", "< 10", verdict(met=ended_in < 10)),
        ],
    )


def _database_url() -> str:
    """The scratch database's address, for another process."""
    values = connection.settings_dict
    parts = {"host": values["HOST"], "port": values["PORT"], "user": values["USER"], "password": values["PASSWORD"]}
    return " ".join(f"{name}='{value}'" for name, value in {**parts, "dbname": values["NAME"]}.items() if value)


def _start_probe(stream: str, environment: dict[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.bench.collector_probe", stream, ",".join(_PROBED), str(_SECONDS)]
    return subprocess.Popen(command, cwd=BASE_DIR, env=environment, stdout=subprocess.PIPE, text=True)


def _is_everything_live() -> bool:
    status = live_status(now=time.time_ns() // 1_000_000)
    return len(status.symbols) == len(_SYMBOLS) and all(
        symbol.age_s is not None and not symbol.is_stale and symbol.age_s < 10 for symbol in status.symbols
    )


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _seconds_to_database(from_ms: int) -> Any:
    """From the end of each minute that closed since, by the stream, to the moment at which its row was written."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "SELECT extract(epoch FROM at - bench_arrival.time) - 60 FROM bench_arrival"
                " JOIN candle_1m USING (symbol_id, time) WHERE source = 1 AND bench_arrival.time > to_timestamp(%s)"
            ),
            [(from_ms - MINUTE_MS) / 1_000],
        )
        found = np.array([float(row[0]) for row in cursor.fetchall()])
    assert len(found) >= len(_SYMBOLS), "not one minute of all symbols came while it was measured"
    return found


def _connections(log: Any) -> str:
    records = log["connections"] if isinstance(log, dict) else log
    return str(len(records))
