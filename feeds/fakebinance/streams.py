"""The WebSocket host: takes connections, carries out what they ask for, and ends them when the rules say so."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final

from aiohttp import WSMsgType, web

from feeds.fakebinance import frames
from feeds.fakebinance.clock import Clock
from feeds.fakebinance.connection_log import ConnectionLog, ConnectionRecord
from feeds.fakebinance.connections import ABNORMAL, Connection, MessageRate
from feeds.fakebinance.faults import FaultBook
from feeds.fakebinance.feed import SLOT_MS, Feed
from feeds.fakebinance.frames import stream_of
from feeds.fakebinance.market import Market
from feeds.fakebinance.stream_faults import SHUTDOWN_MS, StreamFaults, garbage
from feeds.fakebinance.subscriptions import MOST_STREAMS, Subscriptions, answer

# The ticker looks at the clock this often, in real time; a faster clock has several slots pass in between.
_LONGEST_NAP_S: Final = 0.025
_SHORTEST_NAP_S: Final = 0.010
PING_MS: Final = 180_000
PONG_WITHIN_MS: Final = 600_000


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
    """All connections. `serve` and `run` belong to one event loop; `disconnect` may come from any thread."""

    def __init__(
        self,
        market: Market,
        clock: Clock,
        book: FaultBook,
        log: ConnectionLog,
        limits: StreamLimits,
        *,
        closes_idle: bool,
    ) -> None:
        self._clock = clock
        self._log = log
        self._limits = limits
        self._faults = StreamFaults(book)
        self._symbols = {stream_of(symbol): symbol for symbol in market.listings}
        self._feed = Feed(
            market,
            log,
            self._faults,
            frames_per_second=limits.frames_per_second,
            closes_idle=closes_idle,
        )
        self._connections: dict[int, Connection] = {}
        self._cuts: deque[tuple[int | None, int | None]] = deque()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Shake hands and stay until the connection ends."""
        # Noted before the client can know that it is connected, so that nobody who sees the connection finds the
        # log without it, or turns the clock before the connection's own times are set.
        record = self._log.open(request.path, request.query_string, request.remote or "127.0.0.1")
        socket = web.WebSocketResponse(autoping=False, autoclose=False, compress=False, max_msg_size=1 << 20)
        connection: Connection | None = None
        try:
            try:
                await socket.prepare(request)
            except ConnectionError:
                # Gone during the handshake. aiohttp would end the half-made socket as if it were whole, and fail.
                return web.Response()
            connection = self._open(request, record)
            await self._receive(socket, connection)
        except ConnectionError:
            pass  # The client has gone without a word; `finally` writes it down.
        finally:
            if connection is not None:
                self._drop(connection)
            record.ended(ABNORMAL, "the connection was lost", by_exchange=False)
        return socket

    async def run(self) -> None:
        """Send what is due, again and again, until cancelled; then every connection ends with 1001."""
        try:
            while True:
                await asyncio.sleep(min(_LONGEST_NAP_S, max(_SHORTEST_NAP_S, self._clock.real_seconds(SLOT_MS))))
                self._wake()
        finally:
            for connection in list(self._connections.values()):
                connection.close(1001, "going away", self._limits.send_queue_bytes)
                connection.hang_up()

    def disconnect(self, connection: int | None = None, code: int | None = None) -> None:
        """End a connection, or all, at the next wake: with a close code, or by a reset without one."""
        self._cuts.append((connection, code))

    def _open(self, request: web.Request, record: ConnectionRecord) -> Connection:
        kind, names = _asked_in_url(request)
        connection = Connection(
            record,
            request,
            # Unrouted paths and those of other events accept everything and send nothing.
            is_routed=request.path.startswith("/market/"),
            subscriptions=Subscriptions(combined=kind == "stream"),
        )
        connection.next_ping_ms = record.opened_ms + PING_MS
        connection.doom(record.opened_ms + self._limits.lifetime_ms, 1001, "lifetime is over")
        self._connections[connection.id] = connection
        if len(names) > MOST_STREAMS:
            connection.close(1008, "Invalid request", self._limits.send_queue_bytes)
        elif names:
            connection.subscriptions.names.update(dict.fromkeys(names))
            self._subscribed(connection, "SUBSCRIBE", names, since=record.opened_ms)
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
            if connection.is_dead:
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
            self._subscribed(connection, reply.method, reply.names, since=self._clock.now())

    def _subscribed(self, connection: Connection, method: str, names: tuple[str, ...], *, since: int) -> None:
        """Note a request, and route or stop the streams that it names."""
        connection.record.note(method, names, tuple(connection.subscriptions.names))
        if not connection.is_routed:
            return
        for name in names:
            symbol = self._symbols.get(name)
            if symbol is None:
                continue  # Acknowledged, and silent for ever: upper case, another interval, no such symbol.
            if name in connection.subscriptions.names:
                self._feed.join(connection, symbol, since=since)
            else:
                self._feed.leave(connection, symbol)

    def _drop(self, connection: Connection) -> None:
        self._connections.pop(connection.id, None)
        for name in connection.subscriptions.names:
            if (symbol := self._symbols.get(name)) is not None:
                self._feed.leave(connection, symbol)

    def _wake(self) -> None:
        """Everything that the time since the last call has made due."""
        now = self._clock.now()
        while self._cuts:
            number, code = self._cuts.popleft()
            for connection in list(self._connections.values()):
                if number in {None, connection.id}:
                    self._end(connection, code, "cut by hand")
        if self._faults.are_none:
            for connection in self._connections.values():
                connection.silence = None
        else:
            for connection in list(self._connections.values()):
                self._harm(connection, now)
        self._feed.advance(now)
        for connection in list(self._connections.values()):
            self._attend(connection, now)

    def _harm(self, connection: Connection, now: int) -> None:
        """Let the faults of a whole connection act, each once."""
        faults = self._faults.of_connection(connection.id, connection.path)
        connection.silence = next((fault for fault in faults if fault.name == "silence"), None)
        for fault in faults:
            if fault.name == "silence" or not connection.is_open or not connection.is_hit_first(fault.id):
                continue
            match fault.name:
                case "garbage":
                    for frame in garbage(fault.params):
                        connection.send(frame)
                case "server_shutdown":
                    event = f'{{"e":"serverShutdown","E":{now}}}'
                    connection.send(frames.framed(event.encode()))
                    connection.doom(now + fault.params.get("after_ms", SHUTDOWN_MS), 1001, "server shutdown")
                case "close":
                    code, reason = fault.params.get("code", 1001), fault.params.get("reason", "")
                    connection.doom(now + fault.params.get("after_ms", 0), code, reason)
                case "abort":
                    connection.doom(now + fault.params.get("after_ms", 0), None, "reset by a fault")
                case _:
                    pass

    def _end(self, connection: Connection, code: int | None, reason: str) -> None:
        """Close with a code, or reset without one."""
        if code is None:
            connection.abort(reason)
        else:
            connection.close(code, reason, self._limits.send_queue_bytes)

    def _attend(self, connection: Connection, now: int) -> None:
        """Write a connection's batch, ping it, and end it if its time has come."""
        if connection.is_overdue():
            connection.hang_up()
        if not connection.is_open:
            return
        if connection.doomed is not None and now >= connection.doomed.at_ms:
            self._end(connection, connection.doomed.code, connection.doomed.reason)
        elif connection.pinged_ms is not None and now - connection.pinged_ms > PONG_WITHIN_MS:
            connection.abort("no pong")
        else:
            if now >= connection.next_ping_ms and not connection.is_silent:
                connection.ping(now)
                connection.next_ping_ms = now + PING_MS
            if not connection.flush(self._limits.send_queue_bytes):
                connection.abort("reads too slowly")


def _asked_in_url(request: web.Request) -> tuple[str, tuple[str, ...]]:
    """`stream` or `ws`, and the names: /stream?streams=a/b, /ws/a/b, each behind a route or not."""
    parts = [part for part in request.path.split("/") if part]
    if parts[0] in {"market", "public", "private"}:
        parts = parts[1:]
    names = request.query.get("streams", "").split("/") if parts[0] == "stream" else parts[1:]
    return parts[0], tuple(name for name in names if name)
