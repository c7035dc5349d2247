"""One series of frames: the bars of one symbol in one timeframe, as they close and as they form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from market.domain.bar import BarRow
from market.domain.growth import grown
from market.domain.interval import Interval
from market.domain.window import MINUTE_MS

if TYPE_CHECKING:
    from market.live.hub import Feed
    from market.live.socket import Socket

_NEVER: Final = -1


class Series:
    """What subscribers of (symbol, interval) get; `interval` None are minutes of the first protocol, without its name.

    Minutes need no memory. A longer bar is `base`, its closed minutes, plus the forming one; it `is_ready` once its
    base is known, and sends nothing before. `owed_from` is the open time of the first bar that its subscribers have not
    seen closed yet, while it is not ready.
    """

    __slots__ = (
        *("asked_at", "base", "feed", "formed", "interval", "is_ready", "owed_from", "sockets", "unready_since"),
        "users",
    )

    def __init__(self, feed: Feed, interval: Interval | None) -> None:
        self.feed = feed
        self.interval = interval
        # Who gets what it sends now; and who has subscribed, those who are catching up included.
        self.sockets: set[Socket] = set()
        self.users: set[Socket] = set()
        self.base: BarRow | None = None
        self.is_ready = interval in {None, Interval.M1}
        self.owed_from: int | None = None
        self.unready_since: float | None = None
        # When (seconds of a steady clock) its base was last asked for.
        self.asked_at = 0.0
        # Open time of the bar that was last sent forming.
        self.formed = _NEVER

    @property
    def bucket(self) -> Interval:
        return self.interval or Interval.M1

    @property
    def is_minutes(self) -> bool:
        return self.interval is None or self.interval is Interval.M1

    def closed_by(self, minute: BarRow) -> list[BarRow]:
        """The bars that this released minute, the next one in order, closes."""
        if self.is_minutes:
            return [minute]
        if not self.is_ready:
            return []
        start = self.bucket.floor(minute[0])
        closed = []
        if self.base is not None and self.base[0] != start:
            # Its last minute was given up: there is none.
            closed.append(self.base)
            self.base = None
        self.base = grown(self.base, minute, start)
        if minute[0] + MINUTE_MS == self.bucket.next(start):
            closed.append(self.base)
            self.base = None
        return closed

    def forming_with(self, minute: BarRow, newest: int | None) -> BarRow | None:
        """The bar as it is with this forming minute; None while that cannot be told exactly."""
        if self.is_minutes:
            return minute
        if not self.is_ready or newest is None or minute[0] != newest + MINUTE_MS:
            return None
        start = self.bucket.floor(minute[0])
        return grown(self.base if self.base is not None and self.base[0] == start else None, minute, start)

    def doubt(self, now: float) -> None:
        """A minute of the bar that forms has changed: it has to be read again before more of it is sent."""
        if not self.is_minutes and self.is_ready:
            self.is_ready = False
            self.unready_since = now
            self.owe()

    def owe(self) -> None:
        """From now on, subscribers are to see each bar closed, whenever the base is known."""
        newest = self.feed.minutes.newest
        if newest is not None and self.owed_from is None:
            self.owed_from = self.bucket.floor(newest + MINUTE_MS)
