"""How often somebody may ask, counted in this process: a read is too cheap for one more way to Redis and back."""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Final

# So many askers are remembered, in a few megabytes; of more, those who have asked last.
_MOST_REMEMBERED: Final = 20_000
_MINUTE: Final = 60.0


class Limiter:
    """Lets everyone ask `per_minute` times at once, and from then on so many times a minute, evenly; 0 means no limit.

    Of each asker one moment is kept, that at which all of his turns will have come back (the generic cell rate
    algorithm). A refusal costs no turn.
    """

    def __init__(self, per_minute: int, *, now: Callable[[], float] = time.monotonic) -> None:
        self._turn = _MINUTE / per_minute if per_minute else 0.0
        self._now = now
        self._whole_again: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def ask(self, asker: str) -> float:
        """0 if it is his turn, which is taken; else the seconds after which it will be."""
        if not self._turn:
            return 0.0
        with self._lock:
            after, wait = self._next(asker)
            if wait:
                return wait
            self._whole_again[asker] = after
            self._whole_again.move_to_end(asker)
            if len(self._whole_again) > _MOST_REMEMBERED:
                self._whole_again.popitem(last=False)
        return 0.0

    def look(self, asker: str) -> float:
        """What `ask` would say, which takes no turn."""
        if not self._turn:
            return 0.0
        with self._lock:
            return self._next(asker)[1]

    def _next(self, asker: str) -> tuple[float, float]:
        """The moment at which all turns would have come back if one were taken now, and what `ask` answers."""
        now = self._now()
        after = max(self._whole_again.get(asker, now), now) + self._turn
        wait = after - now - _MINUTE
        # The sum of many turns is not quite a minute.
        return after, wait if wait > self._turn / 1_000 else 0.0

    def __len__(self) -> int:
        """How many askers are remembered."""
        return len(self._whole_again)


class Places:
    """How much of something each may have at the same time; 0 means no limit. For one event loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Counter[str] = Counter()

    def take(self, who: str) -> bool:
        """Whether there was a place left, which is taken until `leave`."""
        if self._most and self._taken[who] >= self._most:
            return False
        self._taken[who] += 1
        return True

    def leave(self, who: str) -> None:
        self._taken[who] -= 1
        if not self._taken[who]:
            del self._taken[who]
