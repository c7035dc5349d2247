"""Runtime SQL that sums the ledger up, symbol by symbol."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db import connection

from market.domain.source import DayState

# Unique index (symbol_id, day): one range of it for each symbol. OFFSET 0 keeps the planner to that: with the
# statistics of a table that was filled a moment ago it would read all of it for the last week of each symbol. A day
# that is not over lacks minutes that are still to come, so it is no gap.
SUM_DAYS: Final = """
    SELECT symbol_id, sum(stored), sum(conflict_rows), min(day), max(day),
           count(*) FILTER (WHERE (is_settled OR stored >= expected) AND day < %s),
           count(*) FILTER (WHERE stored < expected AND day < %s),
           count(*) FILTER (WHERE stored < expected AND day < %s AND NOT is_settled),
           coalesce(sum(expected - stored) FILTER (WHERE stored < expected AND day < %s), 0),
           coalesce(sum(expected - stored) FILTER (WHERE stored < expected AND day < %s AND NOT is_settled), 0),
           count(*) FILTER (WHERE state = 'missing'), count(*) FILTER (WHERE state = 'partial'),
           count(*) FILTER (WHERE state = 'archive'), count(*) FILTER (WHERE state = 'rest'),
           count(*) FILTER (WHERE state = 'live'), count(*) FILTER (WHERE state = 'empty'),
           count(*) FILTER (WHERE state = 'conflict')
      FROM (SELECT entry.*, live_rows + monthly_rows + rest_rows + daily_rows AS stored
              FROM unnest(%s::integer[], %s::date[], %s::date[]) AS wanted (id, first_day, last_day)
             CROSS JOIN LATERAL (SELECT * FROM market_ledgerday
                                  WHERE symbol_id = wanted.id AND day BETWEEN wanted.first_day AND wanted.last_day
                                 OFFSET 0) AS entry) AS entries
     GROUP BY symbol_id
"""

# Primary key. Written by triggers on the ledger, in the transaction that changes it.
READ_CHANGES: Final = "SELECT symbol_id, changed_at FROM market_ledgerchange WHERE symbol_id = ANY(%s)"

# Changes of younger days may not be told of: those of the last three days are not, and a transaction that writes to one
# of them may last until it is older.
DAYS_UNTOLD: Final = 10

# In the order of the columns above.
_STATES: Final = (
    DayState.MISSING,
    DayState.PARTIAL,
    DayState.ARCHIVE,
    DayState.REST,
    DayState.LIVE,
    DayState.EMPTY,
    DayState.CONFLICT,
)


@dataclass(frozen=True, slots=True)
class LedgerSums:
    """Sums over the ledger's days of one symbol.

    `days_done` are over, and complete or settled. `gap_days` are over and lack `gap_minutes`; for `open_gap_days` of
    them, which lack `open_gap_minutes`, not every source was asked yet. `states` counts days, all states are there.
    """

    rows: int
    conflict_rows: int
    first_day: dt.date
    last_day: dt.date
    days_done: int
    gap_days: int
    open_gap_days: int
    gap_minutes: int
    open_gap_minutes: int
    states: dict[DayState, int]

    def plus(self, later: LedgerSums) -> LedgerSums:
        """The sums over these days and those, none of which are the same."""
        return LedgerSums(
            rows=self.rows + later.rows,
            conflict_rows=self.conflict_rows + later.conflict_rows,
            first_day=min(self.first_day, later.first_day),
            last_day=max(self.last_day, later.last_day),
            days_done=self.days_done + later.days_done,
            gap_days=self.gap_days + later.gap_days,
            open_gap_days=self.open_gap_days + later.open_gap_days,
            gap_minutes=self.gap_minutes + later.gap_minutes,
            open_gap_minutes=self.open_gap_minutes + later.open_gap_minutes,
            states={state: days + later.states[state] for state, days in self.states.items()},
        )


def changes(symbol_ids: Sequence[int]) -> dict[int, dt.datetime]:
    """When the ledger of each symbol was last changed, days younger than DAYS_UNTOLD perhaps apart; symbols whose
    ledger nobody has changed since this is recorded are absent."""
    with connection.cursor() as cursor:
        cursor.execute(READ_CHANGES, [list(symbol_ids)])
        return dict(cursor.fetchall())


def sum_days(windows: Sequence[tuple[int, dt.date, dt.date]], *, today: dt.date) -> dict[int, LedgerSums]:
    """The sums of each symbol (by id) over its window, given as (symbol_id, first day, last day); symbols without an
    entry there are absent."""
    if not windows:
        return {}
    ids, firsts, lasts = zip(*windows, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(SUM_DAYS, [today, today, today, today, today, list(ids), list(firsts), list(lasts)])
        return {
            symbol_id: LedgerSums(
                rows=int(rows),
                conflict_rows=int(conflict_rows),
                first_day=first_day,
                last_day=last_day,
                days_done=days_done,
                gap_days=gap_days,
                open_gap_days=open_gap_days,
                gap_minutes=int(gap_minutes),
                open_gap_minutes=int(open_gap_minutes),
                states=dict(zip(_STATES, states, strict=True)),
            )
            for symbol_id, rows, conflict_rows, first_day, last_day, days_done, gap_days, open_gap_days,
            gap_minutes, open_gap_minutes, *states in cursor.fetchall()
        }  # fmt: skip
