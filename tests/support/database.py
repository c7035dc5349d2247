"""The test database below Django's own tools."""

from __future__ import annotations

from typing import Any

from django.db import connection
from psycopg import sql

from market.store.tables import TABLES


def truncate_candles() -> None:
    """Remove every candle of every timeframe."""
    statement = sql.SQL("TRUNCATE {tables}").format(tables=sql.SQL(", ").join(TABLES.values()))
    with connection.cursor() as cursor:
        cursor.execute(statement)


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
