"""Folding minutes into higher timeframes, exactly.

open = first open, high = greatest high, low = least low, close = last close; volumes and the trade count are
sums, zero-trade minutes included: so does the exchange itself (proven on its own files in the tests).

A volume on the wire is a decimal; stored, it is the float64 nearest to it. Adding such floats drifts in the last
digits and depends on their order. So sums are taken over the decimals that the floats stand for, in integers, and
the total is rounded once: a rollup is the float nearest to the decimal sum of its minutes, whatever the order of
arrival, as long as each value has no more than eight decimals and is so small that neighbouring floats lie closer
together than its last decimals: below 2**26 with eight of them, 2**29 with seven, 2**33 with six, 2**36 with five. A
bar folded from bars needs that of these.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from market.domain.batch import CandleBatch
from market.domain.frame import VOLUME_COLUMNS, CandleFrame, FloatArray, IntArray
from market.domain.interval import Interval

# Each timeframe and the finer one that it is folded from; weeks and months cannot come from each other, for a week can
# lie in two months. Hours are the coarsest parents there are: from a day's quote volume in the billions a float no
# longer tells the last of seven decimals, so the sum of a month of such days would be off by a bit.
PARENTS: Final[tuple[tuple[Interval, Interval], ...]] = (
    (Interval.M5, Interval.M1),
    (Interval.M15, Interval.M5),
    (Interval.H1, Interval.M15),
    (Interval.H4, Interval.H1),
    (Interval.D1, Interval.H1),
    (Interval.W1, Interval.H1),
    (Interval.MN1, Interval.H1),
)

_DECIMALS: Final = 8
_UNIT: Final = 10**_DECIMALS
_POWERS: Final[IntArray] = 10 ** np.arange(_DECIMALS + 1, dtype=np.int64)
# Below the n-th threshold, a power of two, neighbouring float64 lie closer together than decimals to (8 - n) places
# do, so the nearest such decimal is the one meant. 2**53 units would be too generous: up to 90,071,992 it grants eight
# places, but from 2**26 = 67,108,864 on the neighbours are 1.5e-8 apart, and a rounding error looks like a digit.
_THRESHOLDS: Final[FloatArray] = 2.0 ** np.floor(53 - np.log2(_POWERS[::-1]))


def fold(frame: CandleFrame, interval: Interval) -> CandleFrame:
    """The bars of `interval` that an ordered frame of finer bars makes; a bucket without a row makes none.

    Raises ValueError when the frame is not ordered: first and last would be wrong.
    """
    return fold_batch(CandleBatch.of(0, frame), interval).frame


def fold_batch(batch: CandleBatch, interval: Interval) -> CandleBatch:
    """`fold` for an ordered batch of many symbols at once."""
    if not len(batch):
        return batch
    if not batch.is_ordered:
        raise ValueError("only candles that are ascending and unique in time can be folded")
    frame, symbols = batch.frame, batch.symbol_id
    buckets = interval.floor_array(frame.time)
    begins = (buckets[1:] != buckets[:-1]) | (symbols[1:] != symbols[:-1])
    firsts = np.flatnonzero(np.concatenate(([True], begins)))
    lasts = np.concatenate((firsts[1:], [len(frame)])) - 1
    bars = CandleFrame(
        time=buckets[firsts],
        open=frame.open[firsts],
        high=np.maximum.reduceat(frame.high, firsts),
        low=np.minimum.reduceat(frame.low, firsts),
        close=frame.close[lasts],
        trade_count=np.add.reduceat(frame.trade_count, firsts),
        **{column: decimal_sums(getattr(frame, column), firsts) for column in VOLUME_COLUMNS},
    )
    return CandleBatch(symbols[firsts], bars)


def decimal_sums(values: FloatArray, firsts: IntArray) -> FloatArray:
    """Sums of the runs that begin at `firsts`, each the float64 nearest to the sum of the decimals.

    `values` are not negative and below 2**53. Each is split into its whole part and its decimals in units of
    10**-8, both exact integers; only the last step rounds.
    """
    whole = np.floor(values)
    # Decimals that a float of this size can tell apart: rounding to more would read noise as digits.
    if values.max() < _THRESHOLDS[0]:
        units = np.rint((values - whole) * _UNIT).astype(np.int64)
    else:
        scale = _POWERS[_DECIMALS - np.searchsorted(_THRESHOLDS, values, side="right").clip(max=_DECIMALS)]
        units = np.rint((values - whole) * scale).astype(np.int64) * (_UNIT // scale)
    whole_sums = np.add.reduceat(whole.astype(np.int64), firsts)
    unit_sums = np.add.reduceat(units, firsts)
    carry, rest = np.divmod(unit_sums, _UNIT)
    whole_sums += carry
    # One division rounds correctly while the total in units is an exact float; above, whole and rest are added,
    # and the error of the rest lies far below the last bit of the total.
    small = whole_sums < _THRESHOLDS[0]
    totals = np.where(small, whole_sums, 0) * _UNIT + rest
    return np.where(small, totals / _UNIT, whole_sums + rest / _UNIT)
