"""Reading the ledger: what is stored, what is missing, how far history has come."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count, F, Max, Min, Q, Sum
from django.db.models.functions import Coalesce

from market.domain.ledger import DayEntry
from market.domain.source import DayState
from market.domain.window import TimeWindow, day_start
from market.models import LedgerDay, Symbol
from market.store import ledger

_STORED = F("live_rows") + F("monthly_rows") + F("rest_rows") + F("daily_rows")


@dataclass(frozen=True, slots=True)
class HistoryProgress:
    """How much of a symbol's wanted history is settled. `days_done` counts days that are complete or have no more at
    any source, out of `days_wanted` (today included); `states` counts ledger days by state."""

    symbol: str
    wanted_from: int
    days_wanted: int
    days_done: int
    rows: int
    conflict_rows: int
    states: dict[DayState, int]
    first_day: dt.date | None
    last_day: dt.date | None


def wanted_window(symbol: Symbol, now: int) -> TimeWindow:
    """The minutes that should be stored by now: from DATA_START, or the symbol's own start, but not before it was
    listed, up to the minute that is still forming, or to the symbol's end."""
    start = day_start(symbol.backfill_from.date() if symbol.backfill_from else settings.DATA_START)
    closed = now // 60_000 * 60_000
    return symbol.life.intersect(TimeWindow(min(start, closed), closed))


def ledger_days(*, symbol: Symbol, window: TimeWindow) -> dict[dt.date, DayEntry]:
    """The entries of the days in the window that have one."""
    found = ledger.read_days([(symbol.id, day) for day in window.days()])
    return {day: entry for (_, day), entry in found.items()}


def stored_days(symbol_id: int) -> tuple[dt.date, dt.date] | None:
    """The first and the last day of which anything is stored."""
    found = (
        LedgerDay.objects.filter(symbol_id=symbol_id)
        .exclude(state__in=[DayState.MISSING, DayState.EMPTY])
        .aggregate(first=Min("day"), last=Max("day"))
    )
    return None if found["first"] is None else (found["first"], found["last"])


def history_progress(*, now: int) -> list[HistoryProgress]:
    """One entry for each tracked symbol, by name."""
    symbols = list(Symbol.objects.filter(is_tracked=True).order_by("name"))
    windows = {symbol.id: wanted_window(symbol, now) for symbol in symbols}
    wanted = Q(pk__in=[])
    for symbol in symbols:
        days = windows[symbol.id].days()
        if days:
            wanted |= Q(symbol_id=symbol.id, day__gte=days[0], day__lte=days[-1])
    totals = {
        row["symbol_id"]: row
        for row in LedgerDay.objects.filter(wanted)
        .values("symbol_id")
        .annotate(
            rows=Coalesce(Sum(_STORED), 0),
            conflict_rows=Coalesce(Sum("conflict_rows"), 0),
            days_done=Count("day", filter=Q(is_settled=True) | Q(expected__lte=_STORED)),
            first_day=Min("day"),
            last_day=Max("day"),
            **{f"state_{state.value}": Count("day", filter=Q(state=state.value)) for state in DayState},
        )
    }
    return [_progress(symbol, windows[symbol.id], totals.get(symbol.id, {})) for symbol in symbols]


def _progress(symbol: Symbol, window: TimeWindow, totals: dict[str, object]) -> HistoryProgress:
    def count(name: str) -> int:
        value = totals.get(name, 0)
        return value if isinstance(value, int) else 0

    first, last = totals.get("first_day"), totals.get("last_day")
    return HistoryProgress(
        symbol=symbol.name,
        wanted_from=window.start,
        days_wanted=len(window.days()),
        days_done=count("days_done"),
        rows=count("rows"),
        conflict_rows=count("conflict_rows"),
        states={state: count(f"state_{state.value}") for state in DayState},
        first_day=first if isinstance(first, dt.date) else None,
        last_day=last if isinstance(last, dt.date) else None,
    )
