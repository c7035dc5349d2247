"""The exchange's list of symbols (/fapi/v1/exchangeInfo) as domain objects.

The list is read leniently, because it grows: unknown keys are ignored, unknown statuses and contract types are kept as
the exchange spells them, filters may come in any order. An entry that lacks something this project needs is left out
with a reason and never takes the others with it.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

from market.domain.listing import ListedSymbol
from market.domain.window import EARLIEST_MS, LATEST_MS

# The delivery date that the exchange gives to contracts without an end: 2100-12-25 08:00 UTC.
PERPETUAL_DELIVERY_MS: Final = 4_133_404_800_000


class Listing(NamedTuple):
    """`symbols` in the exchange's order; `skipped` says for each entry left out which one and why; `unread`: the names
    of those, which are listed all the same."""

    symbols: list[ListedSymbol]
    skipped: list[str]
    unread: set[str]


class _UnusableError(Exception):
    """An entry lacks something; the text says what."""


def listed_symbols(reply: dict[str, Any]) -> Listing:
    """All entries that can be used, whatever their quote asset, status or contract type.

    Raises KeyError when the reply has no list of symbols at all. The reply's own `serverTime` is not read: the exchange
    serves this list from a cache and the time in it may be days old.
    """
    symbols: list[ListedSymbol] = []
    skipped: list[str] = []
    unread: set[str] = set()
    for position, entry in enumerate(reply["symbols"]):
        try:
            symbols.append(_symbol(entry))
        except _UnusableError as reason:
            name = entry.get("symbol") if isinstance(entry, dict) else None
            skipped.append(f"{name or f'entry {position}'}: {reason}")
            if isinstance(name, str):
                unread.add(name)
    return Listing(symbols, skipped, unread)


def _symbol(entry: object) -> ListedSymbol:
    if not isinstance(entry, dict):
        raise _UnusableError("not an object")
    filters = {item.get("filterType"): item for item in entry.get("filters") or () if isinstance(item, dict)}
    delivery = _time(entry, "deliveryDate", required=False)
    return ListedSymbol(
        name=_text(entry, "symbol"),
        status=_text(entry, "status"),
        contract_type=_text(entry, "contractType", may_be_empty=True),
        base_asset=_text(entry, "baseAsset"),
        quote_asset=_text(entry, "quoteAsset"),
        # pricePrecision is not the tick: BTCUSDT has a precision of 2 and a tick of 0.10.
        tick_size=_step(filters, "PRICE_FILTER", "tickSize"),
        step_size=_step(filters, "LOT_SIZE", "stepSize"),
        onboard_ms=_time(entry, "onboardDate"),
        delivery_ms=delivery if 0 < delivery < PERPETUAL_DELIVERY_MS else None,
    )


def _text(entry: dict[str, Any], key: str, *, may_be_empty: bool = False) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not (value or may_be_empty):
        raise _UnusableError(f"{key} is {value!r}, not a text")
    return value


def _time(entry: dict[str, Any], key: str, *, required: bool = True) -> int:
    """Milliseconds UTC; 0 for one that is absent and not required."""
    value = entry.get(key)
    if value is None and not required:
        return 0
    if type(value) is not int or not EARLIEST_MS <= value <= LATEST_MS:
        raise _UnusableError(f"{key} is {value!r}, not a time in milliseconds")
    return value


def _step(filters: dict[Any, dict[str, Any]], kind: str, key: str) -> Decimal:
    value = filters.get(kind, {}).get(key)
    try:
        step = Decimal(value) if isinstance(value, str) else Decimal("NaN")
    except InvalidOperation:
        step = Decimal("NaN")
    if not (step.is_finite() and step > 0):
        raise _UnusableError(f"{kind}.{key} is {value!r}, not a number above zero")
    return step
