"""Reading the ledger: what is stored, what is missing, how far history has come."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from django.conf import settings
from django.db.models import Count, Max, Min, Q, Sum
from django.db.models.functions import TruncMonth

from market.domain.ledger import DayEntry
from market.domain.source import DayState
from market.domain.window import MINUTE_MS, Month, TimeWindow, day_of, day_start
from market.models import STORED_ROWS, ArchiveFile, LedgerDay, Symbol
from market.selectors.past import PAST_SUMS
from market.store import audit, ledger, progress

_DONE = Q(is_settled=True) | Q(expected__lte=STORED_ROWS)


@dataclass(frozen=True, slots=True)
class HistoryProgress:
    """How much of a symbol's wanted history is settled. Today counts for nothing until it is over, in UTC, or what is
    shown would never be at its end: `days_done` are complete or have no more at any source, out of `days_wanted`.
    `rows` and `states` (days by state) are of all the ledger's wanted days, today's among them. `gap_days` are over and
    in the ledger, and lack `gap_minutes`; for `open_gap_days` of them there is a source that was not asked yet.
    `is_wanted`: there are minutes by now that should be stored."""

    symbol: str
    wanted_from: int
    is_wanted: bool
    days_wanted: int
    days_done: int
    rows: int
    conflict_rows: int
    states: dict[DayState, int]
    first_day: dt.date | None
    last_day: dt.date | None
    gap_days: int
    open_gap_days: int
    gap_minutes: int

    @property
    def days_open(self) -> int:
        """The wanted days that lack minutes which some source may have."""
        return self.days_wanted - self.days_done

    @property
    def percent(self) -> float:
        """Of the wanted days that are done, rounded down: 100 means that nothing is left. Where none is over yet, 0
        until something is stored."""
        if self.days_wanted == 0:
            return 100.0 if self.rows > 0 or not self.is_wanted else 0.0
        return self.days_done * 10_000 // self.days_wanted / 100


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
    """Days of tracked symbols, from `first` until before `before`, whose daily file has not been loaded, with minutes
    that rest on the stream or on REST, or given up as incomplete: that may have been before the file was published."""
    days = (
        LedgerDay.objects.filter(day__gte=first, day__lt=before, symbol__is_tracked=True)
        .filter(Q(live_rows__gt=0) | Q(rest_rows__gt=0) | Q(is_settled=True, expected__gt=STORED_ROWS), daily_rows=0)
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


def history_progress(*, now: int, symbols: Sequence[Symbol] | None = None) -> list[HistoryProgress]:
    """One entry for each of the symbols, in their order; for each tracked one, by name, if none are given."""
    if symbols is None:
        symbols = list(Symbol.objects.filter(is_tracked=True).order_by("name"))
    today = day_of(now)
    windows = {symbol.id: wanted_window(symbol, now) for symbol in symbols}
    # The two ends alone: hundreds of symbols times a thousand days would be made for nothing else.
    ends = [
        (symbol_id, day_of(window.start), day_of(window.end - 1))
        for symbol_id, window in windows.items()
        if not window.is_empty
    ]
    sums = PAST_SUMS.with_recent(ends, today=today)
    return [_progress(symbol, windows[symbol.id], sums.get(symbol.id), today) for symbol in symbols]


def recent_gaps(*, now: int, days: int) -> tuple[int, int]:
    """How many of the last so many finished days of tracked symbols lack minutes that some source may have, and how
    many minutes they lack."""
    today = day_of(now)
    first = today - dt.timedelta(days=days)
    tracked = Symbol.objects.filter(is_tracked=True).values_list("id", flat=True)
    sums = progress.sum_days([(symbol_id, first, today) for symbol_id in tracked], today=today).values()
    return sum(each.open_gap_days for each in sums), sum(each.open_gap_minutes for each in sums)


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
        .annotate(days=Count("id"), minutes=Sum(STORED_ROWS), conflicts=Sum("conflict_rows"))
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


def _progress(symbol: Symbol, window: TimeWindow, sums: progress.LedgerSums | None, today: dt.date) -> HistoryProgress:
    wanted = 0
    if not window.is_empty:
        over = min(today, day_of(window.end - 1) + dt.timedelta(days=1))
        wanted = max(0, (over - day_of(window.start)).days)
    return HistoryProgress(
        symbol=symbol.name,
        wanted_from=window.start,
        is_wanted=not window.is_empty,
        days_wanted=wanted,
        days_done=sums.days_done if sums else 0,
        rows=sums.rows if sums else 0,
        conflict_rows=sums.conflict_rows if sums else 0,
        states=sums.states if sums else dict.fromkeys(DayState, 0),
        first_day=sums.first_day if sums else None,
        last_day=sums.last_day if sums else None,
        gap_days=sums.gap_days if sums else 0,
        open_gap_days=sums.open_gap_days if sums else 0,
        gap_minutes=sums.gap_minutes if sums else 0,
    )
