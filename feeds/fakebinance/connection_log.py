"""The log of WebSocket connections: who connected when, asked for what and was sent how much; so that tests prove
"no reconnect" and "subscribed once"."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from feeds.fakebinance.clock import Clock

LOG_LENGTH: Final = 2_000


@dataclass(frozen=True, slots=True)
class Asked:
    """One request on a connection; `SUBSCRIBE` also for the streams named in the URL, when the connection opened."""

    clock_ms: int
    method: str
    names: tuple[str, ...]


@dataclass(slots=True)
class ConnectionRecord:
    """One connection; `closed_ms` and the rest are None while it is open.

    `_ms` are the exchange's clock. `close_code` is 1006 for a connection that ended without a close frame. `frames`
    counts all market events sent, `finals` the closed ones.
    """

    id: int
    path: str
    query: str
    address: str
    opened_ms: int
    clock: Clock = field(repr=False)
    asked: list[Asked] = field(default_factory=list)
    streams: tuple[str, ...] = ()
    received: int = 0
    pongs: int = 0
    frames: int = 0
    finals: int = 0
    closed_ms: int | None = None
    close_code: int | None = None
    close_reason: str | None = None
    closed_by_exchange: bool | None = None

    @property
    def is_open(self) -> bool:
        return self.closed_ms is None

    def note(self, method: str, names: tuple[str, ...], streams: tuple[str, ...]) -> None:
        """A request was carried out; `streams` are the connection's after it."""
        self.asked.append(Asked(self.clock.now(), method, names))
        self.streams = streams

    def ended(self, code: int, reason: str, *, by_exchange: bool) -> None:
        """The connection is over, or its closing has begun; the first reason counts."""
        if self.closed_ms is None:
            self.close_code, self.close_reason, self.closed_by_exchange = code, reason, by_exchange
            self.closed_ms = self.clock.now()

    def times_subscribed(self, stream: str) -> int:
        """How often a stream was asked for on this connection."""
        return sum(asked.names.count(stream) for asked in self.asked if asked.method == "SUBSCRIBE")

    def to_json(self) -> dict[str, Any]:
        skipped = {"clock", "asked"}
        data = {name: getattr(self, name) for name in self.__slots__ if name not in skipped}
        return {**data, "asked": [asdict(asked) for asked in list(self.asked)]}


class ConnectionLog:
    """All connections since the start or `clear`, in order; and what was sent of each symbol. Thread-safe."""

    def __init__(self, clock: Clock, *, length: int = LOG_LENGTH) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._records: deque[ConnectionRecord] = deque(maxlen=length)
        self._last_finals: dict[str, int] = {}

    def open(self, path: str, query: str, address: str) -> ConnectionRecord:
        """A connection was made."""
        with self._lock:
            record = ConnectionRecord(next(self._ids), path, query, address, self._clock.now(), self._clock)
            self._records.append(record)
            return record

    def note_final(self, symbol: str, opened: int) -> None:
        """The closed frame of a minute has gone to at least one connection."""
        with self._lock:
            self._last_finals[symbol] = max(opened, self._last_finals.get(symbol, 0))

    def records(self, where: Callable[[ConnectionRecord], bool] | None = None) -> list[ConnectionRecord]:
        """The connections in the order they were made, all or those that `where` accepts."""
        with self._lock:
            records = list(self._records)
        return records if where is None else [record for record in records if where(record)]

    def open_now(self) -> list[ConnectionRecord]:
        return self.records(lambda record: record.is_open)

    def last_final(self, symbol: str) -> int | None:
        """Open time of the newest minute whose closed frame was sent to anybody; None if there was none."""
        with self._lock:
            return self._last_finals.get(symbol)

    def clear(self) -> None:
        """Forget closed connections and the last minutes; open connections stay."""
        with self._lock:
            self._records = deque((record for record in self._records if record.is_open), self._records.maxlen)
            self._last_finals.clear()

    def to_json(self) -> dict[str, Any]:
        """``{connections: [...], last_finals: {symbol: open time}}``."""
        with self._lock:
            finals = dict(self._last_finals)
        return {"connections": [record.to_json() for record in self.records()], "last_finals": finals}
