"""Frames as the rows that charts and the push work with."""

from __future__ import annotations

from market.domain.bar import BarRow
from market.domain.frame import CandleFrame


def rows_of(frame: CandleFrame) -> list[BarRow]:
    columns = (frame.time, frame.open, frame.high, frame.low, frame.close, frame.volume)
    more = (frame.taker_buy_volume, frame.quote_volume, frame.trade_count)
    return list(zip(*(column.tolist() for column in (*columns, *more)), strict=True))
