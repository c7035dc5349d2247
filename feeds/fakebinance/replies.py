"""An answer before it meets a socket, and the way it gets there, whole or damaged."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from pathlib import Path
from typing import Final

from aiohttp import web

from feeds.fakebinance.faults import Fault

STALL_SECONDS: Final = 5.0
_CHUNK: Final = 16_384
_SMALLEST_GZIP: Final = 256
_DELIVERY: Final = frozenset({"stall", "slow", "truncated", "reset"})


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, headers and a body, which is either bytes or a whole file."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None

    def content(self) -> bytes:
        return self.body if self.file is None else self.file.read_bytes()

    def dated(self, now_ms: int) -> Reply:
        """The same with the exchange's time as its Date; aiohttp would put this machine's there."""
        return replace(self, headers={"Date": formatdate(now_ms / 1_000, usegmt=True), **self.headers})

    def gzipped(self) -> Reply:
        """The same, compressed as a client asked for; small bodies stay as they are."""
        if self.file is not None or len(self.body) < _SMALLEST_GZIP:
            return self
        # Level 1: the double shares the machine with what is measured.
        body = gzip.compress(self.body, compresslevel=1, mtime=0)
        return Reply(self.status, body, {**self.headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"})


class SentFile(web.StreamResponse):
    """A file straight from the page cache to the socket."""

    def __init__(self, path: Path, *, headers: Mapping[str, str]) -> None:
        super().__init__(status=200, headers=headers)
        self._path = path
        self.content_length = path.stat().st_size

    async def send(self, request: web.Request) -> None:
        """Send headers and, but for HEAD, the file. ConnectionError if the client has gone."""
        await self.prepare(request)
        if request.method == "HEAD":
            await self.write_eof()
            return
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client has gone")
        with self._path.open("rb") as file:
            await asyncio.get_running_loop().sendfile(transport, file)
        await self.write_eof()


async def deliver(request: web.Request, reply: Reply, faults: Sequence[Fault] = ()) -> web.StreamResponse:
    """Send the reply, damaged in the ways of the delivery faults among `faults`."""
    damage = {fault.name: fault.params for fault in faults if fault.name in _DELIVERY}
    if not damage:
        if reply.file is None:
            return web.Response(status=reply.status, headers=reply.headers, body=reply.body)
        sent = SentFile(reply.file, headers=reply.headers)
        await sent.send(request)
        return sent
    if stall := damage.get("stall"):
        await asyncio.sleep(float(stall.get("seconds", STALL_SECONDS)))
    body = reply.content()
    if (cut := damage.get("truncated")) is not None:
        body = body[: _length(cut, len(body), default=len(body) // 2)]
    stop = len(body)
    reset = damage.get("reset")
    if reset is not None:
        stop = _length(reset, len(body), default=0)
        if stop == 0:
            _abort(request)
            return web.Response(status=reply.status)
    rate = float(damage["slow"].get("bytes_per_second", 10_000)) if "slow" in damage else None
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    response.content_length = len(body)
    await response.prepare(request)
    await _trickle(response, body[:stop], rate)
    if reset is not None:
        _abort(request)
        return response
    await response.write_eof()
    return response


async def _trickle(response: web.StreamResponse, body: bytes, rate: float | None) -> None:
    """Write the body, at `rate` bytes a second in real time, in ten pieces a second."""
    size = _CHUNK if rate is None else max(1, int(rate / 10))
    for start in range(0, len(body), size):
        piece = body[start : start + size]
        await response.write(piece)
        if rate is not None:
            await asyncio.sleep(len(piece) / rate)


def _length(params: Mapping[str, object], whole: int, *, default: int) -> int:
    """How many bytes of `whole` a fault lets pass: `bytes`, or a `fraction`."""
    if "bytes" in params:
        return min(whole, int(str(params["bytes"])))
    if "fraction" in params:
        return min(whole, int(whole * float(str(params["fraction"]))))
    return default


def _abort(request: web.Request) -> None:
    """Reset the connection: the peer sees ECONNRESET, not an end of stream."""
    transport = request.transport
    if transport is None:
        return
    sock = transport.get_extra_info("socket")
    if sock is not None:
        # Closing with a linger time of zero sends RST instead of FIN.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
