"""Many readers of one push socket, in a process of their own.

`python -m tests.bench.push_clients PORT SOCKETS SYMBOLS` prints `ready` once every socket is subscribed. After that
each line of standard input, a number of closed bars that each socket is to get, is answered with a line of JSON when
they have come (or after ten seconds), and counting begins anew:

    deliveries   frames that came           closed, misplaced   closed bars, and those that came twice or out of order
    seconds      from the first publication to the last frame   latencies   in seconds, a sample

A frame's `volume` is the moment at which it was published, on the clock that all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import sys
import time
from contextlib import suppress

import aiohttp
import uvloop

_SAMPLE = 20_000


class Count:
    """What has come since the last report."""

    def __init__(self) -> None:
        self.deliveries = self.closed = self.misplaced = 0
        # Not when the first frame came: a server that is ahead of these readers has done half its work by then.
        self.published = float("inf")
        self.last = 0.0
        self.latencies: list[float] = []

        self.came = asyncio.Event()
        self._expected: int | None = None

    def expect(self, closed: int) -> None:
        """`came` is set with that many closed bars."""
        self._expected = closed
        if self.closed >= closed:
            self.came.set()

    def report(self) -> dict[str, object]:
        return {
            "deliveries": self.deliveries,
            "closed": self.closed,
            "misplaced": self.misplaced,
            "seconds": self.last - self.published,
            "latencies": self.latencies,
        }

    def take(self, text: str, newest: dict[str, int]) -> None:
        """One frame of one socket, whose newest closed bar of each symbol is `newest`."""
        now = time.monotonic()
        self.deliveries += 1
        self.last = now
        start = text.index('"volume":') + 9
        published = float(text[start : text.index(",", start)])
        self.published = min(self.published, published)
        late = now - published
        if len(self.latencies) < _SAMPLE:
            self.latencies.append(late)
        elif (place := random.randrange(self.deliveries)) < _SAMPLE:
            self.latencies[place] = late
        if text.endswith("true}}"):
            self.closed += 1
            if self.closed == self._expected:
                self.came.set()
            start = text.index('"symbol":"') + 10
            symbol = text[start : text.index('"', start)]
            start = text.index('"timestamp":') + 12
            opened = int(text[start : text.index(",", start)])
            self.misplaced += opened != newest.get(symbol, opened - 60_000) + 60_000
            newest[symbol] = opened


async def main(port: int, sockets: int, symbols: list[str]) -> None:
    counts = [Count()]
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        ready = asyncio.Semaphore(0)
        readers = []
        for _ in range(sockets):
            link = await session.ws_connect(f"http://127.0.0.1:{port}/ws", autoping=True, compress=0)
            readers.append(asyncio.create_task(_read(link, symbols, counts, ready)))
        for _ in range(sockets):
            await ready.acquire()
        print("ready", flush=True)
        counts[0] = Count()
        while line := await lines.readline():
            counts[0].expect(int(line) * sockets)
            with suppress(TimeoutError):
                await asyncio.wait_for(counts[0].came.wait(), 10)
            done, counts[0] = counts[0], Count()
            print(json.dumps(done.report()), flush=True)
        for reader in readers:
            reader.cancel()


async def _read(
    link: aiohttp.ClientWebSocketResponse, symbols: list[str], counts: list[Count], ready: asyncio.Semaphore
) -> None:
    await link.send_json({"type": "subscribe", "data": {"symbols": symbols}})
    await link.send_json({"type": "ping"})
    newest: dict[str, int] = {}
    async for message in link:
        if message.data == '{"type":"pong"}':
            ready.release()
        else:
            counts[0].take(message.data, newest)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(",")))
