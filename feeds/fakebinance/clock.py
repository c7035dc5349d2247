"""The exchange's clock: set, sped up, frozen; the only source of "now" inside the double."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Clock:
    """Milliseconds UTC that run `speed` times as fast as real time; speed 0 is frozen.

    Safe to read and to turn from any thread. `monotonic` is the real time source, in seconds.
    """

    def __init__(
        self, start_ms: int | None = None, speed: float = 1.0, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Starts at `start_ms`, or at the machine's time."""
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._anchor_ms = float(time.time_ns() // 1_000_000 if start_ms is None else start_ms)
        self._anchor_s = monotonic()
        self._speed = self._checked(speed)

    @staticmethod
    def _checked(speed: float) -> float:
        if not 0.0 <= speed < float("inf"):
            raise ValueError(f"clock speed {speed!r}: expected 0 (frozen) or a positive number")
        return float(speed)

    def _now(self) -> float:
        return self._anchor_ms + (self._monotonic() - self._anchor_s) * 1_000.0 * self._speed

    def now(self) -> int:
        with self._lock:
            return int(self._now())

    @property
    def speed(self) -> float:
        return self._speed

    def set(self, now_ms: int) -> None:
        """Jump to an instant; the speed stays."""
        with self._lock:
            self._anchor_ms, self._anchor_s = float(now_ms), self._monotonic()

    def set_speed(self, speed: float) -> None:
        """Run `speed` times as fast from now on; 0 freezes. ValueError for a negative one."""
        speed = self._checked(speed)
        with self._lock:
            self._anchor_ms, self._anchor_s = self._now(), self._monotonic()
            self._speed = speed

    def freeze(self) -> None:
        self.set_speed(0.0)

    def advance(self, ms: int) -> None:
        """Jump ahead by `ms` (back, if negative)."""
        with self._lock:
            self._anchor_ms += ms

    def real_seconds(self, ms: int) -> float:
        """How long `ms` of this clock last in real time; a frozen clock counts them as real ones, for no wait
        may be endless."""
        return ms / 1_000.0 / (self._speed or 1.0)
