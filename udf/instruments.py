"""The names that charts can ask for, and how each is described to them.

Every symbol stands for three instruments: its price (``BTCUSDT``), and as series of one value a bar its net volume
(``BTCUSDT#NV``) and its taker-buy volume (``BTCUSDT#TBV``), which a custom study can ask for like any other ticker.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from market.selectors.quotes import ChartSymbol
from udf.resolutions import INTRADAY, SUPPORTED

EXCHANGE: Final = "BINANCE"
TYPE: Final = "crypto"
# Where neither the exchange's list nor a candle tells: fine enough for any symbol of the exchange.
FINEST: Final = Decimal("0.00000001")


class Series(Enum):
    """Which value of a bar an instrument shows; the value is the end of its name."""

    PRICE = ""
    NET_VOLUME = "#NV"
    TAKER_BUY_VOLUME = "#TBV"


_TITLES: Final = {Series.NET_VOLUME: "net volume", Series.TAKER_BUY_VOLUME: "taker buy volume"}


@dataclass(frozen=True, slots=True)
class Ticker:
    """The name of an instrument, taken apart; `symbol` is upper case."""

    symbol: str
    series: Series

    @classmethod
    def parse(cls, text: str) -> Ticker:
        """Read ``BTCUSDT`` or ``BINANCE:BTCUSDT`` in any case, with or without a series at its end.

        Whatever else stands there is left in the symbol's name, which is then not known.
        """
        name = text.strip().upper().removeprefix(f"{EXCHANGE}:")
        for series in (Series.NET_VOLUME, Series.TAKER_BUY_VOLUME):
            if name.endswith(series.value):
                return cls(name.removesuffix(series.value), series)
        return cls(name, Series.PRICE)

    def __str__(self) -> str:
        return self.symbol + self.series.value


@dataclass(frozen=True, slots=True)
class Scale:
    """A step of values as charts count it: ``minmov / pricescale``, where `pricescale` is a power of ten."""

    pricescale: int
    minmov: int
    decimals: int

    @classmethod
    def of(cls, step: Decimal) -> Scale:
        """The scale of a positive step: 0.10 is 1/10, 0.5 is 5/10, 10 is 10/1."""
        exponent = step.normalize().as_tuple().exponent
        decimals = max(0, -int(exponent))
        return cls(10**decimals, int(step.scaleb(decimals)), decimals)


def finest_step(values: Iterable[float]) -> Decimal:
    """The power of ten, at most 1, that all these values are multiples of; `FINEST` when there are none."""
    exponents = [int(Decimal(repr(value)).normalize().as_tuple().exponent) for value in values]
    return Decimal(1).scaleb(min(0, *exponents)) if exponents else FINEST


@dataclass(frozen=True, slots=True)
class Instrument:
    """A symbol and the series of it that is shown. Both steps are positive."""

    symbol: ChartSymbol
    series: Series
    price_step: Decimal
    volume_step: Decimal

    @property
    def name(self) -> str:
        return self.symbol.name + self.series.value

    @property
    def scale(self) -> Scale:
        return Scale.of(self.price_step if self.series is Series.PRICE else self.volume_step)

    @property
    def plots(self) -> str:
        return "ohlcv" if self.series is Series.PRICE else "c"


def description(symbol: ChartSymbol, series: Series) -> str:
    """``BTC / USDT Perpetual``, as far as the exchange's list told."""
    pair = f"{symbol.base_asset} / {symbol.quote_asset}" if symbol.base_asset and symbol.quote_asset else symbol.name
    words = [pair, symbol.contract_type.replace("_", " ").title(), _TITLES.get(series, "")]
    return " ".join(word for word in words if word)


def symbol_info(instrument: Instrument) -> dict[str, Any]:
    """The answer to /symbols. It must not have a key ``s``: any value of it means failure to the client."""
    scale = instrument.scale
    info: dict[str, Any] = {
        "name": instrument.name,
        "ticker": instrument.name,
        "description": description(instrument.symbol, instrument.series),
        "type": TYPE,
        "exchange": EXCHANGE,
        "listed_exchange": EXCHANGE,
        "session": "24x7",
        "timezone": "Etc/UTC",
        "format": "price",
        "pricescale": scale.pricescale,
        "minmov": scale.minmov,
        "has_intraday": True,
        "intraday_multipliers": INTRADAY,
        "has_daily": True,
        "has_weekly_and_monthly": True,
        "supported_resolutions": list(SUPPORTED),
        "visible_plots_set": instrument.plots,
        "volume_precision": Scale.of(instrument.volume_step).decimals,
        "data_status": "streaming",
    }
    unit = instrument.symbol.quote_asset if instrument.series is Series.PRICE else ""
    return {**info, "currency_code": unit} if unit else info


def symbol_table(instruments: list[Instrument]) -> dict[str, Any]:
    """The answer to /symbol_info: one array for each column that differs, in its hyphenated names."""
    return {
        "symbol": [instrument.name for instrument in instruments],
        "ticker": [instrument.name for instrument in instruments],
        "description": [description(instrument.symbol, instrument.series) for instrument in instruments],
        "currency-code": [instrument.symbol.quote_asset for instrument in instruments],
        "pricescale": [instrument.scale.pricescale for instrument in instruments],
        "minmovement": [instrument.scale.minmov for instrument in instruments],
        "volume-precision": [Scale.of(instrument.volume_step).decimals for instrument in instruments],
        "exchange-listed": EXCHANGE,
        "exchange-traded": EXCHANGE,
        "type": TYPE,
        "session-regular": "24x7",
        "timezone": "Etc/UTC",
        "has-intraday": True,
        "has-daily": True,
        "has-weekly-and-monthly": True,
        "intraday-multipliers": INTRADAY,
        "supported-resolutions": list(SUPPORTED),
        "visible-plots-set": "ohlcv",
    }


def search_item(symbol: ChartSymbol, series: Series) -> dict[str, str]:
    """One entry of the answer to /search."""
    name = symbol.name + series.value
    return {
        "symbol": name,
        "ticker": name,
        "full_name": f"{EXCHANGE}:{name}",
        "description": description(symbol, series),
        "exchange": EXCHANGE,
        "type": TYPE,
    }


def search(symbols: Iterable[ChartSymbol], query: str) -> list[tuple[ChartSymbol, Series]]:
    """The instruments that a text (in any case) is found in: names that begin with it first, tracked ones first.

    The volume series are found by what they are called, and by nothing that also finds the price.
    """
    wanted = query.strip().upper().removeprefix(f"{EXCHANGE}:")
    found = []
    for symbol in symbols:
        for series in Series:
            name = symbol.name + series.value
            if series is Series.PRICE:
                is_found = wanted in name or wanted in description(symbol, series).upper()
            else:
                is_found = "#" in wanted and wanted in name
            if is_found:
                found.append((not name.startswith(wanted), not symbol.is_tracked, name, symbol, series))
    found.sort(key=lambda entry: entry[:3])
    return [(symbol, series) for *_, symbol, series in found]
