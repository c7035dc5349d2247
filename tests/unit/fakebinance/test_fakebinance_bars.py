"""Text and numbers of bars."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.fakebinance.bars import HEADER, Bars, Scale, csv_columns, csv_text, decimal_text, decimal_texts
from feeds.fakebinance.listings import CATALOGUE
from feeds.fakebinance.market import GeneratedMarket
from market.domain.window import Month

_START = Month(2025, 11).window.start
_MARKET = GeneratedMarket(seed=3, listings=CATALOGUE.values(), history_start=_START)


def test_zero_is_printed_bare() -> None:
    assert decimal_text(0, 3) == "0"
    assert decimal_texts(np.array([0]), 3) == ["0"]


def test_numbers_below_one_keep_their_leading_zero() -> None:
    assert decimal_text(7, 4) == "0.0007"


def test_numbers_without_decimals_have_no_point() -> None:
    assert decimal_text(33_013, 0) == "33013"


@given(st.integers(1, 10**17), st.integers(0, 9))
def test_text_is_the_exact_decimal_with_fixed_decimals(units: int, decimals: int) -> None:
    text = decimal_text(units, decimals)
    assert Decimal(text) == Decimal(units).scaleb(-decimals)
    assert len(text.partition(".")[2]) == decimals
    assert decimal_texts(np.array([units]), decimals) == [text]


@pytest.mark.parametrize("symbol", ["BTCUSDT", "AVAXUSDT", "币安人生USDT", "LTCUSDT"])
def test_the_fast_csv_says_what_the_plain_columns_say(symbol: str) -> None:
    bars = _MARKET.minutes(symbol, _START, _START + 5 * 86_400_000)
    assert len(bars) == 7_200
    lines = [HEADER, *(",".join(row) for row in zip(*csv_columns(bars), strict=True))]
    assert csv_text(bars) == "".join(f"{line}\n" for line in lines).encode()


def test_a_csv_of_no_bars_is_the_header() -> None:
    assert csv_text(Bars.empty(Scale(2, 3, 5))) == f"{HEADER}\n".encode()


def test_floats_are_the_nearest_to_the_text() -> None:
    bars = _MARKET.minutes("DOGEUSDT", _START, _START + 86_400_000)
    frame, texts = bars.frame(), bars.texts()
    assert frame.close.tolist() == [float(text) for text in texts["close"]]
    assert frame.quote_volume.tolist() == [float(text) for text in texts["quote_volume"]]
    assert frame.taker_buy_volume.tolist() == [float(text) for text in texts["taker_buy_volume"]]
