"""What is known of each live symbol's minutes: which are final, which is forming, which are missing.

Nothing that comes late, twice, out of order or after the final one does harm: each minute becomes final once, and the
forming one only moves forward.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from operator import attrgetter
from typing import Final

from market.domain.candle import Candle
from market.domain.window import MINUTE_MS, TimeWindow
from market.tail import CLOSED_KEPT

# A minute that has not been confirmed so long after its end is fetched by REST.
GRACE_MS: Final = 10_000
# How far back a collector sees to it that minutes are there; what lies before is history's. One page of REST.
REACH_MS: Final = 8 * 60 * MINUTE_MS
# A frame of a minute that begins later than this from now is rubbish, and must not silence those that follow.
_AHEAD_MS: Final = 2 * MINUTE_MS
# Committed minutes that stay in the tail: a reader may have read the database just before they were there.
_OVERLAP: Final = 2
# If trades came at random, none in place of ten would be seen once in 22,000 times.
_EXPECTED_TRADES: Final = 10

_time = attrgetter("time")


class SymbolMinutes:
    """One live symbol."""

    __slots__ = ("_finals", "confirmed", "forming", "id", "last_closed", "name", "recent", "trades")

    def __init__(self, *, symbol_id: int, name: str, start: int, stored: Iterable[int] = ()) -> None:
        """Minutes from `start` (open time, ms) on are to be confirmed; `stored` are there already."""
        self.id = symbol_id
        self.name = name
        self.confirmed = start  # every minute before this one is final
        self._finals: set[int] = set()  # those beyond
        self.last_closed: int | None = None
        self.forming: Candle | None = None
        self.recent: list[Candle] = []  # the newest closed ones, ascending
        self.trades: int | None = None  # how many the newest closed minute had; None: not known
        for time in stored:
            self._settle(time)

    def take_closed(self, candle: Candle) -> bool:
        """A closed minute, from whichever source; False if it is final already."""
        if self.is_final(candle.time):
            return False
        if self.last_closed is None or candle.time > self.last_closed:
            self.trades = candle.trade_count
        self._settle(candle.time)
        if self.forming is not None and self.forming.time <= candle.time:
            self.forming = None
        insort(self.recent, candle, key=_time)
        del self.recent[:-CLOSED_KEPT]
        return True

    def take_forming(self, candle: Candle) -> bool:
        """A forming minute; False if it is final, or older than what is known of it."""
        time = candle.time
        if (self.last_closed is not None and time <= self.last_closed) or self.is_final(time):
            return False
        forming = self.forming
        if forming is not None and (
            time < forming.time or (time == forming.time and candle.trade_count < forming.trade_count)
        ):
            return False
        self.forming = candle
        return True

    def is_final(self, time: int) -> bool:
        return time < self.confirmed or time in self._finals

    def missing(self, now: int) -> TimeWindow | None:
        """From the first to the last unconfirmed minute whose grace is over; None if there is none."""
        due = (now - GRACE_MS) // MINUTE_MS * MINUTE_MS  # minutes that open before this are due
        while due > self.confirmed and due - MINUTE_MS in self._finals:
            due -= MINUTE_MS
        return TimeWindow(self.confirmed, due) if due > self.confirmed else None

    def give_up(self, before: int) -> None:
        """Stop looking for minutes that open before this: nobody has them, or history looks for them."""
        if before > self.confirmed:
            self.confirmed = before
            self._finals = {time for time in self._finals if time >= before}
            self._advance()

    def reopen(self, time: int) -> None:
        """A final minute was lost before it was stored: it has to be fetched anew."""
        if time < self.confirmed:
            self._finals.update(range(time + MINUTE_MS, self.confirmed, MINUTE_MS))
            self.confirmed = time
        else:
            self._finals.discard(time)

    def committed(self, time: int) -> None:
        """The minute is in the database; the tail need not keep it much longer."""
        recent = self.recent
        while len(recent) > _OVERLAP and recent[0].time <= time:
            del recent[0]

    def tail(self) -> list[Candle]:
        """What the live tail holds of the symbol, ascending in time."""
        return [*self.recent, self.forming] if self.forming is not None else list(self.recent)

    def _settle(self, time: int) -> None:
        if self.last_closed is None or time > self.last_closed:
            self.last_closed = time
        if time >= self.confirmed:
            self._finals.add(time)
            self._advance()

    def _advance(self) -> None:
        while self.confirmed in self._finals:
            self._finals.remove(self.confirmed)
            self.confirmed += MINUTE_MS


def is_plausible(candle: Candle, event_ms: int, now: int) -> bool:
    """Whether a frame can be what it claims: of about now, and closed only after its minute's end."""
    if not now - REACH_MS <= candle.time <= now + _AHEAD_MS:
        return False
    return not candle.is_closed or event_ms >= candle.time + MINUTE_MS - 1


def is_unlikely(trades: Iterable[int | None], quiet_s: float) -> bool:
    """Whether symbols with so many trades in their newest minutes cannot be silent for so long (exchange's time) by
    chance: ten trades would have been expected. Of a symbol whose trades are not known, it is taken to be so."""
    expected = 0.0
    for count in trades:
        if count is None:
            return True
        expected += count * quiet_s / 60
    return expected >= _EXPECTED_TRADES
