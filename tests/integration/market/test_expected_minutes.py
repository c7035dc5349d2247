"""A listing or delisting moment that is announced late changes how many minutes stored days should have."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from market.domain.listing import ListedSymbol
from market.domain.source import Source
from market.models import LedgerDay
from market.services.symbols import symbols_sync
from tests.support.candles import load, make_symbol, ms, random_frame

pytestmark = pytest.mark.django_db

LISTED = ListedSymbol(
    name="BTCUSDT",
    status="TRADING",
    contract_type="PERPETUAL",
    base_asset="BTC",
    quote_asset="USDT",
    tick_size=Decimal("0.1"),
    step_size=Decimal("0.001"),
    onboard_ms=ms("2020-01-01"),
    delivery_ms=None,
)


def states() -> dict[str, tuple[int, str]]:
    return {str(entry.day): (entry.expected, entry.state) for entry in LedgerDay.objects.all()}


def test_a_day_on_which_trading_ended_is_complete_with_fewer_minutes() -> None:
    symbol = make_symbol("BTCUSDT")
    symbols_sync(listed=[LISTED])
    load(symbol, random_frame(1, ms("2024-03-04"), 1_440 + 540), Source.REST)
    assert states() == {"2024-03-04": (1_440, "rest"), "2024-03-05": (1_440, "partial")}
    assert symbols_sync(listed=[replace(LISTED, status="SETTLING", delivery_ms=ms("2024-03-05T09:00"))]) == 1
    assert states() == {"2024-03-04": (1_440, "rest"), "2024-03-05": (540, "rest")}


def test_a_day_before_the_listing_expects_nothing() -> None:
    symbol = make_symbol("BTCUSDT")
    load(symbol, random_frame(1, ms("2024-03-05T10:00"), 840), Source.REST)
    assert states() == {"2024-03-05": (1_440, "partial")}
    symbols_sync(listed=[replace(LISTED, onboard_ms=ms("2024-03-05T10:00"))])
    assert states() == {"2024-03-05": (840, "rest")}
