"""The market streams: which symbols are followed, and what is handed to which connection when."""

from __future__ import annotations

import time
import zlib
from collections import deque
from functools import partial
from typing import Final

from feeds.fakebinance import frames
from feeds.fakebinance.bars import MINUTE_MS
from feeds.fakebinance.connection_log import ConnectionLog
from feeds.fakebinance.connections import Connection
from feeds.fakebinance.forming import after
from feeds.fakebinance.frames import Printer
from feeds.fakebinance.market import Market
from feeds.fakebinance.stream_faults import Later, StreamFaults
from feeds.fakebinance.tape import MinuteReader, Shot, Tape

TICK_MS: Final = 250
# Symbols are spread over the tick, as trades are: a wave of all at once would be a burst that no market sends.
_SLOTS: Final = 10
SLOT_MS: Final = TICK_MS // _SLOTS
# A tape's first hour takes about 1 ms to generate: a client that asks for hundreds must not stop the others.
_NEW_TAPES_PER_WAKE: Final = 20
_BURST_S: Final = 0.25


class Feed:
    """Steps the tapes of all symbols that somebody receives, each once every 250 ms of the clock, and puts each
    frame, printed once, into the batches of its receivers. Belongs to one thread."""

    def __init__(
        self,
        market: Market,
        log: ConnectionLog,
        faults: StreamFaults,
        *,
        frames_per_second: float | None,
        closes_idle: bool,
    ) -> None:
        self._market = market
        self._log = log
        self._faults = faults
        self._frames_per_second = frames_per_second
        self._closes_idle = closes_idle
        self._receivers: dict[str, dict[int, Connection]] = {}
        self._new: dict[str, int] = {}
        self._tapes: dict[str, tuple[Tape, Printer]] = {}
        self._slots: list[deque[str]] = [deque() for _ in range(_SLOTS)]
        self._slot = 0
        self._later = Later()
        self._allowance = 0.0
        self._allowed_at = time.monotonic()

    def join(self, connection: Connection, symbol: str, *, since: int) -> None:
        """The connection receives the symbol's frames; a tape that is new begins at the instant `since`."""
        self._receivers.setdefault(symbol, {})[connection.id] = connection
        if symbol not in self._tapes:
            self._new.setdefault(symbol, since)

    def leave(self, connection: Connection, symbol: str) -> None:
        """The connection does not receive the symbol any more; a tape that nobody receives is forgotten."""
        receivers = self._receivers.get(symbol, {})
        receivers.pop(connection.id, None)
        if not receivers and self._receivers.pop(symbol, None) is not None:
            self._new.pop(symbol, None)
            if self._tapes.pop(symbol, None) is not None:
                self._slots[_slot_of(symbol)].remove(symbol)

    def advance(self, now: int) -> None:
        """Everything that the time since the last call has made due."""
        self._follow_new()
        newest = now // SLOT_MS
        # At most one turn each, however long ago the last one was; the clock may also have been set back.
        passed = min(_SLOTS, newest - self._slot) if newest >= self._slot else _SLOTS
        self._slot = newest
        self._earn()
        for number in range(newest - passed + 1, newest + 1):
            self._turn(self._slots[number % _SLOTS], now)
        self._later.run(now)

    def _follow_new(self) -> None:
        for symbol in list(self._new)[:_NEW_TAPES_PER_WAKE]:
            since = self._new.pop(symbol)
            tape = Tape(MinuteReader(self._market, symbol), symbol, since=since, closes_idle=self._closes_idle)
            self._tapes[symbol] = tape, Printer(symbol, self._market.listings[symbol].scale)
            self._slots[_slot_of(symbol)].append(symbol)

    def _turn(self, symbols: deque[str], now: int) -> None:
        """One step of each symbol of a slot; those that the allowance does not reach are first next time."""
        unreached = 0
        for position, symbol in enumerate(symbols):
            tape, printer = self._tapes[symbol]
            may_form = self._allowance >= 1.0
            if not (may_form or unreached):
                unreached = position
            for shot in tape.step(now, may_form=may_form):
                if not shot.is_closed and self._frames_per_second is not None:
                    self._allowance -= 1.0
                self._publish(symbol, printer, shot, now)
        symbols.rotate(-unreached)

    def _earn(self) -> None:
        """Refill the allowance of forming frames by the real time that has passed."""
        rate = self._frames_per_second
        if rate is None:
            self._allowance = 1.0
            return
        now = time.monotonic()
        self._allowance = min(max(1.0, rate * _BURST_S), self._allowance + rate * (now - self._allowed_at))
        self._allowed_at = now

    def _publish(self, symbol: str, printer: Printer, shot: Shot, now: int) -> None:
        """Print a frame once, in each of the forms that are needed, and hand it to all who asked for it."""
        event = printer.event(shot, now)
        raw = combined = b""
        has_faults = not self._faults.are_none
        for connection in self._receivers[symbol].values():
            if has_faults and self._is_handled(connection, symbol, printer, shot, now):
                continue
            if connection.subscriptions.combined:
                frame = combined = combined or frames.framed(printer.wrapped(event))
            else:
                frame = raw = raw or frames.framed(event)
            self._hand(connection, symbol, shot, frame)

    def _hand(self, connection: Connection, symbol: str, shot: Shot, frame: bytes) -> None:
        if connection.is_silent or not connection.is_open:
            return
        connection.send(frame)
        connection.record.frames += 1
        if shot.is_closed:
            connection.record.finals += 1
            self._log.note_final(symbol, shot.bar.time)

    def _is_handled(self, connection: Connection, symbol: str, printer: Printer, shot: Shot, now: int) -> bool:
        """Whether faults keep the frame from going out now; what they send instead is sent or scheduled here."""
        if self._faults.is_mute(connection.id, connection.path, symbol):
            return True
        if not shot.is_closed:
            return False
        plan = self._faults.of_final(connection.id, connection.path, symbol, shot.bar.time)
        if plan.late is None:
            sent_ms = now
        else:
            sent_ms = now + plan.late
            for due in (sent_ms, *(sent_ms + after_ms for after_ms in plan.repeats)):
                self._later.at(due, partial(self._send_one, connection, symbol, printer, shot, due))
        # An old state of the minute, with the time that it was true at.
        seen = Shot(after(shot.bar, max(1, shot.bar.trade_count - 1)), False)
        stale_ms = shot.bar.time + MINUTE_MS - TICK_MS
        for after_ms in plan.partials:
            due = sent_ms + after_ms
            self._later.at(due, partial(self._send_one, connection, symbol, printer, seen, stale_ms))
        return True

    def _send_one(self, connection: Connection, symbol: str, printer: Printer, shot: Shot, event_ms: int) -> None:
        """Send a frame to one connection, if it still wants the symbol."""
        if connection.id not in self._receivers.get(symbol, {}):
            return
        event = printer.event(shot, event_ms)
        text = printer.wrapped(event) if connection.subscriptions.combined else event
        self._hand(connection, symbol, shot, frames.framed(text))


def _slot_of(symbol: str) -> int:
    return zlib.crc32(symbol.encode()) % _SLOTS
