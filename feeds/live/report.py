"""What a collector says of itself and its symbols, every few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

from feeds.binance.stream import StreamLink
from feeds.live.book import Book
from feeds.live.minutes import SymbolMinutes, is_unlikely
from market.domain.clock import wall_clock_ms
from market.heartbeat import Report, SymbolReport, WorkReport

# A symbol that trades and of which nothing has come for so long (exchange's time) is stale. Most send several frames
# a second; the limit is generous towards those that trade now and then.
STALE_S: Final = 45.0


class Watch:
    """How fresh each symbol's stream is. Freshness is the age of data, never the state of a socket."""

    def __init__(
        self,
        heard: Mapping[str, float],
        *,
        speed: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`heard` says when (monotonic seconds) the newest frame of a symbol came."""
        self._heard = heard
        self._speed = speed
        self._monotonic = monotonic
        self._since: dict[str, float] = {}

    def begin(self, name: str) -> None:
        """The symbol's subscription begins, unless it has begun already."""
        self._since.setdefault(name, self._monotonic())

    def end(self, name: str) -> None:
        self._since.pop(name, None)

    def age_s(self, name: str) -> float:
        """Seconds of the exchange's time since the newest data, or since the subscription if none came."""
        since = max(self._since.get(name, 0.0), self._heard.get(name, 0.0))
        return (self._monotonic() - since) * self._speed

    def is_stale(self, minutes: SymbolMinutes) -> bool:
        """Whether the stream is silent about a symbol that trades: its newest closed minute, which REST brings if the
        stream does not, had trades, or nothing is known of it."""
        age_s = self.age_s(minutes.name)
        return age_s > STALE_S and is_unlikely([minutes.trades], age_s)

    def report(
        self,
        book: Book,
        *,
        link_of: Callable[[str], StreamLink | None],
        repairs: Mapping[str, int],
        pending: int,
        work: WorkReport,
    ) -> Report:
        symbols = []
        for minutes in book:
            link = link_of(minutes.name)
            symbols.append(
                SymbolReport(
                    symbol=minutes.name,
                    age_s=round(self.age_s(minutes.name), 1),
                    heard=minutes.name in self._heard,
                    last_closed=minutes.last_closed,
                    reconnects=0 if link is None else link.reconnects,
                    rest_repairs=repairs.get(minutes.name, 0),
                    is_stale=self.is_stale(minutes),
                )
            )
        return Report(at=wall_clock_ms(), symbols=symbols, pending=pending, refused=book.refused, work=work)
