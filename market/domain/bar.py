"""One bar as charts read it."""

from __future__ import annotations

from typing import Final

BAR_COLUMNS: Final = (
    *("time", "open", "high", "low", "close", "volume", "taker_buy_volume", "quote_volume", "trade_count"),
)
# The values of these columns (time in ms UTC); units as in `CandleFrame`. A plain tuple: charts read them by the
# thousand.
BarRow = tuple[int, float, float, float, float, float, float, float, int]
