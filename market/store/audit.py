"""Counting what is stored, to hold the ledger against it."""

from __future__ import annotations

import datetime as dt
from typing import Final

from django.db import connection

from market.domain.source import Source
from market.domain.window import TimeWindow, to_datetime

# Primary key range of one symbol; the bounds leave the window's chunks.
COUNT_MINUTES: Final = """
    SELECT (time AT TIME ZONE 'UTC')::date, source, count(*)
      FROM candle_1m
     WHERE symbol_id = %s AND time >= %s AND time < %s
     GROUP BY 1, 2
"""


def count_minutes(symbol_id: int, window: TimeWindow) -> dict[dt.date, dict[Source, int]]:
    """Stored minutes by day and source."""
    counts: dict[dt.date, dict[Source, int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(COUNT_MINUTES, [symbol_id, to_datetime(window.start), to_datetime(window.end)])
        for day, source, count in cursor.fetchall():
            counts.setdefault(day, {})[Source(source)] = count
    return counts
