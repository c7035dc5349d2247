"""One load of history in a process of its own, as a worker does it, with its time and its memory.

    python -m tests.bench.loader DATABASE

prints one line of JSON: {"seconds", "rows", "units", "errors", "parent_mb", "workers_mb"}.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import re
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import django
import psutil

_PEAK: Final = re.compile(r"VmHWM:\s+(\d+) kB")
# Often enough to see a peak, seldom enough not to be one.
_SAMPLE_S: Final = 0.2
# Processes that use no processor time for so long have started and wait for their first job.
_IDLE_S: Final = 0.3


class Peaks(threading.Thread):
    """The largest resident memory of every child so far: it cannot be read any more when the child has ended."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.megabytes: dict[int, float] = {}

    def run(self) -> None:
        while True:
            for pid in worker_pids():
                peak = peak_mb(pid)
                if peak is not None:
                    self.megabytes[pid] = peak
            time.sleep(_SAMPLE_S)


def peak_mb(pid: int) -> float | None:
    """The high-water mark of a process's resident memory."""
    try:
        found = _PEAK.search(Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return None
    return int(found[1]) / 1024 if found else None


def worker_pids() -> list[int]:
    """Read from this process's own books: looking through all processes would cost more than a file's load."""
    return [child.pid for child in multiprocessing.active_children() if child.pid is not None]


def cpu_seconds() -> float:
    """Processor time of this process and its living workers so far."""
    mine = os.times()
    living = (psutil.Process(pid).cpu_times() for pid in worker_pids())
    return sum(mine[:2]) + sum(times.user + times.system for times in living)


def _wait_until_idle(_: object) -> None:
    """Let the worker processes start: a worker of the product is up long before a month is asked for."""

    before = -1.0
    while (now := cpu_seconds()) > before + 0.02:
        before = now
        time.sleep(_IDLE_S)


def main(database: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "klineproject.settings")
    django.setup()
    from django.db import connection

    from feeds.backfill import Totals
    from feeds.destinations import Unit
    from feeds.history import history_load
    from market.selectors.symbols import symbols_tracked
    from tests.bench.double import YEAR

    connection.settings_dict["NAME"] = database
    started = ended = cpu_before = cpu_after = 0.0

    def begin(units: Sequence[Unit]) -> None:
        nonlocal started, cpu_before
        _wait_until_idle(units)
        started, cpu_before = time.monotonic(), cpu_seconds()

    def step(_: Totals) -> None:
        nonlocal ended, cpu_after
        ended, cpu_after = time.monotonic(), cpu_seconds()

    peaks = Peaks()
    peaks.start()
    totals = asyncio.run(history_load(symbols=symbols_tracked(), limits=YEAR, on_units=begin, on_progress=step))
    report = {
        "seconds": ended - started,
        "cpu_seconds": cpu_after - cpu_before,
        "rows": totals.inserted,
        "units": totals.units,
        "errors": totals.errors,
        "parent_mb": peak_mb(os.getpid()),
        "workers_mb": sorted(peaks.megabytes.values(), reverse=True),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1])
