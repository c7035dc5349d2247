"""The test database below Django's own tools."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from django.conf import settings
from django.db import connection
from psycopg import sql
from redis import Redis

from market.store.tables import TABLES
from market.tail import KEY

# The services' own: a test may point the setting elsewhere.
_REDIS_URL: Final = settings.REDIS_URL


def truncate_candles() -> None:
    """Remove every candle of every timeframe."""
    statement = sql.SQL("TRUNCATE {tables}").format(tables=sql.SQL(", ").join(TABLES.values()))
    with connection.cursor() as cursor:
        cursor.execute(statement)


def forget_tails() -> None:
    """Remove the newest minutes of every symbol from Redis."""
    with Redis.from_url(_REDIS_URL) as redis:
        redis.delete(KEY)


def delete_candles() -> None:
    """Remove every candle inside the transaction at hand; the tables keep their chunks."""
    with connection.cursor() as cursor:
        for table in TABLES.values():
            cursor.execute(sql.SQL("DELETE FROM {}").format(table))


def query(statement: str | sql.Composable, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
    """All rows of one statement."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


@contextmanager
def no_database() -> Iterator[None]:
    """Every connection to the test database is cut, and no new one is let in, while the block runs."""
    values = connection.settings_dict
    name = sql.Identifier(values["NAME"])
    connection.close()
    with psycopg.connect(
        dbname="postgres", host=values["HOST"], port=values["PORT"] or None, user=values["USER"],
        password=values["PASSWORD"], autocommit=True,
    ) as administrator:  # fmt: skip
        administrator.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        administrator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [values["NAME"]]
        )
        try:
            yield
        finally:
            administrator.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))
