"""What the live push of this process has done: counted where it happens, read by whoever reports it.

Plain numbers, written by the event loop's thread alone: a frame to a thousand sockets must not take a lock a thousand
times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from market.domain.delays import Delays


class Figures:
    """Counts since the process started. `waiting` and `deepest` (frames in all outboxes, and in the fullest) are as
    they were at the hub's last look."""

    def __init__(self) -> None:
        self.opened = 0
        # By why: "client", "behind", "error"; and handshakes by the status that refused them.
        self.closed: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.messages = 0
        self.candles = 0
        # From the moment a collector has sent a message to the moment the hub takes it, by their machines' clocks.
        self.delays = Delays()
        self.sent = 0
        self.conflated = 0
        self.waiting = 0
        self.deepest = 0

    def heard(self, candles: int, age_s: float | None) -> None:
        """A message of the group with so many candles, this long after it was made, if that is known."""
        self.messages += 1
        self.candles += candles
        if age_s is not None:
            self.delays.add(age_s)

    def wait(self, depths: Sequence[int]) -> None:
        """How many frames wait for each socket."""
        self.waiting, self.deepest = sum(depths), max(depths, default=0)

    @property
    def open(self) -> int:
        return self.opened - self.closed.total()


FIGURES: Final = Figures()
