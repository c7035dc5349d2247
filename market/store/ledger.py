"""Runtime SQL on the day ledger and the file record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Final

from django.db import connection

from market.domain.ledger import DayEntry
from market.domain.source import LoadedFile, Source
from market.domain.window import MINUTES_PER_DAY

_COUNTS: Final = (
    (Source.LIVE, "live_rows"),
    (Source.MONTHLY, "monthly_rows"),
    (Source.REST, "rest_rows"),
    (Source.DAILY, "daily_rows"),
)

# One bit for each minute of a day.
_MASK_BYTES: Final = MINUTES_PER_DAY // 8

# Unique index (symbol_id, day).
READ_DAYS: Final = """
    SELECT symbol_id, day, expected, live_rows, monthly_rows, rest_rows, daily_rows, conflict_rows, conflicting,
           is_settled, file_id, note
      FROM market_ledgerday
     WHERE (symbol_id, day) IN (SELECT * FROM unnest(%s::integer[], %s::date[]))
"""

WRITE_DAYS: Final = """
    INSERT INTO market_ledgerday (symbol_id, day, state, expected, live_rows, monthly_rows, rest_rows, daily_rows,
                                  conflict_rows, conflicting, is_settled, file_id, note, updated_at)
    SELECT *, clock_timestamp()
      FROM unnest(%s::integer[], %s::date[], %s::text[], %s::smallint[], %s::smallint[], %s::smallint[], %s::smallint[],
                  %s::smallint[], %s::smallint[], %s::bytea[], %s::boolean[], %s::bigint[], %s::text[])
        ON CONFLICT (symbol_id, day) DO UPDATE
       SET state = excluded.state, expected = excluded.expected, live_rows = excluded.live_rows,
           monthly_rows = excluded.monthly_rows, rest_rows = excluded.rest_rows, daily_rows = excluded.daily_rows,
           conflict_rows = excluded.conflict_rows, conflicting = excluded.conflicting,
           is_settled = excluded.is_settled, file_id = excluded.file_id, note = excluded.note,
           updated_at = excluded.updated_at
"""

# Unique index on path.
READ_DIGEST: Final = "SELECT sha256 FROM market_archivefile WHERE path = %s"

# Unique index on path.
WRITE_FILE: Final = """
    INSERT INTO market_archivefile (path, symbol_id, sha256, size, rows, loaded_at)
    VALUES (%s, %s, %s, %s, %s, clock_timestamp())
        ON CONFLICT (path) DO UPDATE
       SET sha256 = excluded.sha256, size = excluded.size, rows = excluded.rows, loaded_at = excluded.loaded_at
    RETURNING id
"""


DayKey = tuple[int, dt.date]


def read_days(keys: Sequence[DayKey]) -> dict[DayKey, DayEntry]:
    """The entries that exist among these (symbol_id, day)."""
    if not keys:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(READ_DAYS, [[symbol_id for symbol_id, _ in keys], [day for _, day in keys]])
        return {
            (symbol_id, day): DayEntry(
                day=day,
                expected=expected,
                rows={source: count for (source, _), count in zip(_COUNTS, counts, strict=True) if count},
                conflict_rows=conflicts,
                conflicting=int.from_bytes(conflicting or b"", "little"),
                is_settled=settled,
                file_id=file_id,
                note=note,
            )
            for symbol_id, day, expected, *counts, conflicts, conflicting, settled, file_id, note in cursor.fetchall()
        }


def write_days(entries: Iterable[tuple[int, DayEntry]]) -> None:
    """Insert or overwrite entries, given as (symbol_id, entry)."""
    rows = [
        (
            symbol_id,
            entry.day,
            entry.state.value,
            entry.expected,
            *(entry.rows.get(source, 0) for source, _ in _COUNTS),
            entry.conflict_rows,
            entry.conflicting.to_bytes(_MASK_BYTES, "little") if entry.conflicting else None,
            entry.is_settled,
            entry.file_id,
            entry.note,
        )
        for symbol_id, entry in entries
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(WRITE_DAYS, [list(column) for column in zip(*rows, strict=True)])


def read_digest(path: str) -> str | None:
    """The digest of the file that was loaded from this path; None if none was."""
    with connection.cursor() as cursor:
        cursor.execute(READ_DIGEST, [path])
        row = cursor.fetchone()
    return None if row is None else str(row[0])


def write_file(symbol_id: int, file: LoadedFile) -> int:
    """Record the file, or its newer issue; its id."""
    with connection.cursor() as cursor:
        cursor.execute(WRITE_FILE, [file.path, symbol_id, file.sha256, file.size, file.rows])
        ((file_id,),) = cursor.fetchall()
    return int(file_id)
