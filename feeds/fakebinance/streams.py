"""The WebSocket host: takes connections, follows the tapes of the symbols they ask for, and sends the frames."""

from __future__ import annotations

import asyncio
import logging
import time
import zlib
from collections import deque
from dataclasses import dataclass
from typing import Final

from aiohttp import WSMsgType, web

from feeds.fakebinance import frames
from feeds.fakebinance.clock import Clock
from feeds.fakebinance.connection_log import ConnectionLog
from feeds.fakebinance.connections import ABNORMAL, Connection, MessageRate
from feeds.fakebinance.frames import Printer, stream_of
from feeds.fakebinance.market import Market
from feeds.fakebinance.subscriptions import MOST_STREAMS, Subscriptions, answer
from feeds.fakebinance.tape import MinuteReader, Shot, Tape

_log = logging.getLogger(__name__)

TICK_MS: Final = 250
# Symbols are spread over the tick, as trades are: a wave of all at once would be a burst that no market sends.
_SLOTS: Final = 10
_SLOT_MS: Final = TICK_MS // _SLOTS
# The ticker looks at the clock this often, in real time; a faster clock has several slots pass in between.
_LONGEST_NAP_S: Final = 0.025
_SHORTEST_NAP_S: Final = 0.010
# A tape's first hour takes about 1 ms to generate: a client that asks for hundreds must not stop the others.
_NEW_TAPES_PER_WAKE: Final = 20
PING_MS: Final = 180_000
PONG_WITHIN_MS: Final = 600_000
_BURST_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """What a connection may do. Times in ms are the exchange's, `messages_per_second` counts real seconds.

    A client that leaves `send_queue_bytes` unread is cut. `frames_per_second` bounds the forming frames made (not
    their copies to several connections) per real second; what is over it waits for the symbol's next turn.
    """

    messages_per_second: int = 10
    lifetime_ms: int = 86_400_000
    send_queue_bytes: int = 4 << 20
    frames_per_second: float | None = None


