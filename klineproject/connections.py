"""What the web server puts up with from a connection, beside what it does anyway.

The server's parser waits for ever for the end of a request's head and keeps whatever comes until then; and it keeps an
answer for ever that a client does not take. Here a head has a length and a time, and whoever takes nothing is left.
A body's length and time are the application's affair.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# The request line and all headers. Browsers send a few kilobytes, most of it cookies.
MAX_HEAD_BYTES: Final = 64 << 10
# From the first byte of a head, or from the beginning of the connection, to its end.
HEAD_SECONDS: Final = 10.0
# A client that takes not one byte of what waits for it for so long has gone.
_STALLED_SECONDS: Final = 60.0


_TOO_LONG: Final = (
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    f"A request line and headers of at most {MAX_HEAD_BYTES} bytes are read.",
)
_TOO_LATE: Final = (HTTPStatus.REQUEST_TIMEOUT, "The request line and the headers did not arrive in time.")


def plain_answer(status: HTTPStatus, text: str) -> bytes:
    """A whole answer of HTTP itself, after which the connection is closed. `text` is ASCII."""
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: text/plain; charset=utf-8\r\n"
        f"content-length: {len(text)}\r\nconnection: close\r\n\r\n"
    )
    return f"{head}{text}".encode()


class _HeadTooLong(Exception):
    """Ends the parser's work at a head that came at once."""


class Connection(HttpToolsProtocol):
    """One connection, until it becomes a socket of the push."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._in_head = True
        self._head_bytes = 0
        self._is_too_long = False
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget(self._head_timer, self._write_timer)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_timer is None:
                self._await_head()
        super().data_received(data)
        if self._in_head and self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(*_TOO_LONG)

    def handle_websocket_upgrade(self) -> None:
        self._forget(self._head_timer, self._write_timer)
        super().handle_websocket_upgrade()

    def on_headers_complete(self) -> None:
        self._in_head, self._head_bytes = False, 0
        self._forget(self._head_timer)
        self._head_timer = None
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD_BYTES:
            self._is_too_long = True
            raise _HeadTooLong
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        if self._is_too_long:
            self._refuse(*_TOO_LONG)
        else:
            super().send_400_response(msg)

    def on_message_complete(self) -> None:
        self._in_head = True
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_writing(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        self._forget(self._write_timer)
        self._write_timer = None
        super().resume_writing()

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def _head_is_late(self) -> None:
        if self._is_answering:
            # The next request was begun too early; its time begins when this one is answered.
            self._await_head()
        elif self._head_bytes:
            self._refuse(*_TOO_LATE)
        else:
            self.transport.close()

    @property
    def _is_answering(self) -> bool:
        # Until the first request there is no cycle, whatever its type says.
        return bool(self.cycle) and not self.cycle.response_complete

    def _watch_writing(self, waiting: int) -> None:
        self._write_timer = self.loop.call_later(_STALLED_SECONDS, self._look_at_writing, waiting)

    def _look_at_writing(self, waited: int) -> None:
        waiting = self.transport.get_write_buffer_size()
        if waiting >= waited:
            self.transport.abort()
        else:
            self._watch_writing(waiting)

    def _refuse(self, status: HTTPStatus, text: str) -> None:
        """Where not even the address is known there is no protocol to speak but HTTP. An answer that is on its way is
        cut: nothing may be written into it."""
        if self.transport.is_closing() or self._is_answering:
            self.transport.close()
            return
        self.transport.write(plain_answer(status, text))
        self.transport.close()

    @staticmethod
    def _forget(*timers: asyncio.TimerHandle | None) -> None:
        for timer in timers:
            if timer is not None:
                timer.cancel()
