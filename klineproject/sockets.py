"""What the web server puts up with from a WebSocket, beside what it does anyway.

The server's own protocol leaves a handshake open for ever that it cannot read, fails on frames that come before the
handshake is answered, writes a traceback for text that is not UTF-8, closes on what it has not read (so that the reset
overtakes the reason), and waits for ever for a client that does not take the end. Whoever sends very many tiny frames
keeps it, and with it everybody else, busy. Here each of these ends in good time, with an answer or a code:

    1002  what is no frame          1008  too many frames
    1007  text that is no UTF-8     1009  a message that is longer than any may be
    1011  a client that does not answer pings
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode

from klineproject.connections import plain_answer

# Frames of every kind that a client may send at once, and how many more in each second after that. One that subscribes
# to all symbols one by one and asks for a pong each time stays below it.
FRAMES_AT_ONCE: Final = 2_000
FRAMES_PER_SECOND: Final = 100
# So many bytes are taken apart before it is looked at how many frames they were: six bytes may be one.
_PART_BYTES: Final = 4 << 10
# What a client still sends is read for so long (seconds) after the reason for the end.
_LINGER: Final = 1.0
# A client that has not taken the end so long (seconds) after it is cut off.
_FAREWELL: Final = 15.0

_UNREADABLE: Final = plain_answer(HTTPStatus.BAD_REQUEST, "The handshake cannot be read.")
_TOO_EARLY: Final = plain_answer(HTTPStatus.BAD_REQUEST, "What came before the handshake was answered is no WebSocket.")


class SocketConnection(WebSocketsSansIOProtocol):
    """One connection, from the handshake to its end."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._frames_left = float(FRAMES_AT_ONCE)
        self._counted_at = self.loop.time()
        self._has_failed = False
        self._cut: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._cut is not None:
            self._cut.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self.handshake_initiated:
            # The whole head: it was read as HTTP before.
            super().data_received(data)
            if not self.handshake_initiated:
                self._refuse()
            return
        for start in range(0, len(data), _PART_BYTES):
            if self._has_failed:
                return
            super().data_received(data[start : start + _PART_BYTES])

    def handle_events(self) -> None:
        if self._is_over_budget(len(self.conn.events)):
            self._fail(CloseCode.POLICY_VIOLATION, f"more than {FRAMES_PER_SECOND} frames a second")
        else:
            super().handle_events()

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError as error:
                self.frames = []
                self._fail(CloseCode.INVALID_DATA, f"{error.reason} at position {error.start}")
                return
        super().send_receive_event_to_app()

    def handle_ping(self) -> None:
        # One of the frames that came with those that have ended it: nothing may be written any more.
        if not self._has_failed:
            super().handle_ping()

    def handle_parser_exception(self) -> None:
        """The protocol has found that what came is none of its own, and has said so if it could."""
        closed = self.conn.close_sent
        if closed is None:
            self._end(_TOO_EARLY, CloseCode.ABNORMAL_CLOSURE, "")
        else:
            self._end(b"".join(self.conn.data_to_send()), closed.code, closed.reason)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        if self.close_sent:
            self._is_over(CloseCode.INTERNAL_ERROR, "keepalive ping timeout")

    async def run_asgi(self) -> None:
        application = self.app

        async def answering(*arguments: Any) -> None:
            await application(*arguments)
            # A handshake that was refused has been answered, too.
            self.handshake_complete = self.handshake_complete or self.close_sent

        self.app = answering
        await super().run_asgi()
        if self in self.connections:
            self._cut = self.loop.call_later(_FAREWELL, self.transport.abort)

    def _is_over_budget(self, frames: int) -> bool:
        now = self.loop.time()
        earned = (now - self._counted_at) * FRAMES_PER_SECOND
        self._frames_left, self._counted_at = min(FRAMES_AT_ONCE, self._frames_left + earned) - frames, now
        return self._frames_left < 0

    def _refuse(self) -> None:
        """Answer a handshake that cannot be read, as the protocol has it if it knows why."""
        self.handshake_complete = self.close_sent = True
        self.transport.write(b"".join(self.conn.data_to_send()) or _UNREADABLE)
        self.transport.close()

    def _fail(self, code: CloseCode, reason: str) -> None:
        self.conn.fail(code, reason)
        self.handle_parser_exception()

    def _end(self, last_words: bytes, code: int, reason: str) -> None:
        """Say why, and read on for a moment: closing on what has not been read would reset the connection, and the
        client might never learn it."""
        if self._has_failed:
            return
        self._has_failed = True
        self.handshake_complete = self.close_sent = True
        self._is_over(code, reason)
        self.transport.write(last_words)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(_LINGER, self.transport.close)

    def _is_over(self, code: int, reason: str) -> None:
        """Let the application know: what it is about to send finds nobody, and there is nothing more to hear."""
        self.disconnected = True
        self.writable.set()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": int(code), "reason": reason})
