"""The bar that is still open: what a closed minute had shown part of the way through it."""

from __future__ import annotations

import numpy as np

from feeds.fakebinance.bars import MINUTE_MS, Bars


def partial(final: Bars, *, previous_close: int, elapsed_ms: int) -> Bars:
    """One row: the bar `elapsed_ms` after its minute opened, given how it will close.

    Trades come evenly over the minute and walk from the open over both extremes to the close, in straight lines;
    an even open time meets the high first, an odd one the low. Before the first trade the bar is flat at
    `previous_close` with zeros, as REST shows it. Volumes grow with the trades and never fall, and after the
    whole minute the row is `final`. Streams may call it for any instant: equal arguments give equal bars.
    """
    if elapsed_ms >= MINUTE_MS:
        return final
    total = int(final.trade_count[0])
    done = total * max(elapsed_ms, 0) // MINUTE_MS
    if done == 0:
        return _row(final, [previous_close] * 4, [0, 0, 0, 0, 0])
    opened, high, low, close = (int(column[0]) for column in (final.open, final.high, final.low, final.close))
    extremes = (high, low) if int(final.time[0]) // MINUTE_MS % 2 == 0 else (low, high)
    path = (opened, *extremes, close)
    # The walk has three legs of equal length; the last trade stands at its end.
    leg, within = divmod(3 * (done - 1), max(total - 1, 1))
    tick = _tick(final)
    here = path[leg] + (path[min(leg + 1, 3)] - path[leg]) * within // max(total - 1, 1) // tick * tick
    seen = (*path[: leg + 1], here)

    def share(amount: int) -> int:
        return amount * done // total

    volume, taker = share(int(final.volume[0])), share(int(final.taker_buy_volume[0]))
    quote, taker_quote = share(int(final.quote_volume[0])), share(int(final.taker_buy_quote_volume[0]))
    return _row(final, [opened, max(seen), min(seen), here], [volume, quote, done, taker, taker_quote])


def _tick(final: Bars) -> int:
    """The largest step that all four prices of the bar lie on."""
    return max(1, int(np.gcd.reduce([final.open[0], final.high[0], final.low[0], final.close[0]])))


def _row(final: Bars, prices: list[int], amounts: list[int]) -> Bars:
    return Bars(final.scale, final.time, *(np.array([value], dtype=np.int64) for value in (*prices, *amounts)))
