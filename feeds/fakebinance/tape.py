"""One symbol's tape: which frames a stream has to send as the clock goes on."""

from __future__ import annotations

import zlib
from typing import Final, NamedTuple

from feeds.fakebinance.bars import MINUTE_MS
from feeds.fakebinance.forming import Minute, after, first_trade_ms, minutes_of, trades_by
from feeds.fakebinance.market import Market

# A closing frame comes with the first trades of the next minute, but for a random part never before this ...
EARLIEST_CLOSE_MS: Final = 200
_CLOSE_SPREAD_MS: Final = 500
# ... and by a timer where there are none. Looked at every 250 ms, that is 2 s at the latest.
LATEST_CLOSE_MS: Final = 1_750
# Longer holes are not the clock's pace but somebody who set it: nothing is sent for them.
LONGEST_CATCH_UP_MS: Final = 60 * MINUTE_MS
_BLOCK_MINUTES: Final = 60


class Shot(NamedTuple):
    """What one frame shows."""

    bar: Minute
    is_closed: bool


class MinuteReader:
    """A symbol's minutes one by one, generated an hour at a time."""

    def __init__(self, market: Market, symbol: str) -> None:
        self._market = market
        self._symbol = symbol
        # Each symbol has its own edges, so that hundreds of them do not meet theirs in the same quarter of a second.
        self._offset = zlib.crc32(symbol.encode()) % _BLOCK_MINUTES * MINUTE_MS
        self._block = range(0)
        self._minutes: dict[int, Minute] = {}

    def read(self, opened: int) -> Minute | None:
        """The minute that opens then; None where the symbol has none (before its listing, once it has settled)."""
        if opened not in self._block:
            length = _BLOCK_MINUTES * MINUTE_MS
            start = (opened - self._offset) // length * length + self._offset
            self._block = range(start, start + length)
            self._minutes = {
                minute.time: minute for minute in minutes_of(self._market.minutes(self._symbol, start, start + length))
            }
        minute = self._minutes.get(opened)
        # A symbol may settle after the block was made.
        if minute is None or opened >= self._market.life(self._symbol).end:
            return None
        return minute


class Tape:
    """Follows one symbol: call `step` every 250 ms of the clock or less often, and send what it gives.

    - A forming frame only after a new trade, at most one a step; so none for an idle symbol and none when a minute
      opens. Values are cumulative and exact: see `forming.after`.
    - Each minute that had a trade ends with one closed frame, which equals the truth. It comes 0.2 to 2 s late, and
      the next minute's frames follow it, so they begin that much later, with all trades since.
    - A minute without a trade gives no frame, or a closed one with zeros if `closes_idle` is set.
    - Steps too far apart thin the forming frames out but skip no closed one, unless they are an hour apart.
    """

    def __init__(self, reader: MinuteReader, symbol: str, *, since: int, closes_idle: bool = False) -> None:
        """Begins at the instant `since`: trades before it are in the values but give no frame of their own."""
        self._reader = reader
        self._symbol = symbol
        self._closes_idle = closes_idle
        self._final: Minute | None = None
        self._opened = self._due = self._done = 0
        self._begin(since)

    def step(self, now: int, *, may_form: bool = True) -> list[Shot]:
        """What is to be sent at the instant: all closed frames that are due, or else one forming frame at most.

        Without `may_form` the forming frame is left to a later step, which shows all trades since.
        """
        if now < self._opened or now - self._due > LONGEST_CATCH_UP_MS:
            self._begin(now)
            return []
        shots = []
        while now >= self._due:
            final = self._final
            if final is not None and (final.trade_count or self._closes_idle):
                shots.append(Shot(final, True))
            self._enter(self._opened + MINUTE_MS)
        final = self._final
        if shots or final is None or not may_form or not self._opened <= now < self._opened + MINUTE_MS:
            return shots
        done = trades_by(final.trade_count, now - self._opened)
        if done > self._done:
            self._done = done
            shots.append(Shot(after(final, done), False))
        return shots

    def _begin(self, now: int) -> None:
        opened = now // MINUTE_MS * MINUTE_MS
        self._enter(opened - MINUTE_MS)
        if now >= self._due:
            self._enter(opened)
            if self._final is not None:
                self._done = trades_by(self._final.trade_count, now - opened)

    def _enter(self, opened: int) -> None:
        self._opened, self._done = opened, 0
        self._final = self._reader.read(opened)
        self._due = opened + MINUTE_MS
        if self._final is not None:
            self._due += self._lateness(opened)

    def _lateness(self, opened: int) -> int:
        """How long after its end a minute's closing frame comes."""
        following = self._reader.read(opened + MINUTE_MS)
        if following is None or following.trade_count == 0:
            return LATEST_CLOSE_MS
        spread = zlib.crc32(f"{self._symbol}{opened}".encode()) % _CLOSE_SPREAD_MS
        first = first_trade_ms(following.trade_count)
        return max(EARLIEST_CLOSE_MS + spread, min(first, LATEST_CLOSE_MS))
