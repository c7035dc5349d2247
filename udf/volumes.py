"""The net volume of a page of bars at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from market.domain.decimals import net_volume

_UNITS: Final = 1e8
# Below this, floats tell eight decimal places apart with so much room that one rounding finds the decimal.
_SMALL: Final = 2.0**23


def net_volumes(volume: Sequence[float], taker_buy_volume: Sequence[float]) -> npt.NDArray[np.float64]:
    """`net_volume` of each bar, to the bit; for volumes of ordinary size in a tenth of the time. This column would
    otherwise cost as much as all else that is done for a page."""
    whole = np.array(volume, dtype=np.float64)
    if not np.all(whole < _SMALL):
        return np.array(list(map(net_volume, volume, taker_buy_volume)), dtype=np.float64)
    nearest: npt.NDArray[np.float64] = np.rint((2 * np.array(taker_buy_volume) - whole) * _UNITS) / _UNITS
    # rint keeps the sign of a zero, which the domain's round() drops.
    return nearest + 0.0
