"""Counting how long things took, cheaply enough for every message."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

# Upper bounds in seconds, inclusive; what took longer is counted beyond the last.
BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Delays:
    """`counts` has one entry for each of BOUNDS and one more for what was longer; `total` is the sum in seconds."""

    __slots__ = ("counts", "total")

    def __init__(self, counts: Sequence[int] = (), total: float = 0.0) -> None:
        """Raises ValueError for counts of other bounds."""
        self.counts = list(counts) or [0] * (len(BOUNDS) + 1)
        self.total = total
        if len(self.counts) != len(BOUNDS) + 1:
            raise ValueError(f"{len(self.counts)} counts, {len(BOUNDS) + 1} are expected")

    def add(self, seconds: float) -> None:
        """One that took so long; clocks that disagree may make it negative, which is as good as nothing."""
        seconds = max(0.0, seconds)
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def cumulative(self) -> list[tuple[str, int]]:
        """(upper bound, how many took no longer), the last bound being +Inf."""
        found, so_far = [], 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), self.counts, strict=True):
            so_far += count
            found.append((bound, so_far))
        return found
