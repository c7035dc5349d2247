"""What the candle store should hold, worked out in the plainest way: a dict of minutes, decimals and the calendar.

Shares nothing with the code under test but the names of sources and timeframes.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from market.domain.source import LoadedFile, Source

# open, high, low, close, volume, quote_volume, taker_buy_volume, taker_buy_quote_volume, trade_count
Values = tuple[float, float, float, float, float, float, float, float, int]
Key = tuple[int, int]
DayKey = tuple[int, dt.date]

INTERVALS = ("1m", "5m", "15m", "1h", "4h", "1d", "1w", "1M")
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MINUTES_OF_A_DAY = 1_440


def moment(time_ms: int) -> dt.datetime:
    return EPOCH + dt.timedelta(milliseconds=time_ms)


def millis(when: dt.datetime) -> int:
    return (when - EPOCH) // dt.timedelta(milliseconds=1)


def bucket_start(interval: str, time_ms: int) -> int:
    """Open time of the bar that contains the instant, by the calendar."""
    when = moment(time_ms).replace(second=0, microsecond=0)
    midnight = when.replace(hour=0, minute=0)
    starts = {
        "1m": when,
        "5m": when.replace(minute=when.minute - when.minute % 5),
        "15m": when.replace(minute=when.minute - when.minute % 15),
        "1h": when.replace(minute=0),
        "4h": midnight.replace(hour=when.hour - when.hour % 4),
        "1d": midnight,
        "1w": midnight - dt.timedelta(days=when.weekday()),
        "1M": midnight.replace(day=1),
    }
    return millis(starts[interval])


def folded(rows: list[Values]) -> Values:
    """One bar of bars in ascending order; sums are those of the decimals that the floats stand for, rounded once."""

    def total(column: int) -> float:
        return float(sum((Decimal(repr(row[column])) for row in rows), Decimal(0)))

    return (
        rows[0][0],
        max(row[1] for row in rows),
        min(row[2] for row in rows),
        rows[-1][3],
        total(4),
        total(5),
        total(6),
        total(7),
        sum(row[8] for row in rows),
    )


@dataclass
class ExpectedStore:
    """Minutes with their sources, and those on which sources have disagreed."""

    minutes: dict[Key, tuple[Values, Source]] = field(default_factory=dict)
    conflicts: set[Key] = field(default_factory=set)
    touched: set[DayKey] = field(default_factory=set)
    digests: dict[str, str] = field(default_factory=dict)

    def ingest(self, rows: dict[Key, Values], source: Source, file: LoadedFile | None = None) -> tuple[int, int, int]:
        """Take in a batch; how many minutes were new, replaced, in conflict."""
        if not rows:
            return 0, 0, 0
        supersede = file is not None and self.digests.get(file.path, file.sha256) != file.sha256
        if file is not None:
            self.digests[file.path] = file.sha256
        inserted = replaced = conflicts = 0
        for (symbol, time), values in rows.items():
            day = (symbol, moment(time).date())
            self.touched.add(day)
            held = self.minutes.get((symbol, time))
            if held is None:
                inserted += 1
                self.minutes[symbol, time] = (values, source)
                continue
            differs = held[0] != values
            if differs:
                conflicts += 1
                self.conflicts.add((symbol, time))
            if source > held[1] or (differs and supersede and source == held[1]):
                replaced += 1
                self.minutes[symbol, time] = (values, source)
        return inserted, replaced, conflicts

    def sources_of(self, day: DayKey) -> Counter[Source]:
        """How many minutes of the day each source has."""
        return Counter(
            source for (symbol, time), (_, source) in self.minutes.items() if (symbol, moment(time).date()) == day
        )

    def bars(self, interval: str) -> dict[Key, Values]:
        """Every bar of the timeframe."""
        buckets: dict[Key, list[Values]] = defaultdict(list)
        for symbol, time in sorted(self.minutes):
            buckets[symbol, bucket_start(interval, time)].append(self.minutes[symbol, time][0])
        return {key: folded(rows) for key, rows in buckets.items()}

    def ledger(self) -> dict[DayKey, tuple[str, int, int, int, int, int]]:
        """(state, live, monthly, rest, daily, conflicts) of each day, for symbols that live on every day and days of
        which no source was asked to the end."""
        entries = {}
        for day in self.touched:
            counts = self.sources_of(day)
            conflicts = sum((symbol, moment(time).date()) == day for symbol, time in self.conflicts)
            entries[day] = (
                self._state(counts, conflicts),
                counts[Source.LIVE],
                counts[Source.MONTHLY],
                counts[Source.REST],
                counts[Source.DAILY],
                conflicts,
            )
        return entries

    @staticmethod
    def _state(counts: Counter[Source], conflicts: int) -> str:
        if not counts.total():
            return "missing"
        if counts.total() < MINUTES_OF_A_DAY:
            return "partial"
        if conflicts:
            return "conflict"
        if counts[Source.LIVE]:
            return "live"
        return "rest" if counts[Source.REST] else "archive"
