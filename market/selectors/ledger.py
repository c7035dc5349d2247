"""Reading the ledger: what is stored, what is missing, how far history has come."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace

from django.conf import settings
from django.db.models import Count, F, Max, Min, Q, Sum
from django.db.models.functions import Coalesce, TruncMonth

from market.domain.ledger import DayEntry
from market.domain.source import DayState
from market.domain.window import MINUTE_MS, Month, TimeWindow, day_of, day_start
from market.models import ArchiveFile, LedgerDay, Symbol
from market.store import audit, ledger

_STORED = F("live_rows") + F("monthly_rows") + F("rest_rows") + F("daily_rows")


_NOTHING: Mapping[str, object] = {}
_DONE = Q(is_settled=True) | Q(expected__lte=_STORED)


@dataclass(frozen=True, slots=True)
class HistoryProgress:
    """How much of a symbol's wanted history is settled. `days_done` counts days that are complete or have no more at
    any source, out of `days_wanted` (today included); `days_open` are those before today that are not; `states` counts
    ledger days by state."""

    symbol: str
    wanted_from: int
    days_wanted: int
    days_done: int
    days_open: int
    rows: int
    conflict_rows: int
    states: dict[DayState, int]
    first_day: dt.date | None
    last_day: dt.date | None


def wanted_window(symbol: Symbol, now: int) -> TimeWindow:
    """The minutes that should be stored by now: from DATA_START, or the symbol's own start, but not before it was
    listed, up to the minute that is still forming, or to the symbol's end."""
    start = day_start(symbol.backfill_from.date() if symbol.backfill_from else settings.DATA_START)
    closed = now // MINUTE_MS * MINUTE_MS
    return symbol.life.intersect(TimeWindow(min(start, closed), closed))


def ledger_days(*, symbol: Symbol, window: TimeWindow) -> dict[dt.date, DayEntry]:
    """The entries of the days in the window that have one.

    Of a day that the window cuts, `rows` counts the minutes inside the window: those that the stream has stored after
    its end must not stand in for others that are missing before it.
    """
    days = window.days()
    found = ledger.read_days([(symbol.id, day) for day in days])
    entries = {day: entry for (_, day), entry in found.items()}
    for day in {*days[:1], *days[-1:]} & entries.keys():
        part = TimeWindow.of_day(day).intersect(window)
        if part.minutes < entries[day].expected:
            entries[day] = replace(entries[day], rows=audit.count_minutes(symbol.id, part).get(day, {}))
    return entries


def stored_days(symbol_id: int) -> tuple[dt.date, dt.date] | None:
    """The first and the last day of which anything is stored."""
    found = (
        LedgerDay.objects.filter(symbol_id=symbol_id)
        .exclude(state__in=[DayState.MISSING, DayState.EMPTY])
        .aggregate(first=Min("day"), last=Max("day"))
    )
    return None if found["first"] is None else (found["first"], found["last"])


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """An archive file that was loaded."""

    symbol_id: int
    path: str
    sha256: str


def recent_files(*, since: dt.datetime) -> list[RecordedFile]:
    """The files loaded since then, of tracked symbols."""
    files = ArchiveFile.objects.filter(loaded_at__gte=since, symbol__is_tracked=True)
    return [RecordedFile(*row) for row in files.values_list("symbol_id", "path", "sha256")]


def days_to_confirm(*, first: dt.date, before: dt.date) -> list[tuple[Symbol, dt.date]]:
    """Days of tracked symbols, from `first` until before `before`, with minutes that rest on the stream or on REST and
    whose daily file has not been loaded."""
    days = (
        LedgerDay.objects.filter(day__gte=first, day__lt=before, symbol__is_tracked=True)
        .filter(Q(live_rows__gt=0) | Q(rest_rows__gt=0), daily_rows=0)
        .select_related("symbol")
        .order_by("-day", "symbol__name")
    )
    return [(entry.symbol, entry.day) for entry in days]


def days_done_by_month(windows: Mapping[int, TimeWindow]) -> dict[tuple[int, Month], int]:
    """How many days of each symbol's window (by id) are complete or settled, by month."""
    counts = (
        LedgerDay.objects.filter(_within(windows))
        .filter(_DONE)
        .annotate(month=TruncMonth("day"))
        .values_list("symbol_id", "month")
        .annotate(count=Count("day"))
        .order_by()
    )
    return {(symbol_id, Month.of(month)): count for symbol_id, month, count in counts}


def history_progress(*, now: int) -> list[HistoryProgress]:
    """One entry for each tracked symbol, by name."""
    symbols = list(Symbol.objects.filter(is_tracked=True).order_by("name"))
    windows = {symbol.id: wanted_window(symbol, now) for symbol in symbols}
    totals: dict[int, Mapping[str, object]] = {
        row["symbol_id"]: {**row}
        for row in LedgerDay.objects.filter(_within(windows))
        .values("symbol_id")
        .annotate(
            rows=Coalesce(Sum(_STORED), 0),
            conflict_rows=Coalesce(Sum("conflict_rows"), 0),
            days_done=Count("day", filter=_DONE),
            past_done=Count("day", filter=_DONE & Q(day__lt=day_of(now))),
            first_day=Min("day"),
            last_day=Max("day"),
            **{f"state_{state.value}": Count("day", filter=Q(state=state.value)) for state in DayState},
        )
    }
    return [_progress(symbol, windows[symbol.id], totals.get(symbol.id, _NOTHING), day_of(now)) for symbol in symbols]


@dataclass(frozen=True, slots=True)
class LedgerTotals:
    """Of all symbols, tracked or not: ledger days by state, stored minutes, minutes in conflict, archive files."""

    days: dict[DayState, int]
    minutes: int
    conflicts: int
    files: int


def ledger_totals() -> LedgerTotals:
    """One pass over the ledger: nothing for every request."""
    rows = (
        LedgerDay.objects.order_by()
        .values("state")
        .annotate(days=Count("id"), minutes=Sum(_STORED), conflicts=Sum("conflict_rows"))
    )
    by_state = {DayState(row["state"]): row for row in rows}
    return LedgerTotals(
        days={state: row["days"] for state, row in by_state.items()},
        minutes=sum(row["minutes"] for row in by_state.values()),
        conflicts=sum(row["conflicts"] for row in by_state.values()),
        files=ArchiveFile.objects.count(),
    )


def _within(windows: Mapping[int, TimeWindow]) -> Q:
    """The ledger's rows of these symbols (by id) inside their windows."""
    rows = Q(pk__in=[])
    for symbol_id, window in windows.items():
        days = window.days()
        if days:
            rows |= Q(symbol_id=symbol_id, day__gte=days[0], day__lte=days[-1])
    return rows


def _progress(symbol: Symbol, window: TimeWindow, totals: Mapping[str, object], today: dt.date) -> HistoryProgress:
    def count(name: str) -> int:
        value = totals.get(name, 0)
        return value if isinstance(value, int) else 0

    first, last = totals.get("first_day"), totals.get("last_day")
    return HistoryProgress(
        symbol=symbol.name,
        wanted_from=window.start,
        days_wanted=len(window.days()),
        days_done=count("days_done"),
        days_open=sum(day < today for day in window.days()) - count("past_done"),
        rows=count("rows"),
        conflict_rows=count("conflict_rows"),
        states={state: count(f"state_{state.value}") for state in DayState},
        first_day=first if isinstance(first, dt.date) else None,
        last_day=last if isinstance(last, dt.date) else None,
    )
