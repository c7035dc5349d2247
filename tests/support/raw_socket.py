"""A WebSocket as bytes, for handshakes and frames that no client would send."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from tests.support.raw_http import Answer, exchange

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

# The example of the protocol's own specification.
KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="
_HANDSHAKE: Final[Mapping[str, str | None]] = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
}
_MASK: Final = b"\x11\x22\x33\x44"


def handshake(
    port: int, path: str, *more: str, line: str | None = None, instead: Mapping[str, str | None] = _HANDSHAKE
) -> bytes:
    """A handshake for the path. `more` are further headers; `instead` gives those of the handshake another value or, by
    None, leaves them out; `line` is another first line."""
    headers = {**_HANDSHAKE, **instead}
    lines = [
        line or f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        *(f"{name}: {value}" for name, value in headers.items() if value is not None),
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


def shake(
    port: int,
    path: str = "/ws",
    *more: str,
    line: str | None = None,
    instead: Mapping[str, str | None] = _HANDSHAKE,
) -> Answer:
    """The answer to a handshake that is not accepted."""
    return exchange(port, [handshake(port, path, *more, line=line, instead=instead)], seconds=10)


def frame(
    kind: int,
    payload: bytes = b"",
    *,
    is_last: bool = True,
    is_masked: bool = True,
    reserved: int = 0,
    length: bytes | None = None,
) -> bytes:
    """One frame. `reserved` are the three reserved bits; `length` is the length as it stands there, mask bit included,
    whatever the payload's is."""
    if length is None:
        size, masked = len(payload), 0x80 if is_masked else 0
        if size < 126:
            length = bytes([masked | size])
        elif size < 1 << 16:
            length = bytes([masked | 126]) + size.to_bytes(2, "big")
        else:
            length = bytes([masked | 127]) + size.to_bytes(8, "big")
    mask = _MASK if is_masked else b""
    return bytes([is_last << 7 | reserved << 4 | kind]) + length + mask + (_masked(payload) if is_masked else payload)


def _masked(payload: bytes) -> bytes:
    size = len(payload)
    mask = (_MASK * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(size, "big")


@dataclass(frozen=True)
class Frame:
    """What the server has sent; `kind` 0 with nothing in it where it has closed the connection without a word."""

    kind: int
    payload: bytes

    @property
    def json(self) -> Any:
        assert self.kind == TEXT, self
        return json.loads(self.payload)

    @property
    def code(self) -> int:
        """Of a close frame."""
        assert self.kind == CLOSE, self
        return int.from_bytes(self.payload[:2], "big")


class RawSocket:
    """An accepted socket."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link
        self._received = b""

    def send(self, data: bytes) -> None:
        """As far as the server takes it: it may have closed."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.link.sendall(data)

    def say(self, message: Any) -> None:
        self.send(frame(TEXT, json.dumps(message).encode()))

    def read(self) -> Frame:
        """The next frame. Candles are passed over: a socket that has subscribed to nothing gets all of them."""
        while True:
            head = self._take(2)
            if not head:
                return Frame(0, b"")
            size = head[1]
            if size >= 126:
                size = int.from_bytes(self._take(2 if size == 126 else 8), "big")
            read = Frame(head[0] & 0x0F, self._take(size))
            if not (read.kind == TEXT and read.json["type"] == "kline"):
                return read

    def end(self) -> Frame:
        """The frame with which the server closes; what was to be said before it is passed over."""
        while (read := self.read()).kind in {TEXT, PING, PONG}:
            pass
        return read

    def _take(self, size: int) -> bytes:
        with suppress(ConnectionResetError):
            while len(self._received) < size and (part := self.link.recv(65_536)):
                self._received += part
        taken, self._received = self._received[:size], self._received[size:]
        return taken if len(taken) == size else b""


@contextmanager
def raw_socket(port: int, *, seconds: float = 10.0) -> Iterator[RawSocket]:
    """A socket at /ws that the server has accepted; a read waits for so many seconds."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as link:
        link.sendall(handshake(port, "/ws"))
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            # One byte at a time: what follows the head is frames.
            part = link.recv(1)
            assert part, answer
            answer += part
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        yield RawSocket(link)
