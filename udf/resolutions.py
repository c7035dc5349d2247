"""TradingView's names of the timeframes: minutes as a bare number, then D, W and M, whose 1 may be left out."""

from __future__ import annotations

from typing import Final

from market.domain.interval import Interval

# In the order of charts' menus; what /config and every symbol announce.
SUPPORTED: Final[dict[str, Interval]] = {
    "1": Interval.M1,
    "5": Interval.M5,
    "15": Interval.M15,
    "60": Interval.H1,
    "240": Interval.H4,
    "1D": Interval.D1,
    "1W": Interval.W1,
    "1M": Interval.MN1,
}
# Without this list a chart would build 240 from many more bars of 60.
INTRADAY: Final = [name for name in SUPPORTED if name.isdecimal()]
ACCEPTED: Final = {**SUPPORTED, "D": Interval.D1, "W": Interval.W1, "M": Interval.MN1}


def interval_of(resolution: str) -> Interval:
    """The timeframe of that name; case matters. ValueError names the valid ones."""
    try:
        return ACCEPTED[resolution]
    except KeyError:
        raise ValueError(f"expected one of {', '.join(ACCEPTED)}") from None
