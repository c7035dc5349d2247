"""Clients that ask one after the other on connections that stay: little more than sockets, so that what is measured is
the server.

    python -m tests.bench.http_clients PORT CONNECTIONS SECONDS PATH [PATH ...]

prints one line of JSON: {"requests", "seconds", "bytes", "latencies_ms"}. Each connection asks for the paths in turn; a
status other than 200 ends the run.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from itertools import cycle, islice
from typing import cast

import uvloop


class Connection(asyncio.Protocol):
    """One request at a time until the time is over."""

    def __init__(self, paths: Sequence[str], first: int, until: float) -> None:
        asked = islice(cycle(paths), first, None)
        self._requests = (f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode() for path in asked)
        self._until = until
        self._head = b""
        self._left = 0
        self.bytes = 0
        self.latencies: list[float] = []
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's are transports without being asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def _ask(self) -> None:
        self._began = time.perf_counter()
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        if self._left:
            self._left -= len(data)
        else:
            self._head += data
            head, separator, body = self._head.partition(b"\r\n\r\n")
            if not separator:
                return
            fields = head.lower().split(b"\r\n")
            if b" 200 " not in fields[0] + b" ":
                self.ended.set_exception(RuntimeError(self._head[:300].decode("latin-1")))
                return
            (length,) = (int(line[15:]) for line in fields if line.startswith(b"content-length:"))
            self.bytes += length
            self._left, self._head = length - len(body), b""
        if not self._left and not self.ended.done():
            now = time.perf_counter()
            self.latencies.append(now - self._began)
            if now < self._until:
                self._ask()
            else:
                self.ended.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(ConnectionError("the server has closed a connection"))


async def main(port: int, connections: int, seconds: float, paths: Sequence[str]) -> None:
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    until = began + seconds
    made = [
        await loop.create_connection(lambda n=number: Connection(paths, n, until), "127.0.0.1", port)  # type: ignore[misc]
        for number in range(connections)
    ]
    await asyncio.gather(*(connection.ended for _, connection in made))
    latencies = [latency for _, connection in made for latency in connection.latencies]
    report = {
        "requests": len(latencies),
        "seconds": time.perf_counter() - began,
        "bytes": sum(connection.bytes for _, connection in made),
        "latencies_ms": [round(latency * 1_000, 3) for latency in latencies],
    }
    print(json.dumps(report))


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4:]))
