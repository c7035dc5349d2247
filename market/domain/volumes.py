"""The net volume of a page of bars at once."""

from __future__ import annotations

from typing import Final

import numpy as np

from market.domain.decimals import net_volume
from market.domain.frame import FloatArray

_UNITS: Final = 1e8
# Below this, floats tell eight decimal places apart with so much room that one rounding finds the decimal.
_SMALL: Final = 2.0**23


def net_volumes(volume: FloatArray, taker_buy_volume: FloatArray) -> FloatArray:
    """`net_volume` of each bar, to the bit; for volumes of ordinary size in a tenth of the time. This column would
    otherwise cost as much as all else that is done for a page."""
    # An infinity less an infinity is no number, and says so by itself.
    with np.errstate(invalid="ignore"):
        nearest: FloatArray = np.rint((2 * taker_buy_volume - volume) * _UNITS) / _UNITS
    # rint keeps the sign of a zero, which the domain's round() drops.
    nearest += 0.0
    for row in np.flatnonzero((volume >= _SMALL) & np.isfinite(volume)):
        nearest[row] = net_volume(float(volume[row]), float(taker_buy_volume[row]))
    return nearest
