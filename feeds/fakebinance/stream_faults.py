"""What the fault book does to streams: to whole connections, to one symbol's frames, to closed frames."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from feeds.fakebinance import frames
from feeds.fakebinance.faults import Fault, FaultBook
from feeds.fakebinance.visits import Visit

LATE_MS: Final = 30_000
# Long enough for the next minute's frames to have begun, whatever the lateness of the closing one.
OUT_OF_ORDER_MS: Final = 3_000
SHUTDOWN_MS: Final = 10_000
# Things that no client of k-lines expects: no JSON, no object, no event, an event without its contents.
_GARBAGE: Final = (
    frames.framed(b"not json {"),
    frames.framed(b""),
    frames.framed(b"null"),
    frames.framed(b"[1,2,3]"),
    frames.framed(b"\x00\x01\xfe\xff", frames.BINARY),
    frames.framed(b'{"e":"unknownEvent","E":1,"s":"BTCUSDT"}'),
    frames.framed(b'{"stream":"!unknown@arr","data":[]}'),
    frames.framed(b'{"stream":"btcusdt@kline_1m","data":{"e":"kline","E":1,"s":"BTCUSDT","k":{"i":"1m"}}}'),
)


@dataclass(frozen=True, slots=True)
class FinalPlan:
    """How a closed frame is sent. All delays in ms of the exchange's clock; `after` count from the frame itself.

    `late` None: not at all. `repeats` are further copies, `partials` forming frames of the same minute.
    """

    late: int | None = 0
    repeats: tuple[int, ...] = ()
    partials: tuple[int, ...] = ()


UNHARMED: Final = FinalPlan()


class StreamFaults:
    """Asks the book in the words of streams.

    Each connection, each stream of a connection and each closed minute is one occasion, decided once per rule: a
    closed frame that is dropped is missing on all connections that the rule matches.
    """

    def __init__(self, book: FaultBook) -> None:
        self._book = book

    @property
    def are_none(self) -> bool:
        """Whether no rule in force is about streams: the usual case, in which nothing else needs to be asked."""
        return not self._book.has_stream_rules

    def of_connection(self, connection: int, path: str) -> list[Fault]:
        """What is wrong with the connection as a whole."""
        visit = Visit("ws.connection", path, connection=str(connection), occasion=f"connection {connection}")
        return self._book.claim(visit)

    def is_mute(self, connection: int, path: str, symbol: str) -> bool:
        """Whether the symbol's frames do not reach the connection."""
        stream = frames.stream_of(symbol)
        visit = Visit(
            "ws.stream",
            path,
            symbol,
            "1m",
            stream=stream,
            connection=str(connection),
            occasion=f"stream {connection} {stream}",
        )
        return any(fault.name == "mute" for fault in self._book.claim(visit))

    def of_final(self, connection: int, path: str, symbol: str, opened: int) -> FinalPlan:
        """How the closed frame of a minute is sent to the connection."""
        stream = frames.stream_of(symbol)
        visit = Visit(
            "ws.final",
            path,
            symbol,
            "1m",
            stream=stream,
            connection=str(connection),
            minute=str(opened),
            occasion=f"final {stream} {opened}",
        )
        claimed = self._book.claim(visit)
        return plan_of(claimed) if claimed else UNHARMED


def plan_of(faults: list[Fault]) -> FinalPlan:
    """What several faults together make of a closed frame."""
    late: int | None = 0
    repeats: list[int] = []
    partials: list[int] = []
    for fault in faults:
        match fault.name:
            case "final_dropped":
                late = None
            case "final_late" if late is not None:
                late += fault.params.get("ms", LATE_MS)
            case "final_repeated":
                repeats += [fault.params.get("after_ms", 0)] * fault.params.get("count", 1)
            case "partial_after_final":
                partials.append(fault.params.get("after_ms", 0))
            case "out_of_order":
                partials.append(fault.params.get("after_ms", OUT_OF_ORDER_MS))
            case _:
                pass
    return FinalPlan(late, tuple(repeats), tuple(partials))


def garbage(params: Any) -> tuple[bytes, ...]:
    """The frames of the garbage fault."""
    if "text" not in params:
        return _GARBAGE * int(params.get("count", 1))
    opcode = frames.BINARY if params.get("binary", False) else frames.TEXT
    return (frames.framed(str(params["text"]).encode(), opcode),) * int(params.get("count", 1))


class Later:
    """Things to do once the exchange's clock has come to an instant, in that order."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._waiting: list[tuple[int, int, Callable[[], object]]] = []

    def at(self, due_ms: int, action: Callable[[], object]) -> None:
        heapq.heappush(self._waiting, (due_ms, next(self._numbers), action))

    def run(self, now: int) -> None:
        """Do what is due."""
        while self._waiting and self._waiting[0][0] <= now:
            heapq.heappop(self._waiting)[2]()
