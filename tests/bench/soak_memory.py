"""How much memory each process of the demo takes over time, its services included.

What counts is the memory that a process has filled by itself, its anonymous pages. Programs and files that it maps are
no leak, and PostgreSQL's buffers are resident in each process that has ever touched them.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import Final

import psutil

from tests.support.demo import Demo

_EVERY_S: Final = 10.0
_MIB: Final = 1 << 20
# What the command line of each process of the Procfile has in it.
_ROLES: Final = {
    "manage.py serve": "web",
    "worker --pool": "worker",
    "run_collector": "collector",
    "celery beat": "beat",
    "fakebinance": "exchange double",
}


@dataclass(frozen=True, slots=True)
class Growth:
    """Medians (MiB) of a process' memory in the first and in the last sixth of its time."""

    name: str
    first: float
    last: float
    peak: float
    looks: int

    @property
    def mib(self) -> float:
        return self.last - self.first

    @property
    def share(self) -> float:
        return self.mib / self.first


@dataclass(slots=True)
class Memory:
    """Looks at every process each ten seconds, in a thread of its own."""

    demo: Demo
    _looks: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def begin(self) -> None:
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)
        self._thread.start()

    def end(self) -> None:
        assert self._thread is not None, "nobody looks"
        self._stopping.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), "the look at the memory does not end"

    def growth(self, since: float) -> list[Growth]:
        """Of each process that has lived from `since` (monotonic seconds) to the end, and of PostgreSQL as a whole."""
        newest = max(looks[-1][0] for looks in self._looks.values())
        found = []
        for name, looks in sorted(self._looks.items()):
            later = [(at, mib) for at, mib in looks if at >= since]
            if not later or later[0][0] > since + 2 * _EVERY_S or later[-1][0] < newest - 2 * _EVERY_S:
                continue
            sixth = max(1, len(later) // 6)
            values = [mib for _, mib in later]
            first, last = median(values[:sixth]), median(values[-sixth:])
            found.append(Growth(name, first, last, max(mib for _, mib in looks), len(later)))
        return found

    def passing(self, since: float) -> tuple[int, float]:
        """How many processes came and went after `since`, and the most (MiB) that one of them took."""
        steady = {growth.name for growth in self.growth(since)}
        peaks = [
            max(mib for _, mib in looks)
            for name, looks in self._looks.items()
            if name not in steady and looks[-1][0] >= since
        ]
        return len(peaks), max(peaks, default=0.0)

    def _run(self) -> None:
        while not self._stopping.is_set():
            at = time.monotonic()
            for name, mib in self._look().items():
                self._looks[name].append((at, mib))
            self._stopping.wait(max(0.0, _EVERY_S - (time.monotonic() - at)))

    def _look(self) -> dict[str, float]:
        found: dict[str, float] = defaultdict(float)
        for process in self.demo.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                found[_name(process)] += _own_mib(process)
        # Its processes come and go with connections and with its own chores; what one learns, it keeps.
        found["PostgreSQL, all processes"] = _sum(self.demo.instance.postgres._pids())
        found["Redis"] = _sum(self.demo.instance.redis._pids())
        return found


def _name(process: psutil.Process) -> str:
    line = " ".join(process.cmdline())
    if "multiprocessing" in line:
        return f"loads history ({process.pid})"
    if process.name() in {"honcho", "sh"}:
        return "honcho and its shells"
    for part, role in _ROLES.items():
        if part in line:
            return role
    return f"{process.name()} ({process.pid})"


def _own_mib(process: psutil.Process) -> float:
    memory = process.memory_info()
    return float(memory.rss - memory.shared) / _MIB


def _sum(pids: list[int]) -> float:
    total = 0.0
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += _own_mib(psutil.Process(pid))
    return total
