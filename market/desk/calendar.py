"""The days of a symbol as a calendar: a cell a day, coloured by state, and the days behind it as a list."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from market.domain.clock import wall_clock_ms
from market.domain.source import DayState
from market.domain.window import EARLIEST_MS, LATEST_MS, Month, TimeWindow
from market.models import Symbol
from market.selectors.coverage import Coverage, CoveredDay, coverage

if TYPE_CHECKING:
    from market.desk.symbols import SymbolAdmin

MEANINGS: Final = {
    DayState.MISSING: "nothing stored yet",
    DayState.PARTIAL: "some minutes stored, not all",
    DayState.ARCHIVE: "complete, from checksummed files",
    DayState.REST: "complete, some of it by REST",
    DayState.LIVE: "complete, some of it from the stream",
    DayState.EMPTY: "no source has any",
    DayState.CONFLICT: "complete; sources disagreed, the better one is stored",
}
_LISTED: Final = 400


@dataclass(frozen=True, slots=True)
class Cell:
    """A day of the calendar; None in its place is a day of which nothing is wanted or known."""

    day: CoveredDay
    is_chosen: bool

    @property
    def text(self) -> str:
        return day_text(self.day)


@dataclass(frozen=True, slots=True)
class Row:
    """A month and its 31 cells."""

    month: Month
    cells: Sequence[Cell | None]


@dataclass(frozen=True, slots=True)
class Choice:
    """What the address chooses: a state, a month, a day; what it does not name is None."""

    state: DayState | None
    month: Month | None
    day: dt.date | None

    @classmethod
    def of(cls, request: HttpRequest) -> Choice:
        """Raises Http404 for an address that no page of ours links to."""
        texts = {name: request.GET.get(name) or None for name in ("state", "month", "day")}
        try:
            return cls(
                state=DayState(texts["state"]) if texts["state"] else None,
                month=Month.parse(texts["month"]) if texts["month"] else None,
                day=dt.date.fromisoformat(texts["day"]) if texts["day"] else None,
            )
        except ValueError as error:
            raise Http404(str(error)) from error

    @property
    def is_any(self) -> bool:
        return any((self.state, self.month, self.day))

    def has(self, day: CoveredDay) -> bool:
        return (
            self.state in {None, day.state} and self.month in {None, Month.of(day.day)} and self.day in {None, day.day}
        )


def day_text(day: CoveredDay) -> str:
    """``2024-01-05: archive, 1,440 of 1,440 minutes (1,440 monthly)``."""
    sources = ", ".join(f"{count:,} {source.name.lower()}" for source, count in sorted(day.rows.items()))
    text = f"{day.day}: {day.state.value}, {day.total:,} of {day.expected:,} minutes"
    return f"{text} ({sources})" if sources else text


def calendar_page(admin: SymbolAdmin, request: HttpRequest, symbol_id: int) -> HttpResponse:
    """GET ?state=&month=YYYY-MM&day=YYYY-MM-DD: the calendar; what is chosen stands out, and is listed below it."""
    symbol = Symbol.objects.filter(id=symbol_id).first()
    if symbol is None:
        raise Http404
    choice = Choice.of(request)
    covered = coverage(symbol=symbol, window=TimeWindow(EARLIEST_MS, LATEST_MS), now=wall_clock_ms())
    chosen = [day for day in covered.days if choice.has(day)] if choice.is_any else []
    context = {
        **admin.admin_site.each_context(request),
        "title": f"{symbol.name}: days",
        "opts": admin.opts,
        "media": admin.media,
        "symbol": symbol,
        "rows": _rows(covered, choice),
        "numbers": range(1, 32),
        "legend": [(state, MEANINGS[state], count) for state, count in covered.states.items()],
        "choice": choice,
        "listed": chosen[::-1][:_LISTED],
        "unlisted": max(0, len(chosen) - _LISTED),
        "minutes": sum(day.total for day in covered.days),
        "expected": sum(day.expected for day in covered.days),
        "holes": covered.holes,
    }
    return TemplateResponse(request, "admin/desk/calendar.html", context)


def _rows(covered: Coverage, choice: Choice) -> list[Row]:
    """The months from the first to the last day, the newest first."""
    if not covered.days:
        return []
    days = {day.day: day for day in covered.days}
    month, last = Month.of(covered.days[0].day), Month.of(covered.days[-1].day)
    rows: list[Row] = []
    while month <= last:
        cells: list[Cell | None] = [None] * 31
        for day in month.days():
            if day in days:
                cells[day.day - 1] = Cell(days[day], choice.is_any and choice.has(days[day]))
        rows.append(Row(month, cells))
        month = month.next()
    return rows[::-1]
