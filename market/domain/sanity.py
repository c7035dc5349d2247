"""Which minutes of a source without a checksum can be minutes at all."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from market.domain.frame import PRICE_COLUMNS, VOLUME_COLUMNS, CandleFrame
from market.domain.window import EARLIEST_MS, MINUTE_MS

# Sums of the same decimals in another order differ in their last digits.
_ROUNDING: Final = 1e-9


def impossible(frame: CandleFrame, *, before: int) -> dict[str, npt.NDArray[np.bool_]]:
    """By reason, the rows that it holds for: closed minutes that open before `before` (ms) are expected, ascending and
    unique, with finite positive prices, the high highest and the low lowest, and no more bought than traded."""
    prices = np.stack([getattr(frame, name) for name in PRICE_COLUMNS])
    volumes = np.stack([getattr(frame, name) for name in VOLUME_COLUMNS])
    with np.errstate(invalid="ignore"):
        return {
            "its time is no whole minute": frame.time % MINUTE_MS != 0,
            "its time is not of this market": (frame.time < EARLIEST_MS) | (frame.time >= before),
            "the minute stands there twice": np.append(False, frame.time[1:] <= frame.time[:-1]),
            "a price is not a positive number": ~(np.isfinite(prices) & (prices > 0)).all(axis=0),
            "a volume is not a number from 0 on": ~(np.isfinite(volumes) & (volumes >= 0)).all(axis=0),
            "the high is not the highest": frame.high < prices.max(axis=0),
            "the low is not the lowest": frame.low > prices.min(axis=0),
            "more was bought than traded": frame.taker_buy_volume > frame.volume * (1 + _ROUNDING),
            "a count of trades is negative": frame.trade_count < 0,
        }
