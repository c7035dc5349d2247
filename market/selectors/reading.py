"""Reads that are told what they want step by step, so that they can be waited for in two ways.

A reading is a generator: it yields what it needs, is sent the answer, and returns what it has found. `read_now` gets
the answers in the calling thread. The web application's event loop gets those that it can wait for without one; which
of both it was, a reading cannot tell.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from market.store.charts import execute
from market.store.prepared import Query
from market.tail import tail_read

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class TailOf:
    """The live tail of a symbol is needed: a list of candles, or redis.RedisError is raised."""

    symbol: str


@dataclass(frozen=True, slots=True)
class Call:
    """What a function returns is needed. It may wait, so it is for a thread."""

    function: Callable[[], Any]


Need = Query | TailOf | Call
Reading = Generator[Need, Any, _Found]


def read_now(reading: Reading[_Found]) -> _Found:
    """What the reading finds. Raises what it raises."""
    try:
        need = next(reading)
        while True:
            try:
                answer = _answer(need)
            except Exception as problem:  # noqa: BLE001  (the reading knows what it can do without)
                need = reading.throw(problem)
            else:
                need = reading.send(answer)
    except StopIteration as end:
        found: _Found = end.value
        return found


def _answer(need: Need) -> Any:
    match need:
        case Query():
            return execute(need)
        case TailOf():
            return tail_read(need.symbol)
        case Call():
            return need.function()
