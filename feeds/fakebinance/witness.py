"""The request log: what was asked for, how often and when; so that tests prove pace and "not fetched twice"."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

from feeds.fakebinance.visits import Visit

LOG_LENGTH: Final = 20_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One answered request. `real_s` is the machine's monotonic time, `clock_ms` the exchange's; `weight` the REST
    weight it cost; `faults` the names of the faults that hit it; `address` the client's."""

    number: int
    real_s: float
    clock_ms: int
    method: str
    path: str
    query: str
    kind: str
    symbol: str | None
    status: int
    weight: int
    faults: tuple[str, ...]
    address: str


class RequestLog:
    """Counters of everything since the start or `clear`, and the last requests in order. Thread-safe."""

    def __init__(self, *, length: int = LOG_LENGTH) -> None:
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque(maxlen=length)
        self._kinds: Counter[str] = Counter()
        self._paths: Counter[str] = Counter()
        self._statuses: Counter[int] = Counter()
        self._number = 0

    def note(
        self,
        visit: Visit,
        *,
        method: str,
        query: str,
        status: int,
        clock_ms: int,
        weight: int = 0,
        faults: tuple[str, ...] = (),
        address: str = "",
    ) -> None:
        with self._lock:
            self._number += 1
            entry = Entry(
                number=self._number,
                real_s=time.monotonic(),
                clock_ms=clock_ms,
                method=method,
                path=visit.path,
                query=query,
                kind=visit.kind,
                symbol=visit.symbol,
                status=status,
                weight=weight,
                faults=faults,
                address=address,
            )
            self._entries.append(entry)
            self._kinds[visit.kind] += 1
            self._statuses[status] += 1
            if visit.kind.startswith("archive.") and visit.kind != "archive.listing":
                self._paths[visit.path] += 1

    def entries(self, where: Callable[[Entry], bool] | None = None) -> list[Entry]:
        """The remembered requests in the order of their answers, all or those that `where` accepts."""
        with self._lock:
            entries = list(self._entries)
        return entries if where is None else [entry for entry in entries if where(entry)]

    def count(self, kind: str) -> int:
        """How many requests of a kind came."""
        with self._lock:
            return self._kinds[kind]

    def times(self, path: str) -> int:
        """How often one archive path was asked for."""
        with self._lock:
            return self._paths[path]

    def fetched_more_than_once(self) -> dict[str, int]:
        """Archive paths that were asked for more than once, and how often."""
        with self._lock:
            return {path: count for path, count in self._paths.items() if count > 1}

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
            self._kinds.clear()
            self._paths.clear()
            self._statuses.clear()

    def to_json(self, *, last: int) -> dict[str, Any]:
        """Counters, and the newest `last` requests in order."""
        with self._lock:
            entries = list(self._entries)[-last:] if last > 0 else []
            return {
                "kinds": dict(self._kinds),
                "statuses": {str(status): count for status, count in self._statuses.items()},
                "paths": dict(self._paths),
                "log": [asdict(entry) for entry in entries],
            }
