"""Arithmetic on floats that stand for decimals.

A volume on the wire is a decimal of at most eight places; here it is the float64 nearest to it. Adding two such floats
leaves an error in the last bits, which a client would see as 104.62900000000081. Rounded to as many places as floats of
that size still tell apart, the result is again the float nearest to the decimal.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

# Below the n-th limit, a power of two, the sum of two floats is off by less than half a unit of the (8 - n)-th place,
# the error of scaling included; and scaled, it is an exact integer.
_LIMITS: Final = [2.0**power for power in (23, 26, 30, 33, 36, 40, 43, 46)]
_SCALES: Final = [10.0**places for places in range(8, -1, -1)]


def plus(left: float, right: float) -> float:
    """The sum of two decimals."""
    total = left + right
    return _nearest(total, total)


def net_volume(volume: float, taker_buy_volume: float) -> float:
    """Taker-buy volume less taker-sell volume, of which together `volume` consists."""
    return _nearest(2 * taker_buy_volume - volume, volume)


def _nearest(value: float, size: float) -> float:
    """The decimal meant by a value that was computed from floats up to this size."""
    scale = _SCALES[bisect_right(_LIMITS, size)]
    # A quarter of the time that round(value, places) takes: charts ask this for each of their bars.
    return round(value * scale) / scale
