"""Tickers to symbols."""

from __future__ import annotations

from typing import Final

from market.domain.interval import Interval
from market.selectors.candles import klines_list
from market.selectors.quotes import ChartSymbol, chart_symbols_named
from market.selectors.symbols import symbol_id
from udf.errors import UnknownSymbol
from udf.instruments import Instrument, Series, Ticker, finest_step

# Days whose candles are looked at where the exchange's list does not tell the steps.
_DAYS_LOOKED_AT: Final = 100


def symbol_id_of(ticker: Ticker) -> int:
    """The id of the ticker's symbol; UnknownSymbol when there is none."""
    found = symbol_id(ticker.symbol)
    if found is None:
        raise UnknownSymbol(str(ticker))
    return found


def symbol_of(ticker: Ticker) -> ChartSymbol:
    """The ticker's symbol as it is now; UnknownSymbol when there is none."""
    found = chart_symbols_named([ticker.symbol]).get(ticker.symbol)
    if found is None:
        raise UnknownSymbol(str(ticker))
    return found


def instrument_of(symbol: ChartSymbol, series: Series, *, now: int) -> Instrument:
    """The symbol with its steps: the exchange's, or else the finest that its candles show."""
    price_step, volume_step = symbol.tick_size or None, symbol.step_size or None
    if price_step is None or volume_step is None:
        rows = klines_list(symbol_id=symbol.id, interval=Interval.D1, limit=_DAYS_LOOKED_AT, now=now).rows()
        price_step = price_step or finest_step(price for row in rows for price in row[1:5])
        volume_step = volume_step or finest_step(row[5] for row in rows)
    return Instrument(symbol, series, price_step, volume_step)
