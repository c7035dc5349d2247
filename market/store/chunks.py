"""Making room for minutes before they come.

A transaction that writes the first row of a new chunk creates the chunk, and keeps everybody else from creating one in
that table until it commits. For a transaction that goes on to write a month of minutes that is long, and loads of many
symbols reach each new chunk at the same time: without this, one works and the others wait.
"""

from __future__ import annotations

from typing import Final

from django.db import connection, transaction
from psycopg import sql

from market.domain.interval import Interval
from market.domain.window import TimeWindow, day_start, to_datetime
from market.store.candles import relax_commit
from market.store.tables import TABLES

# No symbol has this id, and its rows are gone when the transaction ends: nobody sees them. What stays is the chunk.
_NOBODY: Final = 0

# One row a day, for a chunk is at least a day long.
_VISIT: Final = sql.SQL(
    "INSERT INTO {table} SELECT unnest(%s::timestamptz[]), 0, 0, 0, 0, 0, 0, 0, 0, %s, 0, 0"
).format(table=TABLES[Interval.M1])
_LEAVE: Final = sql.SQL("DELETE FROM {table} WHERE symbol_id = %s AND time >= %s AND time <= %s").format(
    table=TABLES[Interval.M1]
)

# Start times of days that this process has made room for. If chunks are dropped later, a load makes them itself.
_ready: set[int] = set()


def make_room(window: TimeWindow) -> None:
    """Create the chunks of minutes that the window needs, in a short transaction of their own."""
    days = [start for day in window.days() if (start := day_start(day)) not in _ready]
    if not days:
        return
    times = [to_datetime(start) for start in days]
    with transaction.atomic(), connection.cursor() as cursor:
        relax_commit()
        cursor.execute(_VISIT, [times, _NOBODY])
        cursor.execute(_LEAVE, [_NOBODY, times[0], times[-1]])
    _ready.update(days)
