"""All live symbols of a collector, and the one way by which a candle becomes news."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from feeds.binance.errors import ExchangeError
from feeds.binance.wire import kline_event
from feeds.live.batcher import Closed
from feeds.live.clock import ExchangeClock
from feeds.live.minutes import SymbolMinutes, is_plausible
from market.domain.candle import Candle
from market.domain.delays import Delays
from market.domain.frame import COLUMNS, CandleFrame
from market.domain.source import Source
from market.domain.window import MINUTE_MS, SECOND_MS, TimeWindow

logger = logging.getLogger(__name__)

_LOGGED_REFUSALS: Final = 20


class Book:
    """Symbol -> its minutes. Readers' messages and REST's answers go in, news comes out."""

    def __init__(self, clock: ExchangeClock) -> None:
        """To be set: `on_news` gets every candle that says something new, in order per symbol; `on_closed` gets each
        closed minute, once, before it is news."""
        self._clock = clock
        self.on_news: Callable[[Candle], None] = lambda _: None
        self.on_closed: Callable[[Closed], None] = lambda _: None
        self._symbols: dict[str, SymbolMinutes] = {}
        self._names: dict[int, str] = {}
        self.refused = 0
        # How old the newest frame of each reading was, by its own time stamp.
        self.delays = Delays()

    def __contains__(self, name: object) -> bool:
        return name in self._symbols

    def __iter__(self) -> Iterator[SymbolMinutes]:
        return iter(list(self._symbols.values()))

    def __len__(self) -> int:
        return len(self._symbols)

    def get(self, name: str) -> SymbolMinutes | None:
        return self._symbols.get(name)

    def names(self) -> Iterable[str]:
        return self._symbols.keys()

    def add(self, minutes: SymbolMinutes) -> None:
        self._symbols[minutes.name] = minutes
        self._names[minutes.id] = minutes.name

    def remove(self, name: str) -> None:
        minutes = self._symbols.pop(name, None)
        if minutes is not None:
            self._names.pop(minutes.id, None)

    def tail_of(self, name: str) -> Sequence[Candle]:
        minutes = self._symbols.get(name)
        return minutes.tail() if minutes else ()

    def read(self, messages: Iterable[bytes]) -> None:
        """Messages of the stream, in the order in which they came."""
        now = self._clock.now()
        newest_ms = 0
        for message in messages:
            try:
                event = kline_event(message)
            except ExchangeError as error:
                self._refuse(str(error))
                continue
            if event is None:
                continue
            candle, event_ms = event
            newest_ms = max(newest_ms, event_ms)
            if event_ms > now or not self._clock.is_known:
                self._clock.hear(event_ms)
                now = self._clock.now()
            if not is_plausible(candle, event_ms, now):
                self._refuse(f"{candle.symbol}: a frame of {candle.time} at {event_ms}, while it is {now}")
                continue
            self._take(candle, Source.LIVE)
        if newest_ms:
            self.delays.add((now - newest_ms) / SECOND_MS)

    def answer(self, name: str, frame: CandleFrame) -> int:
        """Closed minutes that REST brought; how many of them were missing."""
        minutes = self._symbols.get(name)
        return 0 if minutes is None else sum(self._take(candle, Source.REST) for candle in _candles(name, frame))

    def committed(self, batch: Sequence[Closed]) -> None:
        """These are in the database now."""
        for entry in batch:
            minutes = self._symbols.get(entry.candle.symbol)
            if minutes is not None:
                minutes.committed(entry.candle.time)

    def reopen(self, lost: Mapping[int, TimeWindow]) -> None:
        """Minutes that were final, by symbol id, and were lost before they were stored."""
        for symbol_id, window in lost.items():
            minutes = self._symbols.get(self._names.get(symbol_id, ""))
            if minutes is not None:
                for time in range(window.start, window.end, MINUTE_MS):
                    minutes.reopen(time)

    def _take(self, candle: Candle, source: Source) -> bool:
        minutes = self._symbols.get(candle.symbol)
        if minutes is None:
            return False
        if candle.is_closed:
            if not minutes.take_closed(candle):
                return False
            self.on_closed(Closed(minutes.id, candle, source))
        elif not minutes.take_forming(candle):
            return False
        self.on_news(candle)
        return True

    def _refuse(self, reason: str) -> None:
        self.refused += 1
        if self.refused <= _LOGGED_REFUSALS or self.refused % 1_000 == 0:
            logger.warning("refused the %d. message of the stream: %s", self.refused, reason)


def _candles(symbol: str, frame: CandleFrame) -> Iterator[Candle]:
    make: Callable[..., Candle] = Candle
    for values in zip(*(getattr(frame, column).tolist() for column in COLUMNS), strict=True):
        yield make(symbol, *values, is_closed=True)
