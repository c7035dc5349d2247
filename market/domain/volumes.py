"""The net volume of a page of bars at once."""

from __future__ import annotations

from typing import Final

import numpy as np

from market.domain.decimals import net_volume
from market.domain.frame import FloatArray

_UNITS: Final = 1e8
# Below this, floats tell eight decimal places apart with so much room that one rounding finds the decimal.
_SMALL: Final = 2.0**23
_COARSE_UNITS: Final = 1e4
_FIFTEEN_DIGITS: Final = 1e15


def net_volumes(volume: FloatArray, taker_buy_volume: FloatArray) -> FloatArray:
    """`net_volume` of each bar, to the bit; for volumes of ordinary size in a tenth of the time. This column would
    otherwise cost as much as all else that is done for a page."""
    # An infinity less an infinity is no number, and says so by itself.
    with np.errstate(invalid="ignore"):
        nearest: FloatArray = np.rint((2 * taker_buy_volume - volume) * _UNITS) / _UNITS
        # rint keeps the sign of a zero, which the domain's round() drops.
        nearest += 0.0
        (large,) = ((volume >= _SMALL) & np.isfinite(volume)).nonzero()
        if len(large):
            nearest[large] = _of_large(volume[large], taker_buy_volume[large])
    return nearest


def _of_large(volume: FloatArray, taker_buy_volume: FloatArray) -> FloatArray:
    """The same where the eighth place is too fine.

    The exchange counts in thousandths. Of at most fifteen digits no two decimals are one float, so a float that is the
    nearest to so many ten-thousandths stands for them and for nothing else. Whatever is no such number is reckoned as
    a decimal.
    """
    units, bought = np.rint(volume * _COARSE_UNITS), np.rint(taker_buy_volume * _COARSE_UNITS)
    is_known = (units / _COARSE_UNITS == volume) & (bought / _COARSE_UNITS == taker_buy_volume)
    is_known &= (units < _FIFTEEN_DIGITS) & (np.abs(bought) < _FIFTEEN_DIGITS)
    net: FloatArray = (2 * bought - units) / _COARSE_UNITS
    for row in (~is_known).nonzero()[0]:
        net[row] = net_volume(float(volume[row]), float(taker_buy_volume[row]))
    return net
