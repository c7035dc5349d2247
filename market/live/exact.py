"""Bars that are exact although the database is a few seconds behind the stream.

A bar read from the database has in it every minute that was stored at that moment, and no other. The minutes released
since then are added to it. Whether that is all of them can be told: each minute that is remembered and not newer than
the newest stored one has to be stored, with the values remembered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from market.domain.bar import BarRow
from market.domain.growth import with_minutes
from market.domain.interval import Interval
from market.domain.window import MINUTE_MS, TimeWindow
from market.live.minutes import Minutes

_NEVER: Final = -1


def minutes_to_read(minutes: Minutes, newest: int, interval: Interval) -> TimeWindow:
    """Which stored minutes have to come with bars for `bars_through`: from the last one that is no longer remembered
    to the end of the bar that forms behind `newest`, the newest released one."""
    start = newest if minutes.known_until is None else minutes.known_until
    return TimeWindow(max(0, start), interval.next(newest + MINUTE_MS))


def bars_through(
    bars: Sequence[BarRow], stored: Sequence[BarRow], minutes: Minutes, interval: Interval, *, trusting: bool = False
) -> list[BarRow] | None:
    """The bars up to the newest released minute, the last of them perhaps not whole; None when they cannot be told yet.

    `bars` of the database up to the one that forms, and `stored` as `minutes_to_read` says, as of one moment. What the
    database has beyond the newest released minute is in the bars too (see `is_ahead`). `trusting` takes the database's
    word where it differs from what was heard: for when it still differs after all batches must have arrived.
    """
    values = {row[0]: row for row in stored}
    newest_stored = max(values, default=_NEVER)
    if not trusting and (
        is_behind(stored, minutes) or any(values.get(row[0]) != row for row in minutes.kept if row[0] <= newest_stored)
    ):
        return None
    return with_minutes(bars, [row for row in minutes.kept if row[0] > newest_stored], interval)


def is_behind(stored: Sequence[BarRow], minutes: Minutes) -> bool:
    """Whether minutes that were released and forgotten are not stored yet."""
    return minutes.has_forgotten and max((row[0] for row in stored), default=_NEVER) < (minutes.known_until or 0)


def is_ahead(stored: Sequence[BarRow], minutes: Minutes) -> bool:
    """Whether the database has minutes that have not been released here: the bar that forms has them in it."""
    return minutes.newest is None or any(row[0] > minutes.newest for row in stored)


def is_closed(bar: BarRow, minutes: Minutes, interval: Interval) -> bool:
    """Whether the bar's last minute has been released, or given up."""
    return minutes.newest is not None and interval.next(bar[0]) <= minutes.newest + MINUTE_MS
