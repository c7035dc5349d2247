"""The net volume of a page of bars at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

# For volumes below the n-th limit, 2 * taker_buy - volume is exact enough to be read as a decimal of so many places.
_LIMITS: Final = np.array([2.0**power for power in (23, 26, 30, 33, 36, 40, 43, 46)])
_SCALES: Final = np.array([10.0**places for places in range(8, -1, -1)])


def net_volumes(volume: Sequence[float], taker_buy_volume: Sequence[float]) -> npt.NDArray[np.float64]:
    """`market.domain.decimals.net_volume` of each bar, to the bit, in a tenth of the time: half of what a page of a
    thousand bars costs would otherwise be this column."""
    whole, bought = np.array(volume, dtype=np.float64), np.array(taker_buy_volume, dtype=np.float64)
    scale = _SCALES[np.searchsorted(_LIMITS, whole, side="right")]
    nearest: npt.NDArray[np.float64] = np.rint((2 * bought - whole) * scale) / scale
    # rint keeps the sign of a zero, for which the domain's round() has none.
    return nearest + 0.0
