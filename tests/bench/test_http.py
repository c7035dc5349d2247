"""(f) A page of a chart through the real server, against the least that can answer with the same rows.
(g) The same bars by `time_bucket` over the raw minutes, for the record."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

import httpx
import pytest
from django.conf import settings
from django.db import connection
from psycopg import sql

from klineproject.environment import BASE_DIR
from market.domain.interval import Interval
from market.domain.window import MINUTE_MS, Month, day_start
from market.models import Symbol
from market.store.tables import TABLES
from tests.bench.databases import scratch_database
from tests.bench.tables import show, verdict
from tests.support.eventually import eventually
from tests.support.served import database_url, served

MONTHS: Final = int(os.environ.get("BENCH_MONTHS", "35"))
SECONDS: Final = float(os.environ.get("BENCH_SECONDS", "2"))
ROUNDS: Final = int(os.environ.get("BENCH_ROUNDS", "3"))
SYMBOLS: Final = [f"BENCH{number}USDT" for number in range(5)]
LEAST_RATIO: Final = 0.5
GREATEST_P50_MS: Final = 10.0
END: Final = Month(2024, 12).window.end
RESOLUTIONS: Final = {Interval.M1: "1", Interval.H1: "60", Interval.D1: "1D", Interval.MN1: "1M"}
WIDTHS: Final = {Interval.M1: "1 minute", Interval.H1: "1 hour", Interval.D1: "1 day", Interval.MN1: "1 month"}
# What each timeframe is folded from while the tables are filled.
_PARENTS: Final = (
    (Interval.M5, Interval.M1, "5 minutes"),
    (Interval.M15, Interval.M5, "15 minutes"),
    (Interval.H1, Interval.M15, "1 hour"),
    (Interval.H4, Interval.H1, "4 hours"),
    (Interval.D1, Interval.H4, "1 day"),
    (Interval.W1, Interval.D1, "1 week"),
    (Interval.MN1, Interval.D1, "1 month"),
)
_MINUTES: Final = """
    INSERT INTO candle_1m (symbol_id, time, open, high, low, close, volume, quote_volume, taker_buy_volume,
                           taker_buy_quote_volume, trade_count, source)
    SELECT %(id)s, %(start)s::timestamptz + n * interval '1 minute',
           round((60000 + 9000 * sin(n / 7e4) + 70 * sin(n / 11.0))::numeric, 2)::float8,
           round((60100 + 9000 * sin(n / 7e4) + 70 * sin(n / 11.0))::numeric, 2)::float8,
           round((59900 + 9000 * sin(n / 7e4) + 70 * sin(n / 11.0))::numeric, 2)::float8,
           round((60010 + 9000 * sin(n / 7e4) + 70 * sin(n / 11.0))::numeric, 2)::float8,
           (n * 7919 %% 1000003) / 1000.0, (n * 7919 %% 1000003) * 60.0, (n * 7919 %% 1000003) / 2000.0,
           (n * 7919 %% 1000003) * 30.0, n %% 1000, 2
      FROM generate_series(0::bigint, %(minutes)s - 1) AS n
"""
_FOLD: Final = sql.SQL(
    "INSERT INTO {table} (symbol_id, time, open, high, low, close, volume, quote_volume, taker_buy_volume,"
    " taker_buy_quote_volume, trade_count)"
    " SELECT symbol_id, time_bucket(%s::interval, time) AS at, first(open, time), max(high), min(low),"
    " last(close, time), round(sum(volume)::numeric, 3)::float8, sum(quote_volume),"
    " round(sum(taker_buy_volume)::numeric, 4)::float8,"
    " sum(taker_buy_quote_volume), sum(trade_count) FROM {parent} GROUP BY symbol_id, at"
)
_DAYS: Final = """
    INSERT INTO market_ledgerday (symbol_id, day, state, expected, live_rows, monthly_rows, rest_rows, daily_rows,
                                  conflict_rows, is_settled, note, updated_at)
    SELECT symbol_id, (time AT TIME ZONE 'UTC')::date, 'archive', 1440, 0, 1440, 0, 0, 0, false, '', now()
      FROM candle_1d
"""
# As the original asked: a tenth more than the page could need, folded while it is read.
_BUCKETS: Final = """
    SELECT time_bucket(%(width)s::interval, time) AS at, first(open, time), max(high), min(low), last(close, time),
           sum(volume), sum(taker_buy_volume)
      FROM candle_1m
     WHERE symbol_id = %(id)s AND time >= %(start)s AND time < %(end)s
     GROUP BY at ORDER BY at DESC LIMIT %(limit)s
