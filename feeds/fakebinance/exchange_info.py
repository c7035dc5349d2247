"""The exchangeInfo reply: every key of the real one, in its order."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from feeds.fakebinance.bars import decimal_text
from feeds.fakebinance.listings import NEVER_MS, Listing

HOUR_MS: Final = 3_600_000
# The reply comes out of a cache: its serverTime has been seen 37 hours old.
STALE_HOURS: Final = 37

_ASSETS: Final = (("USDT", "-10000"), ("BTC", "-0.10000000"), ("BNB", "0"), ("ETH", "0"), ("USDC", "-10000"))
_ORDER_TYPES: Final = (
    "LIMIT",
    "MARKET",
    "STOP",
    "STOP_MARKET",
    "TAKE_PROFIT",
    "TAKE_PROFIT_MARKET",
    "TRAILING_STOP_MARKET",
)


def exchange_info(listings: Iterable[Listing], now_ms: int, weight_limit: int) -> dict[str, Any]:
    """What is listed at the instant, delisted symbols included (as SETTLING, with the date in the past)."""
    return {
        "timezone": "UTC",
        "serverTime": (now_ms // HOUR_MS - STALE_HOURS) * HOUR_MS,
        "futuresType": "U_MARGINED",
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": weight_limit},
            {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 300},
        ],
        "exchangeFilters": [],
        "assets": [
            {"asset": asset, "marginAvailable": True, "autoAssetExchange": exchange} for asset, exchange in _ASSETS
        ],
        "symbols": [_symbol(listing, now_ms) for listing in listings if listing.onboard_ms <= now_ms],
    }


def _symbol(listing: Listing, now_ms: int) -> dict[str, Any]:
    # Before the day comes, a later delisting is not known: the symbol looks like any other.
    is_over = listing.delivery_ms <= now_ms
    return {
        "symbol": listing.name,
        "pair": listing.name,
        "contractType": "PERPETUAL",
        "deliveryDate": listing.delivery_ms if is_over else NEVER_MS,
        "onboardDate": listing.onboard_ms,
        "status": "SETTLING" if is_over else "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": listing.base_asset,
        "quoteAsset": listing.quote_asset,
        "marginAsset": listing.quote_asset,
        "pricePrecision": listing.price_decimals,
        "quantityPrecision": listing.quantity_decimals,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": list(listing.themes),
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10000,
        "filters": _filters(listing),
        "orderTypes": list(_ORDER_TYPES),
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
        "permissionSets": ["GRID", "COPY", "DCA", "PSB"],
    }


def _filters(listing: Listing) -> list[dict[str, Any]]:
    tick = decimal_text(listing.tick, listing.price_decimals)
    step = decimal_text(1, listing.quantity_decimals)
    most = f"{Decimal(str(listing.base_price)) * 100:f}"
    return [
        {"minPrice": tick, "filterType": "PRICE_FILTER", "tickSize": tick, "maxPrice": most},
        {"stepSize": step, "maxQty": "10000000", "minQty": step, "filterType": "LOT_SIZE"},
        {"stepSize": step, "maxQty": "1000000", "minQty": step, "filterType": "MARKET_LOT_SIZE"},
        {"limit": 200, "filterType": "MAX_NUM_ORDERS"},
        {"notional": "5", "filterType": "MIN_NOTIONAL"},
        {
            "filterType": "PERCENT_PRICE",
            "multiplierDown": "0.9500",
            "multiplierUp": "1.0500",
            "multiplierDecimal": "4",
        },
        {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE"},
    ]
