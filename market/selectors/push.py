"""What the live push reads: names, newest minutes, gaps and bars with the minutes that they are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from market.domain.bar import BAR_COLUMNS, BarRow
from market.domain.frame import CandleFrame
from market.domain.interval import Interval
from market.domain.window import TimeWindow, day_start
from market.models import Symbol
from market.selectors.ledger import stored_days
from market.store import candles, charts

# Stored minutes that a read of bars brings along at most.
MINUTES_READ: Final = 200


def symbol_ids() -> dict[str, int]:
    """The id of every known symbol by its name."""
    return dict(Symbol.objects.values_list("name", "id"))


def newest_minutes(*, symbol_ids: Sequence[int], limit: int) -> dict[int, list[BarRow]]:
    """The newest stored minutes of each symbol, ascending; symbols without any are absent."""
    return charts.latest_minutes(symbol_ids, limit)


def minutes_within(*, windows: Mapping[int, TimeWindow]) -> dict[int, list[BarRow]]:
    """The stored minutes of a window for each symbol (by id), ascending; symbols without any are absent."""
    batch, _ = candles.read(Interval.M1, list(windows.items()))
    found: dict[int, list[BarRow]] = {}
    for symbol_id, row in zip(batch.symbol_id.tolist(), _rows(batch.frame), strict=True):
        found.setdefault(symbol_id, []).append(row)
    return found


def _rows(frame: CandleFrame) -> list[BarRow]:
    return list(zip(*(getattr(frame, column).tolist() for column in BAR_COLUMNS), strict=True))


def bars_with_minutes(
    *, symbol_id: int, interval: Interval, window: TimeWindow, minutes: TimeWindow
) -> tuple[list[BarRow], list[BarRow]]:
    """The bars that open inside the window and the stored minutes (the newest 200) inside the other one, as of one
    moment; ascending. The caller sees to it that the window is a page, not a history."""
    return charts.newest_with_minutes(
        interval, symbol_id, window, interval.count(window), minutes=minutes, minutes_limit=MINUTES_READ
    )


def first_stored(*, symbol_id: int) -> int | None:
    """Start of the first day of which anything is stored."""
    days = stored_days(symbol_id)
    return None if days is None else day_start(days[0])
