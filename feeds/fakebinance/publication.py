"""Which files the archive has, under which names, and when each appears."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import unquote

from market.domain.window import Month, TimeWindow, day_start

Tier = Literal["monthly", "daily"]
HOUR_MS: Final = 3_600_000
ROOT: Final = "data/futures/um/"

_KEY: Final = re.compile(
    r"data/futures/um/(?P<tier>monthly|daily)/klines/(?P<symbol>[^/]+)/1m/(?P=symbol)-1m-(?P<period>[0-9-]+)\.zip"
)


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One ZIP of 1-minute candles: a month or a day of a symbol."""

    tier: Tier
    symbol: str
    period: Month | dt.date

    @property
    def stem(self) -> str:
        return f"{self.symbol}-1m-{self.period}"

    @property
    def name(self) -> str:
        return f"{self.stem}.zip"

    @property
    def key(self) -> str:
        """The object's key in the bucket, which is its path on the host."""
        return f"{ROOT}{self.tier}/klines/{self.symbol}/1m/{self.name}"

    @property
    def window(self) -> TimeWindow:
        return self.period.window if isinstance(self.period, Month) else TimeWindow.of_day(self.period)

    @classmethod
    def parse(cls, key: str) -> ArchiveFile | None:
        """Read a ZIP's key; None for a key that the archive cannot have."""
        found = _KEY.fullmatch(unquote(key))
        if found is None:
            return None
        symbol, period = found["symbol"], found["period"]
        try:
            if found["tier"] == "monthly":
                return cls("monthly", symbol, Month.parse(period))
            day = dt.date.fromisoformat(period)
        except ValueError:
            return None
        return cls("daily", symbol, day) if str(day) == period else None


@dataclass(frozen=True, slots=True)
class Calendar:
    """When files appear, in ms after the period's end.

    Daily files: `daily_delay_ms` after the day. Monthly files: on the month's first Monday at `monthly_hour_ms`
    after midnight UTC, or `monthly_delay_ms` after the month where that is given. Defaults as observed: 08:30.
    """

    daily_delay_ms: int = 8 * HOUR_MS + HOUR_MS // 2
    monthly_hour_ms: int = 8 * HOUR_MS + HOUR_MS // 2
    monthly_delay_ms: int | None = None

    def appears(self, file: ArchiveFile) -> int:
        """The instant from which the file can be fetched."""
        end = file.window.end
        if isinstance(file.period, dt.date):
            return end + self.daily_delay_ms
        if self.monthly_delay_ms is not None:
            return end + self.monthly_delay_ms
        first = file.period.next().first_day
        monday = first + dt.timedelta(days=-first.weekday() % 7)
        return day_start(monday) + self.monthly_hour_ms

    def published(self, tier: Tier, symbol: str, life: TimeWindow, now: int) -> Iterator[ArchiveFile]:
        """The symbol's files of one tier that exist at `now`, oldest first."""
        span = life.intersect(TimeWindow(0, max(now, 0)))
        periods = span.months() if tier == "monthly" else iter(span.days())
        for period in periods:
            file = ArchiveFile(tier, symbol, period)
            if self.appears(file) <= now:
                yield file

    def has(self, file: ArchiveFile, life: TimeWindow, now: int) -> bool:
        """Whether the file can be fetched at `now`: its period has a minute of the symbol's life and is out."""
        return not file.window.intersect(life).is_empty and self.appears(file) <= now
