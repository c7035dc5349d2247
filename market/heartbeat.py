"""What each collector sees of its symbols, in Redis: too much, too often and too short-lived for the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeVar
from uuid import UUID

import orjson
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

T = TypeVar("T")

_KEY: Final = "kline:collector:"
# A report that is older than this is no longer true, and Redis forgets it.
EXPIRES_S: Final = 30


@dataclass(frozen=True, slots=True)
class SymbolReport:
    """What a collector sees of one symbol.

    `age_s` counts, by the exchange's clock, from the newest data of the stream, or from the subscription if none came
    (then `heard` is false). `last_closed` is the open time (ms) of the newest closed minute. `is_stale`: it trades and
    the stream brings nothing.
    """

    symbol: str
    age_s: float
    heard: bool
    last_closed: int | None
    reconnects: int
    rest_repairs: int
    is_stale: bool


@dataclass(frozen=True, slots=True)
class WorkReport:
    """What a collector has done since it started, and what waits in it.

    `arrived` are messages of the stream that were not looked at yet, `outgoing` candles that wait for Redis;
    `batches` and `minutes` were stored, `refusals` counts the times that the database did not take a batch.
    Counts by `market.domain.delays.BOUNDS`, and their sum in seconds: `stream` is how old a frame is when it is read,
    by its own time stamp; `send` how long the oldest frame of a message to the hubs has waited here.
    """

    arrived: int = 0
    outgoing: int = 0
    batches: int = 0
    minutes: int = 0
    refusals: int = 0
    connects: int = 0
    stream: Sequence[int] = ()
    stream_s: float = 0.0
    send: Sequence[int] = ()
    send_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """All of a collector; `at` is this machine's time (ms UTC), `pending` the closed minutes that wait for the
    database, `refused` the messages that could not be used."""

    at: int
    symbols: Sequence[SymbolReport]
    pending: int
    refused: int
    work: WorkReport = WorkReport()


async def report_write(redis: AsyncRedis, collector: UUID, report: Report) -> None:
    await redis.set(f"{_KEY}{collector}", orjson.dumps(asdict(report)), ex=EXPIRES_S)


async def report_forget(redis: AsyncRedis, collector: UUID) -> None:
    await redis.delete(f"{_KEY}{collector}")


def reports_read(redis: Redis, collectors: Sequence[UUID]) -> dict[UUID, Report]:
    """The reports that there are. Raises redis.RedisError."""
    if not collectors:
        return {}
    texts: list[Any] = redis.mget([f"{_KEY}{collector}" for collector in collectors])
    return {collector: _report(orjson.loads(text)) for collector, text in zip(collectors, texts, strict=True) if text}


def _report(values: dict[str, Any]) -> Report:
    values["symbols"] = [_known(SymbolReport, symbol) for symbol in values["symbols"]]
    values["work"] = _known(WorkReport, values.get("work", {}))
    return _known(Report, values)


def _known(kind: type[T], values: dict[str, Any]) -> T:
    """Without the fields that only a newer collector, beside this program for a while, can fill."""
    names = kind.__slots__  # type: ignore[attr-defined]
    return kind(**{name: value for name, value in values.items() if name in names})
