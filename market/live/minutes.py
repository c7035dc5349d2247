"""The closed minutes of one symbol, put in order.

Messages may be lost (Redis was away), late (the exchange lost a frame and REST brought it) or come twice (from two
collectors for a moment). Clients get each closed minute once and in order all the same: a minute that comes too early
is held until those before it have come, from whatever side, or until it has waited so long that there are none.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from market.domain.bar import BarRow
from market.domain.window import MINUTE_MS, TimeWindow

# Released minutes that are remembered: far more than the database is ever behind in a running system.
KEPT: Final = 30
# How long (seconds) a minute waits for those before it. A collector fetches a lost one within 15 seconds; after a
# restart it has many to fetch.
PATIENCE: Final = 120.0
# A gap longer than this is a symbol that was not collected, not a minute that was lost: nobody waits for it.
LONGEST_GAP_MS: Final = 1_440 * MINUTE_MS
_MOST_HELD: Final = 1_440


@dataclass(slots=True)
class Minutes:
    """What was released up to `newest`, and what is held beyond it. Times in ms, `now` in seconds of any steady clock.

    Nothing is released before `start` has told where the symbol stands. `kept` is every minute released after
    `known_until`; what is older is to be read from the database. If it `has_forgotten` some that it released, these may
    not be stored yet.
    """

    is_started: bool = False
    newest: int | None = None
    known_until: int | None = None
    kept: list[BarRow] = field(default_factory=list)
    has_forgotten: bool = False
    # Greatest open time of any minute heard of, the forming one included.
    heard: int = -1
    _held: dict[int, BarRow] = field(default_factory=dict)
    _held_since: float | None = None
    _skipped: set[int] = field(default_factory=set)

    def start(self, stored: Sequence[BarRow], now: float) -> list[BarRow]:
        """Begin behind the newest stored minutes (ascending); what the early ones that are held release.

        Where one of the newest is missing, it is on its way: those behind the hole are held.
        """
        self.is_started = True
        whole = [row for index, row in enumerate(stored) if row[0] == stored[0][0] + index * MINUTE_MS]
        if whole:
            self.newest = whole[-1][0]
            self.known_until = whole[0][0] - MINUTE_MS
            self.kept = list(whole)
        for row in stored[len(whole) :]:
            self._held.setdefault(row[0], row)
        self._held = {time: row for time, row in self._held.items() if self.newest is None or time > self.newest}
        if self._held and self._held_since is None:
            self._held_since = now
        return self._drain(now)

    def offer(self, minute: BarRow, now: float) -> list[BarRow]:
        """Take in a closed minute; the minutes that are released by it, in order.

        A minute that was given up before and comes now is released by itself, out of order.
        """
        time = minute[0]
        self.heard = max(self.heard, time)
        if self.is_started and self.newest is not None and time <= self.newest:
            return self._late(minute)
        if time not in self._held:
            self._held[time] = minute
            if self._held_since is None:
                self._held_since = now
        if len(self._held) > _MOST_HELD:
            return self.give_up(now, at_once=True)
        return self._drain(now) if self.is_started else []

    def give_up(self, now: float, *, at_once: bool = False) -> list[BarRow]:
        """Stop waiting for a minute that has had its time; what that releases."""
        if self._held_since is None or (not at_once and now - self._held_since < PATIENCE):
            return []
        self.is_started = True
        first = min(self._held)
        if self.newest is not None and first - self.newest <= LONGEST_GAP_MS:
            self._skipped.update(range(self.newest + MINUTE_MS, first, MINUTE_MS))
        self.newest = first - MINUTE_MS
        if self.known_until is None:
            self.known_until = self.newest
        return self._drain(now)

    def is_stale(self, time: int) -> bool:
        """Whether a forming minute is of a bar that is closed already."""
        return (self.newest is not None and time <= self.newest) or time in self._held

    @property
    def gap(self) -> TimeWindow | None:
        """The minutes that are missing behind the newest one; None when there are none."""
        if self.newest is None:
            return None
        start = self.newest + MINUTE_MS
        end = min(self._held) if self._held else self.heard
        return TimeWindow(start, end) if end > start else None

    def is_forgotten(self, time: int) -> bool:
        """Whether a released minute is older than those that are remembered."""
        return self.known_until is not None and time <= self.known_until

    def corrected(self, minute: BarRow) -> bool:
        """Take the values of a minute that was released; whether they differ from those that were."""
        for index, row in enumerate(self.kept):
            if row[0] == minute[0]:
                self.kept[index] = minute
                return row != minute
        return False

    def _late(self, minute: BarRow) -> list[BarRow]:
        if minute[0] not in self._skipped:
            return []
        self._skipped.discard(minute[0])
        insort(self.kept, minute)
        return [minute]

    def _drain(self, now: float) -> list[BarRow]:
        released: list[BarRow] = []
        if not self._held:
            return released
        first = min(self._held)
        if self.newest is None or first - self.newest > LONGEST_GAP_MS:
            self.newest = self.known_until = first - MINUTE_MS
            self.kept.clear()
            self.has_forgotten = False
        while (minute := self._held.pop(self.newest + MINUTE_MS, None)) is not None:
            self.newest = minute[0]
            released.append(minute)
        if released:
            self._held_since = now if self._held else None
            self._keep(released)
        return released

    def _keep(self, released: list[BarRow]) -> None:
        self.kept += released
        if len(self.kept) > KEPT:
            self.known_until = self.kept[-KEPT - 1][0]
            self.has_forgotten = True
            del self.kept[:-KEPT]
            oldest = self.kept[0][0]
            self._skipped = {time for time in self._skipped if time >= oldest}
