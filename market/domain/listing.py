"""A symbol as the exchange lists it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from market.domain.window import TimeWindow


@dataclass(frozen=True, slots=True)
class ListedSymbol:
    """One entry of the exchange's list.

    `status` and `contract_type` are the exchange's own words, unknown ones included. `tick_size` is the
    smallest price step, `step_size` the smallest quantity step. Times are milliseconds UTC; `delivery_ms` is
    None for a contract without an end.
    """

    name: str
    status: str
    contract_type: str
    base_asset: str
    quote_asset: str
    tick_size: Decimal
    step_size: Decimal
    onboard_ms: int
    delivery_ms: int | None

    def life(self, until: int) -> TimeWindow:
        """From listing to delisting, or to `until` while it is listed."""
        end = until if self.delivery_ms is None else min(until, self.delivery_ms)
        return TimeWindow(self.onboard_ms, max(self.onboard_ms, end))