"""


@dataclass(frozen=True)
class Request:
    """One kind of request, for all symbols in turn."""

    name: str
    interval: Interval
    paths: list[str]


def requests() -> list[Request]:
    """Pages that end with the last stored bar, as a chart asks that is scrolled back a little."""
    asked = []
    for interval, resolution in RESOLUTIONS.items():
        klines = [f"/api/klines/{name}?interval={interval.value}&limit=800&end_time={END - 1}" for name in SYMBOLS]
        history = [
            f"/history?symbol={name}&resolution={resolution}&countback=1000&from=0&to={END // 1_000}"
            for name in SYMBOLS
        ]
        asked += [Request("klines", interval, klines), Request("history", interval, history)]
    return asked


@dataclass
class Figures:
    """What the rounds of one server have brought."""

    rates: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return median(self.rates)

    def percentile(self, share: float) -> float:
        return sorted(self.latencies)[min(int(len(self.latencies) * share), len(self.latencies) - 1)]


@pytest.fixture(scope="module")
def history() -> Iterator[None]:
    """Five symbols and every minute of the months. The values are of one formula: here they are only read."""
    first = Month.of(Interval.MN1.back(END - 1, MONTHS - 1))
    with scratch_database("bench_http"):
        for name in SYMBOLS:
            symbol = Symbol.objects.create(name=name, is_tracked=True)
            _fill(symbol.id, first)
        with connection.cursor() as cursor:
            for interval, parent, width in _PARENTS:
                cursor.execute(_FOLD.format(table=TABLES[interval], parent=TABLES[parent]), [width])
            cursor.execute(_DAYS)
            # As autovacuum does a minute later.
            cursor.execute("VACUUM ANALYZE")
        yield


def _fill(symbol_id: int, first: Month) -> None:
    minutes = (END - day_start(first.first_day)) // MINUTE_MS
    with connection.cursor() as cursor:
        cursor.execute(_MINUTES, {"id": symbol_id, "start": f"{first.first_day} 00:00Z", "minutes": minutes})


@contextmanager
def product(folder: Path) -> Iterator[int]:
    """`manage.py serve`, with the limits out of reach and yet counted."""
    many = "100000000"
    environ = {
        "DATABASE_URL": database_url(),
        "REDIS_URL": settings.REDIS_URL,
        "READS_PER_MINUTE": many,
        "LOG_LEVEL": "INFO",
    }
    with served(folder, environ) as server:
        yield server.port


@contextmanager
def bare(folder: Path) -> Iterator[int]:
    log = folder / "bare.log"
    environ = {**os.environ, "DATABASE_URL": database_url()}
    command = [sys.executable, "-m", "tests.bench.bare_http"]
    with log.open("wb") as output, subprocess.Popen(command, cwd=BASE_DIR, env=environ, stderr=output) as process:
        try:
            yield int(eventually(lambda: log.read_text().partition("http://127.0.0.1:")[2].split(" ")[0], within=30))
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def servers(history: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """The ports of both, which run beside each other and are asked in turns."""
    folder = tmp_path_factory.mktemp("servers")
    with product(folder) as ours, bare(folder) as theirs:
        yield {"product": ours, "bare ASGI": theirs}


def _load(port: int, connections: int, paths: list[str], figures: Figures, seconds: float = SECONDS) -> None:
    command = [sys.executable, "-m", "tests.bench.http_clients", str(port), str(connections), str(seconds), *paths]
    report = json.loads(_output(command, patience=seconds + 60))
    figures.rates.append(report["requests"] / report["seconds"])
    figures.latencies += report["latencies_ms"]


def _output(command: list[str], *, patience: float) -> str:
    """What a command prints; it fails if it takes longer than it can."""
    return subprocess.run(command, cwd=BASE_DIR, check=True, stdout=subprocess.PIPE, text=True, timeout=patience).stdout


def test_both_answer_the_same(servers: dict[str, int]) -> None:
    for request in requests():
        for path in request.paths:
            ours, theirs = (httpx.get(f"http://127.0.0.1:{port}{path}", timeout=30).json() for port in servers.values())
            assert ours == theirs, path
            assert len(ours.get("data") or ours.get("t")) > 1


@pytest.mark.parametrize("connections", [1, 32])
def test_pages_against_the_bare_application(servers: dict[str, int], connections: int) -> None:
    lines = []
    for request in requests():
        found = {name: Figures() for name in servers}
        for port in servers.values():
            _load(port, connections, request.paths, Figures(), seconds=SECONDS / 4)
        for _ in range(ROUNDS):
            for name, port in servers.items():
                _load(port, connections, request.paths, found[name])
        ours, theirs = found["product"], found["bare ASGI"]
        ratio = ours.rate / theirs.rate
        met = ratio >= LEAST_RATIO and (connections > 1 or ours.percentile(0.5) < GREATEST_P50_MS)
        figures = [f"{one.percentile(share):.2f}" for one in (ours, theirs) for share in (0.5, 0.99)]
        lines.append((request.name, request.interval.value, *figures, f"{ours.rate:.0f}", f"{theirs.rate:.0f}",
                      f"{ratio:.2f}", verdict(met=met)))  # fmt: skip
    show(
        f"Pages at {connections} connection(s), {MONTHS} months x {len(SYMBOLS)} symbols, ratio >= {LEAST_RATIO}"
        + (f", p50 < {GREATEST_P50_MS:.0f} ms" if connections == 1 else ""),
        ("request", "interval", "p50, ms", "p99, ms", "bare p50", "bare p99", "requests/s", "bare", "ratio", ""),
        lines,
    )


def test_the_same_bars_by_time_bucket_over_the_minutes(history: None) -> None:
    lines = []
    symbol = Symbol.objects.get(name=SYMBOLS[0])
    for interval, width in WIDTHS.items():
        reach = interval.back(END - 1, 880)
        values: dict[str, str | int] = {
            "width": width,
            "id": symbol.id,
            "limit": 800,
            "start": f"{_iso(reach)}",
            "end": f"{_iso(END)}",
        }
        times = []
        for _ in range(3):
            began = time.perf_counter()
            with connection.cursor() as cursor:
                cursor.execute(_BUCKETS, values)
                rows = cursor.fetchall()
            times.append((time.perf_counter() - began) * 1_000)
        lines.append((interval.value, len(rows), f"{median(times):.1f}"))
    show("(g) 800 bars by time_bucket over the raw minutes, statement alone", ("interval", "rows", "ms"), lines)


def _iso(time_ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S+00", time.gmtime(time_ms // 1_000))