class StreamHost:
    """All connections and tapes. `serve` and `run` belong to one event loop."""

    def __init__(
        self, market: Market, clock: Clock, log: ConnectionLog, limits: StreamLimits, *, closes_idle: bool
    ) -> None:
        self._market = market
        self._clock = clock
        self._log = log
        self._limits = limits
        self._closes_idle = closes_idle
        self._symbols = {stream_of(symbol): symbol for symbol in market.listings}
        self._connections: dict[int, Connection] = {}
        self._receivers: dict[str, dict[int, Connection]] = {}
        self._new: dict[str, int] = {}
        self._tapes: dict[str, tuple[Tape, Printer]] = {}
        self._slots: list[deque[str]] = [deque() for _ in range(_SLOTS)]
        self._slot = 0
        self._allowance = 0.0
        self._allowed_at = time.monotonic()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Shake hands and stay until the connection ends."""
        socket = web.WebSocketResponse(autoping=False, autoclose=False, compress=False, max_msg_size=1 << 20)
        await socket.prepare(request)
        connection = self._open(request)
        try:
            await self._receive(socket, connection)
        except ConnectionError:
            pass  # The client has gone without a word; `finally` writes it down.
        finally:
            self._drop(connection)
            connection.record.ended(ABNORMAL, "the connection was lost", by_exchange=False)
        return socket

    async def run(self) -> None:
        """Send what is due, again and again, until cancelled; then every connection ends with 1001."""
        try:
            while True:
                await asyncio.sleep(min(_LONGEST_NAP_S, max(_SHORTEST_NAP_S, self._clock.real_seconds(_SLOT_MS))))
                self._wake()
        finally:
            for connection in list(self._connections.values()):
                connection.close(1001, "going away", self._limits.send_queue_bytes)
                connection.hang_up()

    def _open(self, request: web.Request) -> Connection:
        record = self._log.open(request.path, request.query_string, request.remote or "127.0.0.1")
        kind, names = _asked_in_url(request)
        connection = Connection(
            record,
            request,
            # Unrouted paths and those of other events accept everything and send nothing.
            is_routed=request.path.startswith("/market/"),
            subscriptions=Subscriptions(combined=kind == "stream"),
        )
        connection.next_ping_ms = record.opened_ms + PING_MS
        connection.ends_ms = record.opened_ms + self._limits.lifetime_ms
        self._connections[connection.id] = connection
        if len(names) > MOST_STREAMS:
            connection.close(1008, "Invalid request", self._limits.send_queue_bytes)
        elif names:
            connection.subscriptions.names.update(dict.fromkeys(names))
            self._subscribed(connection, "SUBSCRIBE", names)
        return connection

    async def _receive(self, socket: web.WebSocketResponse, connection: Connection) -> None:
        rate = MessageRate(self._limits.messages_per_second)
        while True:
            message = await socket.receive()
            if message.type is WSMsgType.CLOSE:
                connection.record.ended(message.data or 1005, str(message.extra or ""), by_exchange=False)
                if connection.closing_since is None:
                    connection.send(frames.closing(message.data or 1000, ""))
                    connection.flush(self._limits.send_queue_bytes)
                connection.hang_up()
                return
            if message.type not in {WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG}:
                return
            connection.record.received += 1
            if not connection.is_open:
                continue  # Closing: what comes is read, so that the close frame is not lost, and ignored.
            if rate.is_exceeded():
                connection.close(1008, "Too many requests", self._limits.send_queue_bytes)
                continue
            match message.type:
                case WSMsgType.PING:
                    connection.send(frames.framed(message.data, frames.PONG))
                case WSMsgType.PONG:
                    connection.record.pongs += 1
                    connection.pinged_ms = None
                case _:
                    self._ask(connection, message.data)
            connection.flush(self._limits.send_queue_bytes)

    def _ask(self, connection: Connection, message: bytes | str) -> None:
        reply = answer(connection.subscriptions, message)
        if reply.text is not None:
            connection.send(frames.framed(reply.text))
        if reply.close is not None:
            connection.close(*reply.close, self._limits.send_queue_bytes)
        elif reply.method:
            self._subscribed(connection, reply.method, reply.names)

    def _subscribed(self, connection: Connection, method: str, names: tuple[str, ...]) -> None:
        """Note a request, and route or stop the streams that it names."""
        connection.record.note(method, names, tuple(connection.subscriptions.names))
        if not connection.is_routed:
            return
        for name in names:
            symbol = self._symbols.get(name)
            if symbol is None:
                continue  # Acknowledged, and silent for ever: upper case, another interval, no such symbol.
            if name in connection.subscriptions.names:
                self._receivers.setdefault(symbol, {})[connection.id] = connection
                if symbol not in self._tapes:
                    self._new.setdefault(symbol, self._clock.now())
            else:
                self._leave(connection, symbol)

    def _leave(self, connection: Connection, symbol: str) -> None:
        receivers = self._receivers.get(symbol, {})
        receivers.pop(connection.id, None)
        if not receivers and self._receivers.pop(symbol, None) is not None:
            self._new.pop(symbol, None)
            if self._tapes.pop(symbol, None) is not None:
                self._slots[_slot_of(symbol)].remove(symbol)

    def _drop(self, connection: Connection) -> None:
        self._connections.pop(connection.id, None)
        for name in connection.subscriptions.names:
            if (symbol := self._symbols.get(name)) is not None:
                self._leave(connection, symbol)

    def _wake(self) -> None:
        """Everything that the time since the last call has made due."""
        now = self._clock.now()
        self._follow_new()
        newest = now // _SLOT_MS
        # At most one turn each, however long ago the last one was; the clock may also have been set back.
        passed = min(_SLOTS, newest - self._slot) if newest >= self._slot else _SLOTS
        self._slot = newest
        for number in range(newest - passed + 1, newest + 1):
            self._turn(self._slots[number % _SLOTS], now)
        for connection in list(self._connections.values()):
            self._attend(connection, now)

    def _follow_new(self) -> None:
        for symbol in list(self._new)[:_NEW_TAPES_PER_WAKE]:
            since = self._new.pop(symbol)
            tape = Tape(MinuteReader(self._market, symbol), symbol, since=since, closes_idle=self._closes_idle)
            self._tapes[symbol] = tape, Printer(symbol, self._market.listings[symbol].scale)
            self._slots[_slot_of(symbol)].append(symbol)

    def _turn(self, symbols: deque[str], now: int) -> None:
        """One step of each symbol of a slot; those that the allowance does not reach are first next time."""
        self._earn()
        skipped = 0
        for position, symbol in enumerate(symbols):
            tape, printer = self._tapes[symbol]
            may_form = self._allowance >= 1.0
            if not may_form and not skipped:
                skipped = position
            for shot in tape.step(now, may_form=may_form):
                if not shot.is_closed and self._limits.frames_per_second is not None:
                    self._allowance -= 1.0
                self._publish(symbol, printer, shot, now)
        symbols.rotate(-skipped)

    def _earn(self) -> None:
        """Refill the allowance of forming frames by the real time that has passed."""
        rate = self._limits.frames_per_second
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
        for connection in self._receivers[symbol].values():
            if connection.subscriptions.combined:
                frame = combined = combined or frames.framed(printer.wrapped(event))
            else:
                frame = raw = raw or frames.framed(event)
            connection.send(frame)
            connection.record.frames += 1
            connection.record.finals += shot.is_closed
        if shot.is_closed:
            self._log.note_final(symbol, shot.bar.time)

    def _attend(self, connection: Connection, now: int) -> None:
        """Write a connection's batch, ping it, and end it if its time has come."""
        limit = self._limits.send_queue_bytes
        if connection.is_overdue():
            connection.hang_up()
            return
        if not connection.is_open:
            return
        if now >= connection.ends_ms:
            connection.close(1001, "lifetime is over", limit)
            return
        if connection.pinged_ms is not None and now - connection.pinged_ms > PONG_WITHIN_MS:
            connection.abort("no pong")
            return
        if now >= connection.next_ping_ms:
            connection.send(frames.framed(str(now).encode(), frames.PING))
            connection.next_ping_ms = now + PING_MS
            if connection.pinged_ms is None:
                connection.pinged_ms = now
        if not connection.flush(limit):
            connection.abort("reads too slowly")


def _slot_of(symbol: str) -> int:
    return zlib.crc32(symbol.encode()) % _SLOTS


def _asked_in_url(request: web.Request) -> tuple[str, tuple[str, ...]]:
    """`stream` or `ws`, and the names: /stream?streams=a/b, /ws/a/b, each behind a route or not."""
    parts = [part for part in request.path.split("/") if part]
    if parts[0] in {"market", "public", "private"}:
        parts = parts[1:]
    names = request.query.get("streams", "").split("/") if parts[0] == "stream" else parts[1:]
    return parts[0], tuple(name for name in names if name)
