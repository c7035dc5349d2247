"""What the tables have to hold, computed from the double's exact integers."""

from __future__ import annotations

import numpy as np

from feeds.fakebinance.bars import Bars
from market.domain.frame import CandleFrame, FloatArray, IntArray
from market.domain.interval import Interval


def expected_bars(bars: Bars, interval: Interval) -> CandleFrame:
    """The timeframe's bars of one symbol's minutes.

    Sums are taken over integers and divided once, so each float is the one nearest to the decimal sum.
    """
    buckets = interval.floor_array(bars.time)
    firsts = np.flatnonzero(np.append(True, buckets[1:] != buckets[:-1]))
    lasts = np.append(firsts[1:], len(buckets)) - 1
    price, quantity, quote = bars.scale.price, bars.scale.quantity, bars.scale.quote
    return CandleFrame(
        time=buckets[firsts],
        open=_decimals(bars.open[firsts], price),
        high=_decimals(np.maximum.reduceat(bars.high, firsts), price),
        low=_decimals(np.minimum.reduceat(bars.low, firsts), price),
        close=_decimals(bars.close[lasts], price),
        volume=_decimals(np.add.reduceat(bars.volume, firsts), quantity),
        quote_volume=_decimals(np.add.reduceat(bars.quote_volume, firsts), quote),
        taker_buy_volume=_decimals(np.add.reduceat(bars.taker_buy_volume, firsts), quantity),
        taker_buy_quote_volume=_decimals(np.add.reduceat(bars.taker_buy_quote_volume, firsts), quote),
        trade_count=np.add.reduceat(bars.trade_count, firsts),
    )


def _decimals(units: IntArray, places: int) -> FloatArray:
    """The floats nearest to units * 10**-places. Python's division of whole numbers rounds once, whatever their size;
    numpy's would round the numerator first."""
    scale = 10**places
    return np.array([count / scale for count in units.tolist()], dtype=np.float64)
