"""Loading a year of five symbols from an archive, against PostgreSQL's own fastest way in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

import pytest
from django.db import connection, transaction
from psycopg import sql

from klineproject.environment import BASE_DIR
from market.domain.interval import Interval
from market.models import Symbol
from market.store import candles
from market.store.tables import TABLES, column_list
from tests.bench.databases import empty_everything, scratch_database
from tests.bench.double import SYMBOLS, YEAR, DoubleProcess
from tests.bench.tables import show, verdict
from tests.bench.truth import expected_bars

_DATABASE: Final = "bench_backfill"
_ROUNDS: Final = int(os.environ.get("BENCH_ROUNDS", "4"))
_RATIO: Final = 0.8
_WORKER_MB: Final = 600
_PIECE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Load:
    seconds: float
    cpu_seconds: float
    rows: int
    parent_mb: float
    workers_mb: list[float]


@pytest.fixture
def _database() -> Iterator[None]:
    with scratch_database(_DATABASE):
        yield


@pytest.mark.usefixtures("_database")
def test_backfill_of_a_year_compared_with_one_bare_copy_of_the_same_minutes(double: DoubleProcess) -> None:
    """Both ways fill the same emptied tables of the same database, in turns; medians are compared.

    The load runs from the first request for a file to the last commit, through HTTP, checksum, CSV, checks, minutes,
    seven rollups and the ledger. The bare stream only sends minutes that were encoded before.
    """
    loads: list[Load] = []
    bare: list[float] = []
    stream: list[bytes] = []
    for number in range(_ROUNDS):
        loads.append(_load(double))
        _check_content(double, SYMBOLS[number % len(SYMBOLS)])
        stream = stream or _encoded_minutes()
        bare.append(_bare_copy(stream))
    rows = loads[0].rows
    seconds, bare_seconds = median(load.seconds for load in loads), median(bare)
    worker_mb = max(max(load.workers_mb) for load in loads)
    parent_mb = max(load.parent_mb for load in loads)
    for load, copy in zip(loads, bare, strict=True):
        print(f"load {load.seconds:.2f} s, bare {copy:.2f} s, ratio {copy / load.seconds:.2f}")
    show(
        f"Backfill of {len(SYMBOLS)} symbols x 12 months: {rows:,} minutes, medians of {_ROUNDS} turns",
        ("", "figure", "bound", ""),
        [
            ("load, candles/s", f"{rows / seconds:,.0f}", "", ""),
            ("load, s", f"{seconds:.2f}", "", ""),
            ("bare COPY, candles/s", f"{rows / bare_seconds:,.0f}", "", ""),
            ("bare COPY, s", f"{bare_seconds:.2f}", "", ""),
            ("ratio", f"{bare_seconds / seconds:.2f}", f">= {_RATIO}", verdict(met=bare_seconds / seconds >= _RATIO)),
            ("peak of a worker, MB", f"{worker_mb:.0f}", f"< {_WORKER_MB}", verdict(met=worker_mb < _WORKER_MB)),
            ("peak of the parent, MB", f"{parent_mb:.0f}", "", ""),
        ],
    )


def _load(double: DoubleProcess) -> Load:
    empty_everything()
    # Rows, not wishes: a wish would also be told to a worker.
    Symbol.objects.bulk_create(Symbol(name=name, is_tracked=True) for name in SYMBOLS)
    connection.close()
    environment = {
        **os.environ,
        "BINANCE_ARCHIVE_URL": double.url,
        "BINANCE_REST_URL": double.url,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.loader", _DATABASE],
        cwd=BASE_DIR,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert not report["errors"]
    return Load(report["seconds"], report["cpu_seconds"], report["rows"], report["parent_mb"], report["workers_mb"])


def _check_content(double: DoubleProcess, name: str) -> None:
    """Nothing is missing, and one symbol's year is exactly the exchange's, in every timeframe."""
    truth = double.truth(name, YEAR)
    symbol_id = Symbol.objects.get(name=name).id
    with connection.cursor() as cursor:
        for interval, table in TABLES.items():
            expected = expected_bars(truth, interval)
            cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(table))
            assert cursor.fetchone() == (len(expected) * len(SYMBOLS),), f"rows of {interval.value}"
            stored, _ = candles.read(interval, [(symbol_id, interval.cover(YEAR))])
            assert stored.frame == expected, f"{name} {interval.value}"
        cursor.execute(
            "SELECT count(*) FROM market_ledgerday WHERE state = 'archive' AND monthly_rows = 1440 AND expected = 1440"
        )
        assert cursor.fetchone() == (len(YEAR.days()) * len(SYMBOLS),), "days in the ledger"


def _encoded_minutes() -> list[bytes]:
    """All minutes as a binary stream, in the order in which the load brings them: file by file, newest month first."""
    statement = sql.SQL(
        "COPY (SELECT {columns} FROM {table} ORDER BY date_trunc('month', time, 'UTC') DESC, symbol_id, time)"
        " TO STDOUT (FORMAT BINARY)"
    ).format(columns=column_list(with_source=True), table=TABLES[Interval.M1])
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        whole = b"".join(copy)
    return [whole[at : at + _PIECE] for at in range(0, len(whole), _PIECE)]


def _bare_copy(stream: list[bytes]) -> float:
    """Seconds that one COPY of the stream takes, from its first word to the commit."""
    empty_everything()
    statement = sql.SQL("COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)").format(
        columns=column_list(with_source=True), table=TABLES[Interval.M1]
    )
    began = time.monotonic()
    with transaction.atomic():
        candles.relax_commit()
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for piece in stream:
                copy.write(piece)
    return time.monotonic() - began
