"""One symbol on one UTC day: what is stored, from where, and whether anything is left to ask for."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import Final

from market.domain.source import DayState, Source
from market.domain.window import TimeWindow

_NOTE_LINES: Final = 12


@dataclass(frozen=True, slots=True)
class DayEntry:
    """The ledger's entry for one day.

    `expected` is the number of minutes that the symbol lived on the day; `rows` counts stored minutes by source;
    `conflict_rows` counts minutes on which two sources differed; `is_settled` says that every source was asked and has
    no more.
    """

    day: dt.date
    expected: int
    rows: dict[Source, int] = field(default_factory=dict)
    conflict_rows: int = 0
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
    def needs_work(self) -> bool:
        """Whether a source that was not asked yet could add something."""
        return not self.is_complete and not self.is_settled

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

    def moved(self, source: Source, *, added: int, taken_from: dict[Source, int], conflicts: int) -> DayEntry:
        """The entry after `added` minutes came from a source, some of them in place of other sources' minutes.

        A day that gained or changed minutes is open to questions again. Never more minutes are in conflict than stored:
        a batch that differs and loses may come any number of times.
        """
        rows = dict(self.rows)
        rows[source] = rows.get(source, 0) + added
        for previous, count in taken_from.items():
            rows[previous] = rows.get(previous, 0) - count
        return replace(
            self,
            rows=rows,
            conflict_rows=min(self.conflict_rows + conflicts, sum(rows.values())),
            is_settled=self.is_settled and not added,
        )

    def noted(self, line: str) -> DayEntry:
        """The entry with one more line of what happened; the oldest lines go, a repeated one stays once."""
        lines = [old for old in self.note.splitlines() if old and old != line]
        return replace(self, note="\n".join([*lines, line][-_NOTE_LINES:]))


def expected_minutes(day: dt.date, life: TimeWindow) -> int:
    """How many minutes of the day lie in the symbol's life; a minute that has begun counts whole."""
    return TimeWindow.of_day(day).intersect(life).minutes
