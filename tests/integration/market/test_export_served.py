"""Exports by a real server: cut in the middle, left in the middle, and beside other reads."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Final

import httpx
import psutil
import psycopg
import pyarrow as pa
import pytest
from pyarrow import parquet

from klineproject.local.instance import Instance
from tests.support.eventually import eventually
from tests.support.served import served
from tests.support.web_server import WebServer, migrate

# Far more than socket buffers hold: 18 MB as CSV, a part of the file for every fortnight.
MINUTES: Final = 250_000
EXPORT: Final = "/api/export/BTCUSDT"

_SYMBOL = """
    INSERT INTO market_symbol (name, is_tracked, status, contract_type, base_asset, quote_asset, updated_at)
    VALUES ('BTCUSDT', true, '', '', '', '', now()) RETURNING id
"""
_MINUTES = """
    INSERT INTO candle_1m (symbol_id, time, open, high, low, close, volume, quote_volume, taker_buy_volume,
                           taker_buy_quote_volume, trade_count, source)
    SELECT %(id)s, '2024-01-01'::timestamptz + n * interval '1 minute', 100 + n %% 977 / 100.0, 120, 90,
           100 + n %% 991 / 100.0, n / 1000.0, n / 7.0, n / 3000.0, n / 13.0, n, 4
      FROM generate_series(0, %(minutes)s - 1) AS n
"""
_DAYS = """
    INSERT INTO market_ledgerday (symbol_id, day, state, expected, live_rows, monthly_rows, rest_rows, daily_rows,
                                  conflict_rows, is_settled, note, updated_at)
    SELECT symbol_id, (time AT TIME ZONE 'UTC')::date, 'archive', 1440, 0, 0, 0, count(*), 0, false, '', now()
      FROM candle_1m GROUP BY 1, 2
"""


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """Services that this module may kill."""
    instance = Instance("export", root=tmp_path_factory.mktemp("services"), environ={})
    with instance.running():
        yield instance


@pytest.fixture(scope="module")
def server(instance: Instance, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    """The product as it is served, with half a year of one symbol."""
    services = instance.services()
    environ = {"DATABASE_URL": services.database_url, "REDIS_URL": services.redis_url, "DEBUG": "false"}
    migrate(environ)
    with psycopg.connect(services.database_url) as connection:
        found = connection.execute(_SYMBOL).fetchone()
        assert found is not None
        connection.execute(_MINUTES, {"id": found[0], "minutes": MINUTES})
        connection.execute(_DAYS)
    with served(tmp_path_factory.mktemp("web"), environ) as server:
        yield server


@pytest.fixture
def client(server: WebServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30) as client:
        yield client


@contextmanager
def begun(client: httpx.Client) -> Iterator[Iterator[bytes]]:
    """An export of which the first part has come; the rest stays where it is while the block runs."""
    with client.stream("GET", EXPORT) as response:
        parts = response.iter_raw(65_536)
        assert next(parts)
        yield parts


def test_a_file_is_sent_in_chunks_and_whole(client: httpx.Client) -> None:
    response = client.get(EXPORT)
    assert (response.status_code, response.headers["transfer-encoding"]) == (200, "chunked")
    assert response.content.count(b"\n") == MINUTES + 1
    table = parquet.read_table(BytesIO(client.get(EXPORT, params={"format": "parquet"}).content))
    assert table.num_rows == MINUTES


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_a_database_that_dies_in_the_middle_cuts_the_file_so_that_it_shows(
    client: httpx.Client, instance: Instance, server: WebServer, file_format: str
) -> None:
    received = bytearray()
    try:
        with client.stream("GET", EXPORT, params={"format": file_format}) as response:
            assert response.status_code == 200
            parts = response.iter_raw(65_536)
            received += next(parts)
            instance.postgres.kill()
            with pytest.raises(httpx.RemoteProtocolError):
                received.extend(byte for part in parts for byte in part)
    finally:
        instance.postgres.start()
    if file_format == "parquet":
        with pytest.raises(pa.ArrowInvalid):
            parquet.read_table(BytesIO(received))
    else:
        assert 0 < received.count(b"\n") <= MINUTES
    assert "Traceback" not in server.log.read_text()
    eventually(lambda: client.get(EXPORT, params={"to": "0"}).status_code == 200)


def test_a_client_that_leaves_in_the_middle_holds_nothing(client: httpx.Client, server: WebServer) -> None:
    """Neither a place among the exports that may run nor anything in the database."""
    for _ in range(3):
        with begun(client):
            pass
    for _ in range(2):
        eventually(lambda: client.get(EXPORT, params={"to": "0"}).status_code == 200)


def test_slow_readers_have_their_places_and_hold_up_nobody_else(
    client: httpx.Client, server: WebServer, instance: Instance
) -> None:
    with begun(client), begun(client):
        third = client.get(EXPORT)
        assert (third.status_code, third.json()["success"]) == (503, False)
        assert int(third.headers["retry-after"]) >= 1
        began = time.monotonic()
        for _ in range(20):
            assert len(client.get("/api/klines/BTCUSDT").json()["data"]) == 800
        assert time.monotonic() - began < 10
        # While they do not read, the database has no work of theirs, nor a snapshot that would keep it from cleaning.
        eventually(lambda: busy(instance) == 0)
    eventually(lambda: client.get(EXPORT, params={"to": "0"}).status_code == 200)


def busy(instance: Instance) -> int:
    """Connections of the product that are in a statement or a transaction."""
    with psycopg.connect(instance.services().database_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'klineproject' AND state <> 'idle'"
        ).fetchone()
    return int(row[0]) if row else 0


def test_the_server_does_not_grow_by_what_it_exports(client: httpx.Client, server: WebServer) -> None:
    """Six times 18 MB of text."""
    client.get(EXPORT)
    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    for _ in range(6):
        client.get(EXPORT)
    assert process.memory_info().rss - before < 15 << 20


@pytest.mark.parametrize("path", ["/api/export/BTCUSDT", "/api/klines/BTCUSDT", "/api/coverage/BTCUSDT"])
def test_head_answers_the_headers_alone(client: httpx.Client, path: str) -> None:
    response = client.head(path)
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-type"] == client.get(path, params={"to": "0"}).headers["content-type"]


def test_an_ending_server_does_not_wait_for_a_reader_who_does_not_read(
    instance: Instance, server: WebServer, tmp_path: Path
) -> None:
    services = instance.services()
    environ = {"DATABASE_URL": services.database_url, "REDIS_URL": services.redis_url, "DEBUG": "false"}
    with served(tmp_path, environ) as own, httpx.Client(base_url=own.url) as client, begun(client):
        own.process.terminate()
        own.process.wait(timeout=15)
