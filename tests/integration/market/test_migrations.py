"""The schema, up and down and up again, on a TimescaleDB of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest

from klineproject.local.instance import Instance
from tests.support.web_server import PROJECT

HYPERTABLES = {f"candle_{name}" for name in ("1m", "5m", "15m", "1h", "4h", "1d", "1w", "1mo")}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty database."""
    instance = Instance("schema", root=tmp_path_factory.mktemp("services"), environ={})
    with instance.running() as services:
        yield services.database_url


def migrate(address: str, *target: str) -> None:
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0", *target],
        cwd=PROJECT,
        env={**os.environ, "DATABASE_URL": address},
        check=True,
        timeout=120,
    )


def names(address: str, statement: str) -> set[str]:
    with psycopg.connect(address) as link:
        return {row[0] for row in link.execute(statement)}


def hypertables(address: str) -> set[str]:
    return names(address, "SELECT hypertable_name FROM timescaledb_information.hypertables")


def indexes(address: str) -> set[str]:
    return names(address, "SELECT indexname FROM pg_indexes WHERE tablename LIKE 'candle%'")


def tables(address: str) -> set[str]:
    return names(address, "SELECT tablename FROM pg_tables WHERE tablename ~ '^(candle|market)_'")


def test_the_schema_goes_up_down_and_up_again(address: str) -> None:
    migrate(address)
    assert hypertables(address) == HYPERTABLES
    assert tables(address) > HYPERTABLES
    migrate(address, "market", "zero")
    assert hypertables(address) == tables(address) == set()
    migrate(address)
    assert hypertables(address) == HYPERTABLES


def test_each_candle_table_has_its_primary_key_and_no_other_index(address: str) -> None:
    migrate(address)
    assert indexes(address) == {f"{table}_pkey" for table in HYPERTABLES}
    definitions = names(address, "SELECT indexdef FROM pg_indexes WHERE tablename LIKE 'candle%'")
    assert all(definition.endswith('(symbol_id, "time")') for definition in definitions)


def test_tables_that_are_there_already_are_made_again_without_harm(address: str) -> None:
    migrate(address)
    migrate(address, "market", "0001", "--fake")
    migrate(address, "market", "0002")
    assert hypertables(address) == HYPERTABLES
    migrate(address, "market", "--fake")


def test_chunks_get_the_primary_key_alone_too(address: str) -> None:
    migrate(address)
    with psycopg.connect(address) as link:
        link.execute("INSERT INTO candle_1d VALUES ('2024-01-01+00', 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)")
        found = link.execute(
            "SELECT count(*) FROM pg_indexes WHERE schemaname = '_timescaledb_internal' AND tablename LIKE '_hyper%'"
        ).fetchone()
        link.rollback()
    assert found == (1,)
