"""This machine's clock, for what is not judged by the exchange's: ages, answers, pages."""

from __future__ import annotations

import time


def wall_clock_ms() -> int:
    """This machine's time in ms UTC."""
    return time.time_ns() // 1_000_000
