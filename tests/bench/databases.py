"""Databases made for one benchmark, beside the instance's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.core.management import call_command
from django.db import connection
from psycopg import sql

from market.store.tables import TABLES


@contextmanager
def scratch_database(name: str) -> Iterator[None]:
    """A freshly migrated database of this name, and Django's connection of this thread on it, while the block runs.

    Whoever opens a connection meanwhile (other threads, worker processes) gets the same database.
    """
    settings = connection.settings_dict
    home = settings["NAME"]
    identifier = sql.Identifier(name)
    connection.close()
    _administer(settings, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier))
    _administer(settings, sql.SQL("CREATE DATABASE {}").format(identifier))
    settings["NAME"] = name
    try:
        call_command("migrate", verbosity=0)
        yield
    finally:
        connection.close()
        settings["NAME"] = home
        _administer(settings, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))


def _administer(settings: dict[str, Any], statement: sql.Composed) -> None:
    with psycopg.connect(
        dbname=settings["NAME"],
        user=settings["USER"],
        password=settings["PASSWORD"],
        host=settings["HOST"],
        port=settings["PORT"] or None,
        autocommit=True,
    ) as administrator:
        administrator.execute(statement)


def empty_everything() -> None:
    """No candle, no ledger, no symbol; and what earlier runs wrote is on disk, not still to be written by the next."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(TABLES.values())))
        cursor.execute("TRUNCATE market_symbol, market_ledgerday, market_archivefile RESTART IDENTITY CASCADE")
        cursor.execute("CHECKPOINT")
