"""The exchange's list of symbols: read leniently, entry by entry."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from feeds.binance.listing import listed_symbols


def entry(**changes: Any) -> dict[str, Any]:
    whole = {
        "symbol": "BTCUSDT",
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1567965300000,
        "status": "TRADING",
        "baseAsset": "BTC",
        "quoteAsset": "USDT",
        "pricePrecision": 2,
        "filters": [
            {"minPrice": "556.80", "filterType": "PRICE_FILTER", "tickSize": "0.10", "maxPrice": "4529764"},
            {"stepSize": "0.001", "maxQty": "1000", "minQty": "0.001", "filterType": "LOT_SIZE"},
        ],
    }
    return whole | changes


def test_the_tick_comes_from_the_filter_not_from_the_precision() -> None:
    symbol = listed_symbols({"symbols": [entry()]}).symbols[0]
    assert (symbol.tick_size, symbol.step_size) == (Decimal("0.10"), Decimal("0.001"))


def test_filters_come_in_any_order_and_kind() -> None:
    filters = [{"filterType": "NEW"}, "odd", *reversed(entry()["filters"])]
    assert listed_symbols({"symbols": [entry(filters=filters)]}) == listed_symbols({"symbols": [entry()]})


def test_a_perpetual_has_no_end() -> None:
    assert listed_symbols({"symbols": [entry()]}).symbols[0].delivery_ms is None


def test_a_settling_symbol_keeps_its_end_and_its_status() -> None:
    symbol = listed_symbols({"symbols": [entry(status="SETTLING", deliveryDate=1_750_000_000_000)]}).symbols[0]
    assert (symbol.status, symbol.delivery_ms) == ("SETTLING", 1_750_000_000_000)


def test_unknown_statuses_and_contract_types_are_kept_as_spelt() -> None:
    symbol = listed_symbols({"symbols": [entry(status="NEW_WORD", contractType="MOON_PERPETUAL")]}).symbols[0]
    assert (symbol.status, symbol.contract_type) == ("NEW_WORD", "MOON_PERPETUAL")


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (entry(filters=[]), "BTCUSDT: PRICE_FILTER.tickSize"),
        (entry(filters=None), "BTCUSDT: PRICE_FILTER.tickSize"),
        (entry(filters=[{"filterType": "PRICE_FILTER", "tickSize": "0"}]), "BTCUSDT: PRICE_FILTER.tickSize"),
        (entry(filters=[{"filterType": "PRICE_FILTER", "tickSize": "ten"}]), "BTCUSDT: PRICE_FILTER.tickSize"),
        (entry(filters=[{"filterType": "PRICE_FILTER", "tickSize": 0.1}]), "BTCUSDT: PRICE_FILTER.tickSize"),
        (entry(onboardDate=None), "BTCUSDT: onboardDate"),
        (entry(onboardDate="2019"), "BTCUSDT: onboardDate"),
        (entry(deliveryDate="never"), "BTCUSDT: deliveryDate"),
        (entry(symbol=None), "entry 1: symbol"),
        (entry(status=""), "BTCUSDT: status"),
        ("text", "entry 1: not an object"),
    ],
)
def test_an_entry_that_lacks_something_is_left_out_with_its_reason(broken: Any, reason: str) -> None:
    listing = listed_symbols({"symbols": [entry(symbol="ETHUSDT"), broken]})
    assert [symbol.name for symbol in listing.symbols] == ["ETHUSDT"]
    assert len(listing.skipped) == 1
    assert listing.skipped[0].startswith(reason)
