"""One load of history in a process of its own, as a worker does it, with its time and its memory.

    python -m tests.bench.loader DATABASE

prints one line of JSON: {"seconds", "rows", "units", "errors", "parent_mb", "workers_mb"}.
"""

from __future__ import annotations

import asyncio
import json
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
_SAMPLE_S: Final = 0.05
# Processes that use no processor time for so long have started and wait for their first job.
_IDLE_S: Final = 0.3


class Peaks(threading.Thread):
    """The largest resident memory of every child so far: it cannot be read any more when the child has ended."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.megabytes: dict[int, float] = {}

    def run(self) -> None:
        while True:
            for child in psutil.Process().children():
                peak = peak_mb(child.pid)
                # The resource tracker of multiprocessing is a child too, and no worker.
                if peak is not None and "spawn_main" in _command(child):
                    self.megabytes[child.pid] = peak
            time.sleep(_SAMPLE_S)


def peak_mb(pid: int) -> float | None:
    """The high-water mark of a process's resident memory."""
    try:
        found = _PEAK.search(Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return None
    return int(found[1]) / 1024 if found else None


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _wait_until_idle(_: object) -> None:
    """Let the worker processes start: a worker of the product is up long before a month is asked for."""

    def spent() -> float:
        return sum(sum(child.cpu_times()[:2]) for child in psutil.Process().children())

    before = -1.0
    while (now := spent()) > before:
        before = now
        time.sleep(_IDLE_S)


def main(database: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "klineproject.settings")
    django.setup()
    from django.db import connection

    from feeds.backfill import Totals, Unit
    from feeds.history import history_load
    from market.selectors.symbols import symbols_tracked
    from tests.bench.double import YEAR

    connection.settings_dict["NAME"] = database
    started = ended = 0.0

    def begin(units: Sequence[Unit]) -> None:
        nonlocal started
        _wait_until_idle(units)
        started = time.monotonic()

    def step(_: Totals) -> None:
        nonlocal ended
        ended = time.monotonic()

    peaks = Peaks()
    peaks.start()
    totals = asyncio.run(history_load(symbols=symbols_tracked(), limits=YEAR, on_units=begin, on_progress=step))
    report = {
        "seconds": ended - started,
        "rows": totals.inserted,
        "units": totals.units,
        "errors": totals.errors,
        "parent_mb": peak_mb(os.getpid()),
        "workers_mb": sorted(peaks.megabytes.values(), reverse=True),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1])
