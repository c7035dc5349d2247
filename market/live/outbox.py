"""What waits to be sent to one socket.

    answers   in order, first; the reader stops reading while there are many
    closed    bars in order, never dropped; too many and the socket is behind
    forming   the newest of each series; a newer one takes the place of the one that waits

So memory is bounded whatever the client does: by `MAX_ANSWERS`, by `MAX_CLOSED`, and by one forming bar a series.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Hashable
from typing import Final

from market.live.figures import FIGURES

# Closed bars that may wait. All symbols of the exchange in plain minutes: a quarter of an hour.
MAX_CLOSED: Final = 10_000
# Answers that may wait before no more is read from the client.
MAX_ANSWERS: Final = 32


class Outbox:
    """Filled by the hub, emptied by the socket's one writer. Frames are texts, shared with other sockets."""

    __slots__ = ("_answers", "_closed", "_forming", "_room", "_waiter", "is_over")

    def __init__(self) -> None:
        self._answers: deque[str] = deque()
        self._closed: deque[tuple[Hashable, str]] = deque()
        self._forming: dict[Hashable, str] = {}
        self._waiter: asyncio.Future[None] | None = None
        self._room: list[asyncio.Future[None]] = []
        # More closed bars wait than may: the socket has to be closed.
        self.is_over = False

    def __len__(self) -> int:
        return len(self._answers) + len(self._closed) + len(self._forming)

    def answer(self, frame: str) -> None:
        self._answers.append(frame)
        self._wake()

    def closed(self, series: Hashable, frame: str, *, ends_forming: bool = True) -> None:
        """A closed bar. `ends_forming`: the forming one that may wait is of the same bar or of one before."""
        if ends_forming:
            self._forming.pop(series, None)
        if len(self._closed) >= MAX_CLOSED:
            self.is_over = True
            return
        self._closed.append((series, frame))
        self._wake()

    def forming(self, series: Hashable, frame: str) -> None:
        if series in self._forming:
            FIGURES.conflated += 1
        self._forming[series] = frame
        if self._waiter is not None:
            self._wake()

    def forget(self, series: Collection[Hashable]) -> None:
        """Drop what waits of these series, which the socket no longer wants, or wants from their beginning.

        All at once: a client may name thousands, and each look through what waits would hold up everybody.
        """
        for one in series:
            self._forming.pop(one, None)
        gone = set(series)
        if any(owner in gone for owner, _ in self._closed):
            self._closed = deque(entry for entry in self._closed if entry[0] not in gone)
            self._make_room()

    def clear(self) -> None:
        self._answers.clear()
        self._closed.clear()
        self._forming.clear()

    async def take(self) -> str:
        """The next frame to send; waits for one."""
        while True:
            if self._answers:
                frame = self._answers.popleft()
            elif self._closed:
                frame = self._closed.popleft()[1]
            elif self._forming:
                frame = self._forming.pop(next(iter(self._forming)))
            else:
                self._waiter = asyncio.get_running_loop().create_future()
                try:
                    await self._waiter
                finally:
                    self._waiter = None
                continue
            if self._room:
                self._make_room()
            return frame

    async def room(self) -> None:
        """Wait until few answers and no closed bars wait: backpressure for the reader and for catching up."""
        while self._closed or len(self._answers) > MAX_ANSWERS:
            future = asyncio.get_running_loop().create_future()
            self._room.append(future)
            await future

    async def room_for_answers(self) -> None:
        """Wait until another answer may be added."""
        while len(self._answers) > MAX_ANSWERS:
            future = asyncio.get_running_loop().create_future()
            self._room.append(future)
            await future

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _make_room(self) -> None:
        waiting, self._room = self._room, []
        for future in waiting:
            if not future.done():
                future.set_result(None)
