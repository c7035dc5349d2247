"""One live candle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

from market.domain.decimals import net_volume
from market.domain.frame import COLUMNS


@dataclass(frozen=True, slots=True)
class Candle:
    """One bar of one symbol as a stream delivers it; units as in `CandleFrame`.

    `is_closed` is the exchange's own word. Nothing else may set it: a bar that looks finished by the clock
    can still receive a trade.
    """

    symbol: str
    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    quote_volume: float
    taker_buy_volume: float
    taker_buy_quote_volume: float
    trade_count: int
    is_closed: bool

    @property
    def net_volume(self) -> float:
        """Taker-buy volume less taker-sell volume, in the base asset."""
        return net_volume(self.volume, self.taker_buy_volume)


# A candle's values in the order of a frame's columns.
values_of: Final[Callable[[Candle], tuple[Any, ...]]] = attrgetter(*COLUMNS)
