"""One bar as charts read it."""

from __future__ import annotations

# (open time in ms UTC, open, high, low, close, volume, taker_buy_volume, quote_volume, trade_count); units as in
# `CandleFrame`. A plain tuple: charts read them by the thousand.
BarRow = tuple[int, float, float, float, float, float, float, float, int]
