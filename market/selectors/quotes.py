"""What a quote board and a symbol picker read: symbols with the steps of their prices, and prices of the day."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django.db.models import Exists, OuterRef, Q, QuerySet

from market.domain.interval import Interval
from market.domain.names import is_name
from market.domain.window import TimeWindow
from market.models import LedgerDay, Symbol
from market.selectors.candles import klines_live
from market.store import candles

_FIELDS: Final = (
    *("id", "name", "contract_type", "base_asset", "quote_asset", "tick_size", "step_size", "is_tracked"),
)


@dataclass(frozen=True, slots=True)
class ChartSymbol:
    """A symbol as charts show it. `tick_size` (price) and `step_size` (quantity) are None, and the words are empty,
    where the exchange's list was never read."""

    id: int
    name: str
    contract_type: str
    base_asset: str
    quote_asset: str
    tick_size: Decimal | None
    step_size: Decimal | None
    is_tracked: bool


def chart_symbols_named(names: Collection[str]) -> dict[str, ChartSymbol]:
    """The known ones of these upper-case names. A text that no symbol could be called is simply not known."""
    possible = [name for name in names if is_name(name)]
    return {symbol.name: symbol for symbol in _read(Symbol.objects.filter(name__in=possible))} if possible else {}


def chart_symbols() -> list[ChartSymbol]:
    """The symbols that have something to show: tracked, or tracked once and still stored. By name."""
    days = LedgerDay.objects.filter(symbol=OuterRef("pk"))
    return _read(Symbol.objects.filter(Q(is_tracked=True) | Exists(days)).order_by("name"))


def _read(symbols: QuerySet[Symbol]) -> list[ChartSymbol]:
    return [ChartSymbol(*row) for row in symbols.values_list(*_FIELDS)]


def daily_opens(*, now: int) -> dict[str, float]:
    """The price at which the UTC day of `now` (ms) opened, of each tracked symbol that has traded on it, by name."""
    today = Interval.D1.bucket(now)
    symbols = dict(Symbol.objects.filter(is_tracked=True).values_list("id", "name").order_by("name"))
    batch, _ = candles.read(Interval.D1, [(symbol_id, TimeWindow(today.start, today.end)) for symbol_id in symbols])
    stored = dict(zip(batch.symbol_id.tolist(), batch.frame.open.tolist(), strict=True))
    opens = {}
    for symbol_id, name in symbols.items():
        # A few seconds after midnight the day's first minute is only in the live tail.
        price = stored.get(symbol_id) or _live_open(symbol_id, name, today.start, now)
        if price is not None:
            opens[name] = price
    return opens


def _live_open(symbol_id: int, name: str, today: int, now: int) -> float | None:
    page, _ = klines_live(symbol_id=symbol_id, name=name, interval=Interval.D1, limit=1, now=now)
    return float(page.open[-1]) if len(page) and page.last == today else None
