"""One WebSocket connection from the exchange's side: what is written to it, and when it has to end."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from feeds.fakebinance import frames
from feeds.fakebinance.connection_log import ConnectionRecord
from feeds.fakebinance.faults import Fault
from feeds.fakebinance.subscriptions import Subscriptions

# How long a client may take to answer a close frame, in real time.
_CLOSE_SECONDS: Final = 2.0
# The kernel's part of the queue, per connection, so that the double's own bound is met soon.
_KERNEL_BYTES: Final = 64 * 1024
ABNORMAL: Final = 1006


class MessageRate:
    """Counts incoming messages in real time, for a client's pace does not follow the exchange's clock."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._times: list[float] = []

    def is_exceeded(self) -> bool:
        """Count one message; whether there were more than allowed in the last second."""
        now = time.monotonic()
        self._times = [then for then in self._times if now - then < 1.0]
        self._times.append(now)
        return len(self._times) > self._per_second


@dataclass(frozen=True, slots=True)
class Doom:
    """When and how a connection will be ended; without a code by a reset."""

    at_ms: int
    code: int | None
    reason: str


class Connection:
    """Frames go out in batches: `send` collects, `flush` writes once. All in the loop's thread.

    Frames are written to the transport itself, ready-made, since they are shared by all connections; aiohttp does
    the handshake and reads.
    """

    def __init__(
        self, record: ConnectionRecord, request: web.Request, *, is_routed: bool, subscriptions: Subscriptions
    ) -> None:
        self.record = record
        self.path = record.path
        self.is_routed = is_routed
        self.subscriptions = subscriptions
        self.pinged_ms: int | None = None  # The oldest ping without an answer.
        self.next_ping_ms = 0
        self.doomed: Doom | None = None
        self.silence: Fault | None = None
        self.closing_since: float | None = None
        self._request = request
        self._outbox: list[bytes] = []
        self._hits: set[int] = set()
        if (sock := self._socket()) is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BYTES)

    @property
    def id(self) -> int:
        return self.record.id

    @property
    def is_open(self) -> bool:
        """Whether frames may still be sent."""
        return self.closing_since is None and self._transport() is not None

    @property
    def is_silent(self) -> bool:
        """Whether a fault keeps back all events and pings."""
        return self.silence is not None

    @property
    def is_dead(self) -> bool:
        """Whether a fault also keeps back answers."""
        return self.silence is not None and not self.silence.params.get("answers", True)

    def is_hit_first(self, fault_id: int) -> bool:
        """Whether the fault has not acted on this connection yet; remembered."""
        is_first = fault_id not in self._hits
        self._hits.add(fault_id)
        return is_first

    def doom(self, at_ms: int, code: int | None, reason: str) -> None:
        """End the connection at that instant, if nothing ends it before."""
        if self.doomed is None or at_ms < self.doomed.at_ms:
            self.doomed = Doom(at_ms, code, reason)

    def ping(self, now: int) -> None:
        """Send a ping with the time in it, as the exchange does."""
        self.send(frames.framed(str(now).encode(), frames.PING))
        if self.pinged_ms is None:
            self.pinged_ms = now

    def send(self, frame: bytes) -> None:
        """Put a frame (see `frames.framed`) into the next batch."""
        self._outbox.append(frame)

    def flush(self, limit_bytes: int) -> bool:
        """Write the batch. False if the client has left more than `limit_bytes` unread: it has to be cut."""
        batch, self._outbox = self._outbox, []
        transport = self._transport()
        if not batch or transport is None or self.closing_since is not None:
            return True
        transport.write(b"".join(batch))
        return transport.get_write_buffer_size() <= limit_bytes

    def close(self, code: int, reason: str, limit_bytes: int) -> None:
        """Send what is waiting and a close frame; the client is expected to answer with its own."""
        if not self.is_open:
            return
        self.send(frames.closing(code, reason))
        self.flush(limit_bytes)
        self.closing_since = time.monotonic()
        self.record.ended(code, reason, by_exchange=True)

    def abort(self, reason: str) -> None:
        """Reset the connection without a close frame: the client sees 1006."""
        transport = self._transport()
        if transport is None:
            return
        if (sock := self._socket()) is not None:
            # Closing with a linger time of zero sends RST instead of FIN.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.closing_since = time.monotonic()
        self.record.ended(ABNORMAL, reason, by_exchange=True)
        transport.abort()

    def hang_up(self) -> None:
        """Close the socket after both close frames."""
        transport = self._transport()
        if transport is not None:
            transport.close()

    def is_overdue(self) -> bool:
        """Whether the client did not answer the close frame in time."""
        return self.closing_since is not None and time.monotonic() - self.closing_since > _CLOSE_SECONDS

    def _transport(self) -> asyncio.Transport | None:
        transport = self._request.transport
        return None if transport is None or transport.is_closing() else transport

    def _socket(self) -> socket.socket | None:
        transport = self._request.transport
        found: socket.socket | None = None if transport is None else transport.get_extra_info("socket")
        return found
