"""What each collector sees of its symbols, in Redis: too much, too often and too short-lived for the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final
from uuid import UUID

import orjson
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

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
class Report:
    """All of a collector; `at` is this machine's time (ms UTC), `pending` the closed minutes that wait for the
    database, `refused` the messages that could not be used."""

    at: int
    symbols: Sequence[SymbolReport]
    pending: int
    refused: int


async def report_write(redis: AsyncRedis, collector: UUID, report: Report) -> None:
    await redis.set(f"{_KEY}{collector}", orjson.dumps(asdict(report)), ex=EXPIRES_S)


async def report_forget(redis: AsyncRedis, collector: UUID) -> None:
    await redis.delete(f"{_KEY}{collector}")


def reports_read(redis: Redis, collectors: Sequence[UUID]) -> list[Report]:
    """The reports that there are. Raises redis.RedisError."""
    if not collectors:
        return []
    texts: list[Any] = redis.mget([f"{_KEY}{collector}" for collector in collectors])
    return [_report(orjson.loads(text)) for text in texts if text]


def _report(values: dict[str, Any]) -> Report:
    symbols = [SymbolReport(**symbol) for symbol in values.pop("symbols")]
    return Report(symbols=symbols, **values)
