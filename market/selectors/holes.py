"""The known holes: days of which the ledger says that minutes are missing."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Final

from django.db.models import F

from market.domain.ledger import SETTLING_MS
from market.domain.window import TimeWindow, day_of
from market.models import STORED_ROWS, LedgerDay

_ONE_DAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Hole:
    """Days in a row that lack minutes, both ends included. `is_settled`: no source has them."""

    first_day: dt.date
    last_day: dt.date
    minutes: int
    is_settled: bool


def holes_list(*, symbol_id: int, window: TimeWindow, now: int) -> list[Hole]:
    """The holes on days of the window that are over, oldest first.

    A day without an entry is not yet looked at, and no hole; nor are the minutes of today that are still to come.
    """
    days = window.intersect(TimeWindow(0, max(0, now - SETTLING_MS))).days()
    if not days:
        return []
    rows = (
        LedgerDay.objects.filter(symbol_id=symbol_id, day__gte=days[0], day__lte=days[-1])
        .filter(day__lt=day_of(max(0, now - SETTLING_MS)), expected__gt=STORED_ROWS)
        .order_by("day")
        .values_list("day", F("expected") - STORED_ROWS, "is_settled")
    )
    holes: list[Hole] = []
    for day, minutes, is_settled in rows:
        last = holes[-1] if holes else None
        if last is not None and last.last_day + _ONE_DAY == day and last.is_settled == is_settled:
            holes[-1] = replace(last, last_day=day, minutes=last.minutes + minutes)
        else:
            holes.append(Hole(day, day, minutes, is_settled))
    return holes
