"""One symbol on one UTC day: what is stored, from where, and whether anything is left to ask for."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import Final

from market.domain.source import DayState, Source
from market.domain.window import MINUTE_MS, TimeWindow

_NOTE_LINES: Final = 12
# The last minutes of a day take a moment to come; until then they are late, not missing.
SETTLING_MS: Final = 10 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class DayEntry:
    """The ledger's entry for one day.

    `expected` is the number of minutes that the symbol lived on the day; `rows` counts stored minutes by source;
    `conflict_rows` counts minutes on which two sources differed, each once, and `conflicting` says which (bit n: the
    day's n-th minute); `is_settled` says that every source was asked and has no more.
    """

    day: dt.date
    expected: int
    rows: dict[Source, int] = field(default_factory=dict)
    conflict_rows: int = 0
    conflicting: int = 0
    is_settled: bool = False
    file_id: int | None = None
    note: str = ""

    @property
    def total(self) -> int:
        return sum(self.rows.values())

    @property
    def is_complete(self) -> bool:
        return self.total >= self.expected

    @property
    def state(self) -> DayState:
        if self.total == 0:
            return DayState.EMPTY if self.is_settled else DayState.MISSING
        if not self.is_complete:
            return DayState.PARTIAL
        if self.conflict_rows:
            return DayState.CONFLICT
        # REST stands beside the archive in trust, but it has no checksum, so the day says so.
        if self.rows.get(Source.LIVE):
            return DayState.LIVE
        return DayState.REST if self.rows.get(Source.REST) else DayState.ARCHIVE

    def moved(self, source: Source, *, added: int, taken_from: dict[Source, int], conflicting: int) -> DayEntry:
        """The entry after `added` minutes came from a source, some of them in place of other sources' minutes, and the
        minutes of `conflicting` (see above) differed from what was stored.

        A day that gained or changed minutes is open to questions again. A minute in conflict counts once, however often
        a batch that differs and loses comes; entries of old count without saying which, hence the bound.
        """
        rows = dict(self.rows)
        rows[source] = rows.get(source, 0) + added
        for previous, count in taken_from.items():
            rows[previous] = rows.get(previous, 0) - count
        new_conflicts = (conflicting & ~self.conflicting).bit_count()
        return replace(
            self,
            rows={source: count for source, count in rows.items() if count},
            conflict_rows=min(self.conflict_rows + new_conflicts, sum(rows.values())),
            conflicting=self.conflicting | conflicting,
            is_settled=self.is_settled and not added,
        )

    def counted_anew(self, rows: dict[Source, int]) -> DayEntry:
        """The entry with the counts that the table itself gives. A day of which minutes have gone is open to questions
        again: that no source has more was said of those that it had then."""
        total = sum(rows.values())
        return replace(
            self,
            rows=dict(rows),
            conflict_rows=min(self.conflict_rows, total),
            is_settled=self.is_settled and total >= self.total,
        ).noted("counted anew")

    def noted(self, line: str) -> DayEntry:
        """The entry with one more line of what happened; the oldest lines go, a repeated one stays once."""
        lines = [old for old in self.note.splitlines() if old and old != line]
        return replace(self, note="\n".join([*lines, line][-_NOTE_LINES:]))


def expected_minutes(day: dt.date, life: TimeWindow) -> int:
    """How many minutes of the day lie in the symbol's life; a minute that has begun counts whole."""
    return TimeWindow.of_day(day).intersect(life).minutes
