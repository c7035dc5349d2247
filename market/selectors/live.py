"""Reading the live side: which collectors there are, what they see, and what is stored of the last hours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models.functions import Now
from redis import RedisError

from market.domain.frame import IntArray
from market.domain.interval import Interval
from market.domain.window import MINUTE_MS, TimeWindow
from market.heartbeat import Report, SymbolReport, reports_read
from market.models import LEASE, Collector, CollectorWish, Symbol
from market.redis_client import impatient_redis
from market.selectors.symbols import symbols_tracked
from market.store import candles

# Without a report for so long nobody knows what the stream brings, which is as good as nothing.
_STALE_AFTER_S: Final = 45.0
# The youngest minutes are the collectors' work: longer than they take for a minute in the worst case, less than what
# they look back when they start.
_COLLECTORS_OWN_MS: Final = 10 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class LiveSymbol:
    """A tracked symbol as its collector sees it.

    `age_s`: seconds since the stream's newest data (since the subscription, if none has come; None: no collector has
    the symbol). `last_closed`: open time (ms) of the newest closed minute that the collector knows. `reconnects` of
    the connection that carries it and `rest_repairs` (minutes that REST had to bring) since the collector started.
    `is_expected`: it trades, as far as the exchange has announced, so data should come. `is_heard`: some has come.
    """

    symbol: str
    age_s: float | None
    last_closed: int | None
    reconnects: int
    rest_repairs: int
    is_stale: bool
    is_expected: bool
    is_heard: bool


@dataclass(frozen=True, slots=True)
class LiveStatus:
    """`is_wanted` is the operator's wish; `is_running`: a collector is alive and at work; `is_connected`: and candles
    of the stream reach it; `is_reported`: what the collectors see could be read. `reports`: the newest of each."""

    is_wanted: bool
    is_running: bool
    is_connected: bool
    is_reported: bool
    collectors: list[Collector]
    reports: dict[UUID, Report]
    symbols: list[LiveSymbol]
    pending: int
    refused: int


def collectors_alive() -> list[Collector]:
    """The collectors that have been heard of within the length of a lease."""
    return list(Collector.objects.filter(seen_at__gt=Now() - LEASE).prefetch_related("shards"))


def live_before(now: int) -> int:
    """The open time (ms) up to which minutes are history's: those after it the collectors see to, if there are any."""
    is_live = Collector.objects.filter(is_active=True, is_connected=True, seen_at__gt=Now() - LEASE).exists()
    return now - _COLLECTORS_OWN_MS if is_live else now


def live_status(*, now: int) -> LiveStatus:
    """What the live side does now; `now` is this machine's time (ms). Without Redis, nothing is known of symbols."""
    wish = CollectorWish.objects.filter(id=1).first()
    alive = collectors_alive()
    active = [collector for collector in alive if collector.is_active]
    reports: dict[UUID, Report] = {}
    is_reported = True
    try:
        reports = reports_read(impatient_redis(), [collector.id for collector in active])
    except RedisError:
        is_reported = False
    seen = {symbol.symbol: (symbol, now - report.at) for report in reports.values() for symbol in report.symbols}
    return LiveStatus(
        is_wanted=wish is None or wish.is_running,
        is_running=bool(active),
        is_connected=any(collector.is_connected for collector in active),
        is_reported=is_reported,
        collectors=alive,
        reports=reports,
        symbols=[
            _aged(*seen[symbol.name], is_expected=_trades(symbol, now))
            if symbol.name in seen
            else _unseen(symbol.name, is_expected=_trades(symbol, now))
            for symbol in symbols_tracked()
        ],
        pending=sum(report.pending for report in reports.values()),
        refused=sum(report.refused for report in reports.values()),
    )


def minutes_stored(windows: Mapping[int, TimeWindow]) -> dict[int, IntArray]:
    """The open times of the stored minutes inside each symbol's window (by id), ascending."""
    batch, _ = candles.read(Interval.M1, list(windows.items()))
    return {symbol_id: batch.frame.time[batch.symbol_id == symbol_id] for symbol_id in windows}


def _trades(symbol: Symbol, now: int) -> bool:
    """As far as the exchange has said: it is listed, not yet delisted, and not suspended."""
    return symbol.life.start <= now < symbol.life.end and symbol.status in {"", "TRADING"}


def _aged(symbol: SymbolReport, since_ms: int, *, is_expected: bool) -> LiveSymbol:
    since_s = max(0.0, since_ms / 1_000)
    return LiveSymbol(
        symbol=symbol.symbol,
        age_s=round(symbol.age_s + since_s, 1),
        last_closed=symbol.last_closed,
        reconnects=symbol.reconnects,
        rest_repairs=symbol.rest_repairs,
        is_stale=symbol.is_stale or since_s > _STALE_AFTER_S,
        is_expected=is_expected,
        is_heard=symbol.heard,
    )


def _unseen(name: str, *, is_expected: bool) -> LiveSymbol:
    return LiveSymbol(
        name,
        age_s=None,
        last_closed=None,
        reconnects=0,
        rest_repairs=0,
        is_stale=True,
        is_expected=is_expected,
        is_heard=False,
    )
