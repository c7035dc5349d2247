"""When a connection to the stream may be tried: after a failure, and how many in all."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

FIRST_BOUND_S: Final = 0.5
LONGEST_S: Final = 60.0


class Backoff:
    """Waits between attempts: a random time below a bound that doubles with each failure (full jitter), at most 60 s.

    Only `reset` brings it back to the start. Call it when data has come, not when a connection was accepted: a server
    that accepts and closes would otherwise be asked without a pause.
    """

    def __init__(
        self,
        *,
        first_s: float = FIRST_BOUND_S,
        longest_s: float = LONGEST_S,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`jitter` draws from [0, 1)."""
        self._first_s = first_s
        self._longest_s = longest_s
        self._jitter = jitter
        self.failures = 0

    def next_s(self) -> float:
        """Seconds to wait before the next attempt; 0 before the first."""
        if not self.failures:
            return 0.0
        bound = min(self._longest_s, self._first_s * 2.0 ** min(self.failures - 1, 30))
        return bound * self._jitter()

    def fail(self) -> None:
        self.failures += 1

    def reset(self) -> None:
        self.failures = 0


class ConnectBudget:
    """How many connections all links of a process may open: `burst` at once, then one every `every_s` seconds.

    The exchange bans addresses that connect too often. For spot streams it names 300 in five minutes; nothing is said
    for futures, so this stays at half of that.
    """

    def __init__(self, *, burst: int = 30, every_s: float = 2.0) -> None:
        self._burst = burst
        self._every_s = every_s
        self._ahead_s = float("-inf")

    def reserve(self, now_s: float) -> float:
        """Take the next place; the seconds until it may be used."""
        due = max(self._ahead_s, now_s)
        self._ahead_s = due + self._every_s
        return max(0.0, due - now_s - self._every_s * (self._burst - 1))
