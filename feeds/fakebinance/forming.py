"""The bar that is still open: what a closed minute had shown part of the way through it."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from feeds.fakebinance.bars import COLUMNS, MINUTE_MS, Bars

# Trade i of n stands in the middle of the i-th n-th part of the minute: busy minutes have trades within their last
# quarter of a second, which no frame shows before the closing one; quiet minutes have shown all before they close.
_HALF_MS: Final = MINUTE_MS // 2


class Minute(NamedTuple):
    """One bar as plain integers, in the columns and units of `Bars`: arithmetic on single bars is an order of
    magnitude faster so than in arrays of one."""

    time: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    quote_volume: int
    trade_count: int
    taker_buy_volume: int
    taker_buy_quote_volume: int


def minutes_of(bars: Bars) -> list[Minute]:
    """The rows of some bars."""
    return [Minute(*row) for row in zip(*(getattr(bars, name).tolist() for name in COLUMNS), strict=True)]


def trades_by(total: int, elapsed_ms: int) -> int:
    """How many of a minute's `total` trades have come, `elapsed_ms` after it opened (0 to MINUTE_MS)."""
    return (total * elapsed_ms + _HALF_MS) // MINUTE_MS


def first_trade_ms(total: int) -> int:
    """How long after its opening a minute with `total` trades (at least one) has the first of them."""
    return -(-_HALF_MS // total)


def after(final: Minute, done: int) -> Minute:
    """The bar after `done` of its trades (at least one), given how it closes; after all of them it is `final`.

    Trades walk from the open over both extremes to the close, in straight lines of equal length; an even open time
    meets the high first, an odd one the low. Volumes grow with the trades and never fall. A pure function.
    """
    total = final.trade_count
    if done >= total:
        return final
    opened, high, low, close = final.open, final.high, final.low, final.close
    path = (opened, high, low, close) if final.time // MINUTE_MS % 2 == 0 else (opened, low, high, close)
    span = total - 1
    leg, within = divmod(3 * (done - 1), span)
    # The largest step that all four prices of the bar lie on.
    tick = math.gcd(opened, high, low, close)
    here = path[leg] + (path[leg + 1] - path[leg]) * within // span // tick * tick
    seen = (*path[: leg + 1], here)
    return Minute(
        final.time,
        opened,
        max(seen),
        min(seen),
        here,
        final.volume * done // total,
        final.quote_volume * done // total,
        done,
        final.taker_buy_volume * done // total,
        final.taker_buy_quote_volume * done // total,
    )


def partial(final: Bars, *, previous_close: int, elapsed_ms: int) -> Bars:
    """One row: the bar `elapsed_ms` after its minute opened, given how it will close, as REST shows it.

    Trades come evenly over the minute (`trades_by`). Before the first one the bar is flat at `previous_close` with
    zeros; after the whole minute the row is `final`.
    """
    if elapsed_ms >= MINUTE_MS:
        return final
    (minute,) = minutes_of(final)
    done = trades_by(minute.trade_count, max(elapsed_ms, 0))
    if done == 0:
        flat = previous_close
        return _row(final, Minute(minute.time, flat, flat, flat, flat, 0, 0, 0, 0, 0))
    return _row(final, after(minute, done))


def _row(final: Bars, minute: Minute) -> Bars:
    return Bars(final.scale, *(np.array([value], dtype=np.int64) for value in minute))
