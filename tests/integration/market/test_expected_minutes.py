"""A listing or delisting moment that is announced late changes how many minutes stored days should have."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from market.domain.source import Source
from market.models import LedgerDay
from market.services.ledger import days_settle
from market.services.symbols import symbols_sync
from tests.support.candles import LISTED, load, make_symbol, ms, random_frame

pytestmark = pytest.mark.django_db


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


def test_a_day_that_was_given_up_is_open_again_when_more_of_it_was_lived() -> None:
    """That no source has more was said of the minutes that were asked for."""
    symbol = make_symbol("BTCUSDT")
    symbols_sync(listed=[replace(LISTED, onboard_ms=ms("2024-03-05T10:00"))])
    symbol.refresh_from_db()
    days_settle(symbol=symbol, days=[dt.date(2024, 3, 4), dt.date(2024, 3, 5)], line="none has more")
    symbols_sync(listed=[replace(LISTED, onboard_ms=ms("2024-03-05T08:00"))])
    assert dict(LedgerDay.objects.values_list("day", "is_settled")) == {
        dt.date(2024, 3, 4): True,
        dt.date(2024, 3, 5): False,
    }
