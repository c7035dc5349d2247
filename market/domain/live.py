"""Bars that are still growing: a longer bar from the minutes that have come so far."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from market.domain.candle import Candle
from market.domain.interval import Interval


def extend(bar: Candle | None, minute: Candle, interval: Interval, *, is_closed: bool = False) -> Candle:
    """The bar of `interval` with one more minute, which follows all that are in it; None begins a bar.

    The minute may itself be forming. Volumes are added as the decimals that they stand for, like `rollup.fold`.
    Raises ValueError for a minute of another bucket.
    """
    start = interval.floor(minute.time)
    if bar is None:
        return replace(minute, time=start, is_closed=is_closed)
    if bar.time != start:
        raise ValueError(f"the minute {minute.time} belongs to the bucket {start}, not to {bar.time}")
    return Candle(
        symbol=bar.symbol,
        time=start,
        open=bar.open,
        high=max(bar.high, minute.high),
        low=min(bar.low, minute.low),
        close=minute.close,
        volume=_sum(bar.volume, minute.volume),
        quote_volume=_sum(bar.quote_volume, minute.quote_volume),
        taker_buy_volume=_sum(bar.taker_buy_volume, minute.taker_buy_volume),
        taker_buy_quote_volume=_sum(bar.taker_buy_quote_volume, minute.taker_buy_quote_volume),
        trade_count=bar.trade_count + minute.trade_count,
        is_closed=is_closed,
    )


def _sum(left: float, right: float) -> float:
    # repr is the shortest decimal that stands for the float, hence the one on the wire.
    return float(Decimal(repr(left)) + Decimal(repr(right)))
