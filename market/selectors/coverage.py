"""What is stored of a symbol, day by day, as a calendar shows it."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from market.domain.ledger import expected_minutes
from market.domain.source import DayState, Source
from market.domain.window import MINUTE_MS, TimeWindow, day_of
from market.models import LedgerDay, Symbol
from market.selectors.holes import Hole, holes_list
from market.selectors.ledger import wanted_window

_COUNTS: Final = {
    "live_rows": Source.LIVE,
    "monthly_rows": Source.MONTHLY,
    "rest_rows": Source.REST,
    "daily_rows": Source.DAILY,
}


@dataclass(frozen=True, slots=True)
class CoveredDay:
    """One UTC day. `expected` counts the minutes that the symbol lived on it and that are over by now; `rows` the
    stored ones, by source. `file` is the archive path of the file that was loaded last, or None. `note` says what
    happened, a line each, newest last."""

    day: dt.date
    state: DayState
    expected: int
    rows: dict[Source, int]
    conflicts: int
    is_settled: bool
    file: str | None
    note: str

    @property
    def total(self) -> int:
        return sum(self.rows.values())


@dataclass(frozen=True, slots=True)
class Coverage:
    """The days in order, without a gap wherever candles are wanted, and the known holes among them.

    `wanted` is what the operator wants of a tracked symbol by now; None of one that is not tracked.
    """

    symbol: str
    wanted: TimeWindow | None
    days: Sequence[CoveredDay]
    holes: Sequence[Hole]

    @property
    def states(self) -> dict[DayState, int]:
        """How many days are in each state; all states are there."""
        counts = Counter(day.state for day in self.days)
        return {state: counts[state] for state in DayState}

    @property
    def stored(self) -> Sequence[CoveredDay]:
        """The days of which anything is stored."""
        return [day for day in self.days if day.total]


def coverage(*, symbol: Symbol, window: TimeWindow, now: int) -> Coverage:
    """The days that share an instant with the window: those that the ledger knows, and of a tracked symbol also those
    that are wanted and have no entry yet, which are missing."""
    wanted = wanted_window(symbol, now) if symbol.is_tracked else None
    days: dict[dt.date, CoveredDay] = {}
    if wanted is not None:
        for day in wanted.intersect(window).days():
            days[day] = CoveredDay(day, DayState.MISSING, expected_minutes(day, wanted), {}, 0, False, None, "")
    days |= _entries(symbol, window, now)
    holes = holes_list(symbol_id=symbol.id, window=window, now=now)
    return Coverage(symbol.name, wanted, [days[day] for day in sorted(days)], holes)


def _entries(symbol: Symbol, window: TimeWindow, now: int) -> dict[dt.date, CoveredDay]:
    if window.is_empty:
        return {}
    # The ledger expects a whole day from its first minute on; only what is over can be there.
    today, over = day_of(now), TimeWindow(0, now // MINUTE_MS * MINUTE_MS)
    rows = (
        LedgerDay.objects.filter(symbol_id=symbol.id, day__gte=day_of(window.start), day__lte=day_of(window.end - 1))
        .order_by()
        .values_list("day", "state", "expected", "conflict_rows", "is_settled", "file__path", "note", *_COUNTS)
    )
    return {
        day: CoveredDay(
            day=day,
            state=DayState(state),
            expected=expected if day < today else expected_minutes(day, symbol.life.intersect(over)),
            rows={source: count for source, count in zip(_COUNTS.values(), counts, strict=True) if count},
            conflicts=conflicts,
            is_settled=is_settled,
            file=file,
            note=note,
        )
        for day, state, expected, conflicts, is_settled, file, note, *counts in rows
    }
