"""Which request to make next: the one place that knows the tiers.

    monthly ZIP  ->  daily ZIP  ->  REST

A day goes down the tiers until its minutes are all there; what was answered is judged by what the ledger has
afterwards, never by an answer as such. A tier that was tried for a day is not tried again within one run.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from market.domain.ledger import DayEntry
from market.domain.window import Month, TimeWindow

# From so many missing days on, one monthly file (about 1.3 MB, two requests) is cheaper than the daily ones (about
# 60 kB and two requests each).
_MONTHLY_FROM_DAYS: Final = 5


@dataclass(frozen=True, slots=True)
class MonthlyFile:
    """Fetch the archive's file of a finished month."""

    month: Month


@dataclass(frozen=True, slots=True)
class DailyFile:
    """Fetch the archive's file of a finished day."""

    day: dt.date


@dataclass(frozen=True, slots=True)
class RestDay:
    """Fetch by REST what is missing of a day."""

    day: dt.date


Step = MonthlyFile | DailyFile | RestDay


def gaps(want: TimeWindow, have: Mapping[dt.date, DayEntry]) -> list[dt.date]:
    """The wanted days that lack minutes and are not settled, in order."""
    return [day for day in want.days() if _lacks(day, want, have.get(day))]


def plan(
    want: TimeWindow,
    have: Mapping[dt.date, DayEntry],
    *,
    today: dt.date,
    tried: Collection[Step] = (),
    has_rest: bool = True,
) -> list[Step]:
    """The steps to take now, newest first; empty when nothing is missing or nothing is left to try.

    `want` holds closed minutes only; `today` is the UTC day that is not over; `has_rest` is False where only the
    archive may be asked. To be asked again after the steps, with the ledger as it is then and the steps in `tried`.
    """
    missing = gaps(want, have)
    steps: list[Step] = []
    for month in sorted({Month.of(day) for day in missing}, reverse=True):
        days = [day for day in missing if Month.of(day) == month]
        monthly = MonthlyFile(month)
        if month < Month.of(today) and len(days) >= _MONTHLY_FROM_DAYS and monthly not in tried:
            steps.append(monthly)
        else:
            steps += [step for day in reversed(days) for step in _below_monthly(day, today, tried, has_rest=has_rest)]
    return steps


def _below_monthly(day: dt.date, today: dt.date, tried: Collection[Step], *, has_rest: bool) -> list[Step]:
    tiers: list[Step] = [DailyFile(day)] if day < today else []
    tiers += [RestDay(day)] if has_rest else []
    return [step for step in tiers if step not in tried][:1]


def _lacks(day: dt.date, want: TimeWindow, entry: DayEntry | None) -> bool:
    if entry is None:
        return True
    return not entry.is_settled and entry.total < TimeWindow.of_day(day).intersect(want).minutes
