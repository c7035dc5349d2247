"""Half-open ranges of time, UTC days and calendar months.

Every instant in this project is an ``int``: milliseconds since 1970-01-01 00:00 UTC, the unit in which the
exchange counts. Every range is ``[start, end)``: the start belongs to it, the end does not, so that ranges
that touch neither overlap nor leave a gap.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
DAY_MS: Final = 1_440 * MINUTE_MS
MINUTES_PER_DAY: Final = 1_440

_EPOCH_ORDINAL: Final = dt.date(1970, 1, 1).toordinal()

# Python's calendar and PostgreSQL's timestamptz both reach these instants; everything that comes from outside
# is held against them once, at the edge, so that no arithmetic behind it can overflow.
EARLIEST_MS: Final = 0
LATEST_MS: Final = (dt.date(9999, 1, 1).toordinal() - _EPOCH_ORDINAL) * DAY_MS


def day_of(time_ms: int) -> dt.date:
    """The UTC day that contains the instant."""
    return dt.date.fromordinal(_EPOCH_ORDINAL + time_ms // DAY_MS)


def day_start(day: dt.date) -> int:
    """The instant at which the UTC day begins."""
    return (day.toordinal() - _EPOCH_ORDINAL) * DAY_MS


def to_datetime(time_ms: int) -> dt.datetime:
    """The instant as an aware UTC datetime, exact to the millisecond."""
    seconds, millis = divmod(time_ms, SECOND_MS)
    return dt.datetime.fromtimestamp(seconds, dt.UTC).replace(microsecond=millis * 1_000)


def from_datetime(moment: dt.datetime) -> int:
    """Milliseconds of an aware datetime, rounded down.

    Raises ValueError for a naive one: guessing a time zone would shift candles.
    """
    if moment.tzinfo is None:
        raise ValueError(f"naive datetime {moment!r}: an aware one (UTC) is needed")
    delta = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return delta // dt.timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month in UTC."""

    year: int
    month: int

    def __post_init__(self) -> None:
        if not (1970 <= self.year <= 9998 and 1 <= self.month <= 12):
            raise ValueError(f"no such month: {self.year}-{self.month}")

    @classmethod
    def of(cls, when: int | dt.date) -> Month:
        """The month that contains an instant (ms) or a day."""
        day = day_of(when) if isinstance(when, int) else when
        return cls(day.year, day.month)

    @classmethod
    def parse(cls, text: str) -> Month:
        """Read ``YYYY-MM``; ValueError for anything else."""
        year, separator, month = text.partition("-")
        if not (separator and len(year) == 4 and len(month) == 2 and (year + month).isdecimal()):
            raise ValueError(f"{text!r} is not a month of the form YYYY-MM")
        return cls(int(year), int(month))

    @property
    def first_day(self) -> dt.date:
        return dt.date(self.year, self.month, 1)

    @property
    def window(self) -> TimeWindow:
        return TimeWindow(day_start(self.first_day), day_start(self.next().first_day))

    def next(self) -> Month:
        return Month(self.year + 1, 1) if self.month == 12 else Month(self.year, self.month + 1)

    def days(self) -> list[dt.date]:
        return self.window.days()

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"


@dataclass(frozen=True, slots=True, order=True)
class TimeWindow:
    """``[start, end)`` in milliseconds UTC. May be empty, never reversed (ValueError)."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"a window cannot end ({self.end}) before it starts ({self.start})")

    @classmethod
    def of_day(cls, day: dt.date) -> TimeWindow:
        start = day_start(day)
        return cls(start, start + DAY_MS)

    @property
    def is_empty(self) -> bool:
        return self.start == self.end

    @property
    def minutes(self) -> int:
        """How many minute candles open inside the window."""
        return max(0, -(-self.end // MINUTE_MS) + -self.start // MINUTE_MS)

    def __contains__(self, time_ms: object) -> bool:
        return isinstance(time_ms, int) and self.start <= time_ms < self.end

    def intersect(self, other: TimeWindow) -> TimeWindow:
        """The common part; empty (and inside self) when there is none."""
        start = min(max(self.start, other.start), self.end)
        return TimeWindow(start, max(start, min(self.end, other.end)))

    def days(self) -> list[dt.date]:
        """Every UTC day that shares an instant with the window, in order."""
        if self.is_empty:
            return []
        first = day_of(self.start).toordinal()
        last = day_of(self.end - 1).toordinal()
        return [dt.date.fromordinal(ordinal) for ordinal in range(first, last + 1)]

    def months(self) -> Iterator[Month]:
        """Every month that shares an instant with the window, in order."""
        if self.is_empty:
            return
        month, last = Month.of(self.start), Month.of(self.end - 1)
        while month <= last:
            yield month
            month = month.next()
