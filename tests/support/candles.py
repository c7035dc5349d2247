"""Symbols and candles for tests."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Final

import numpy as np

from market.domain.batch import CandleBatch
from market.domain.frame import CandleFrame, FloatArray, IntArray
from market.domain.listing import ListedSymbol
from market.domain.source import LoadedFile, Source
from market.domain.window import MINUTE_MS
from market.models import Symbol
from market.services.candles import Ingested, candles_ingest


def ms(text: str) -> int:
    """Milliseconds of an ISO date or time, in UTC unless it says otherwise."""
    moment = dt.datetime.fromisoformat(text)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return round(aware.timestamp() * 1_000)


# How the exchange lists a symbol that trades.
LISTED: Final = ListedSymbol(
    name="BTCUSDT",
    status="TRADING",
    contract_type="PERPETUAL",
    base_asset="BTC",
    quote_asset="USDT",
    tick_size=Decimal("0.1"),
    step_size=Decimal("0.001"),
    onboard_ms=ms("2020-01-01"),
    delivery_ms=None,
)


def make_symbol(name: str = "BTCUSDT", *, tracked: bool = False, **values: object) -> Symbol:
    """A stored symbol that the exchange lists; `values` are fields of the model."""
    symbol = Symbol(name=name, is_tracked=tracked, **{"status": "TRADING", "contract_type": "PERPETUAL", **values})
    symbol.save()
    return symbol


def random_frame(seed: int, start: int, minutes: int) -> CandleFrame:
    """Valid candles for so many minutes from `start`: prices on a grid of 0.01, volumes of 0.001, one minute in ten
    without a trade. The same arguments give the same candles."""
    random = np.random.default_rng(seed)
    closes = 1_000_000 + np.cumsum(random.integers(-50, 51, minutes))
    quiet = random.random(minutes) < 0.1
    closes[quiet] = np.concatenate(([1_000_000], closes[:-1]))[quiet]
    opens = np.concatenate(([1_000_000], closes[:-1]))
    opens[quiet] = closes[quiet]
    reach = np.where(quiet, 0, random.integers(0, 80, minutes))
    volume = np.where(quiet, 0, random.integers(1, 5_000_000, minutes))
    taker = (volume * random.random(minutes)).astype(np.int64)
    return CandleFrame(
        time=start + MINUTE_MS * np.arange(minutes, dtype=np.int64),
        open=_grid(opens, 2),
        high=_grid(np.maximum(opens, closes) + reach, 2),
        low=_grid(np.minimum(opens, closes) - reach, 2),
        close=_grid(closes, 2),
        volume=_grid(volume, 3),
        quote_volume=_grid(volume * closes, 5),
        taker_buy_volume=_grid(taker, 3),
        taker_buy_quote_volume=_grid(taker * closes, 5),
        trade_count=np.where(quiet, 0, random.integers(1, 900, minutes)).astype(np.int64),
    )


def _grid(units: IntArray, decimals: int) -> FloatArray:
    # One division of two exact numbers: the float nearest to the decimal.
    return units / float(10**decimals)


def load(
    symbol: Symbol, frame: CandleFrame, source: Source = Source.DAILY, *, file: LoadedFile | None = None
) -> Ingested:
    """Store the frame as the services do."""
    return candles_ingest(batch=CandleBatch.of(symbol.id, frame), source=source, file=file)


def issue(path: str, digest: str, rows: int = 1) -> LoadedFile:
    """An archive file as it was downloaded; another digest at the same path is a newer issue of it."""
    return LoadedFile(path=path, sha256=digest.ljust(64, "0"), size=1_000, rows=rows)
