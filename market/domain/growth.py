"""Bars of charts that grow by the minutes that come after what is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Final

from market.domain.bar import BAR_COLUMNS, BarRow
from market.domain.candle import Candle
from market.domain.decimals import plus
from market.domain.interval import Interval

# A live candle as charts read it.
bar_of: Final[Callable[[Candle], BarRow]] = attrgetter(*BAR_COLUMNS)


def grown(bar: BarRow | None, minute: BarRow, start: int) -> BarRow:
    """The bar that opens at `start`, by one more minute, which follows all that are in it; None begins one."""
    if bar is None:
        return (start, *minute[1:])
    return (
        start,
        bar[1],
        max(bar[2], minute[2]),
        min(bar[3], minute[3]),
        minute[4],
        plus(bar[5], minute[5]),
        plus(bar[6], minute[6]),
        plus(bar[7], minute[7]),
        bar[8] + minute[8],
    )


def with_minutes(bars: Sequence[BarRow], minutes: Iterable[BarRow], interval: Interval) -> list[BarRow]:
    """Ordered bars of `interval`, and ordered minutes none of which is in them yet, as bars.

    A minute of a bucket before the last bar's is left out: the bars have seen more than it.
    """
    merged = list(bars)
    for minute in minutes:
        start = interval.floor(minute[0])
        if not merged or start > merged[-1][0]:
            merged.append(grown(None, minute, start))
        elif start == merged[-1][0]:
            merged[-1] = grown(merged[-1], minute, start)
    return merged
