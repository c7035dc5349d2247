"""Bodies of the datafeed, from plain values."""

from __future__ import annotations

import datetime as dt
import json
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.domain.bar import BarRow
from market.domain.decimals import net_volume
from market.domain.interval import Interval
from market.domain.page import Page
from market.domain.volumes import net_volumes
from market.selectors.holes import Hole
from market.selectors.quotes import ChartSymbol
from tests.support.candles import ms
from tests.support.strategies import exact_decimals
from udf import payloads
from udf.instruments import Series

MINUTE = 60_000
BTC = ChartSymbol(1, "BTCUSDT", "PERPETUAL", "BTC", "USDT", Decimal("0.10"), Decimal("0.001"), is_tracked=True)

prices = st.floats(1e-8, 1e7)
volumes = exact_decimals()


@st.composite
def pages(draw: st.DrawFn) -> list[BarRow]:
    """Bars in a row, whatever their values."""
    first = draw(st.integers(0, 10**9)) * MINUTE
    count = draw(st.integers(1, 40))
    rows: list[BarRow] = []
    for index in range(count):
        bought, volume = sorted([draw(volumes), draw(volumes)])
        opened, high, low, close = (draw(prices) for _ in range(4))
        rows.append((first + index * MINUTE, opened, high, low, close, volume, bought, draw(volumes), 5))
    return rows


def strict(body: bytes) -> Any:
    """JSON as a browser reads it: no NaN and no infinity."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    return json.loads(body, parse_constant=refuse)


@given(pages())
def test_a_page_has_each_bar_in_each_column(rows: list[BarRow]) -> None:
    page = strict(payloads.history(Page.of_rows(rows), Series.PRICE))
    assert list(page) == ["s", "t", "o", "h", "l", "c", "v", "nv", "tbv"]
    assert page["s"] == "ok"
    assert page["t"] == [row[0] // 1_000 for row in rows]
    for column, place in {"o": 1, "h": 2, "l": 3, "c": 4, "v": 5, "tbv": 6}.items():
        assert page[column] == [row[place] for row in rows]
    assert page["nv"] == [net_volume(row[5], row[6]) for row in rows]


@given(pages())
def test_a_volume_series_is_its_value_in_all_four_prices(rows: list[BarRow]) -> None:
    for series, column in ((Series.NET_VOLUME, "nv"), (Series.TAKER_BUY_VOLUME, "tbv")):
        page = strict(payloads.history(Page.of_rows(rows), series))
        assert page["o"] == page["h"] == page["l"] == page["c"] == page[column]


@given(st.lists(st.tuples(volumes, volumes), min_size=1))
def test_net_volumes_are_the_domains_to_the_bit(pairs: list[tuple[float, float]]) -> None:
    whole, bought = [max(pair) for pair in pairs], [min(pair) for pair in pairs]
    found = net_volumes(np.array(whole), np.array(bought)).tolist()
    assert found == list(map(net_volume, whole, bought))
    assert not any(value == 0 and math.copysign(1, value) < 0 for value in found)


thousandths = st.integers(0, 10**16).map(lambda number: number / 1_000) | st.integers(0, 10**12).map(float)


@given(st.lists(st.tuples(thousandths, thousandths), min_size=1))
def test_net_volumes_of_a_month_are_the_domains_to_the_bit(pairs: list[tuple[float, float]]) -> None:
    whole, bought = [max(pair) for pair in pairs], [min(pair) for pair in pairs]
    assert net_volumes(np.array(whole), np.array(bought)).tolist() == list(map(net_volume, whole, bought))


def test_numbers_that_json_does_not_have_become_null() -> None:
    row = (0, math.nan, math.inf, -math.inf, 1.0, math.nan, 1.0, 0.0, 0)
    page = strict(payloads.history(Page.of_rows([row]), Series.PRICE))
    assert (page["o"], page["h"], page["l"], page["c"], page["v"], page["nv"]) == (
        [None],
        [None],
        [None],
        [1],
        [None],
        [None],
    )


@given(st.text(st.characters()) | st.text(st.characters(categories=["Cs"])))
def test_an_error_can_name_any_text(text: str) -> None:
    body = strict(payloads.error(text))
    assert body["s"] == "error"
    assert body["errmsg"] == text.encode("utf-8", "backslashreplace").decode()


def test_a_search_or_a_group_is_offered_or_the_chart_would_hang() -> None:
    config = payloads.config()
    assert config["supports_search"] or config["supports_group_request"]


def test_a_quote_is_the_day_and_its_change_since_the_day_before() -> None:
    before = (ms("2024-03-04"), 1.0, 2.0, 0.5, 60_000.1, 1.0, 1.0)
    today = (ms("2024-03-05"), 60_010.5, 61_000.0, 59_000.0, 60_000.2, 7.5, 1.0)
    quote = payloads.quote("BINANCE:btcusdt", BTC, [before, today])
    assert quote == {
        "s": "ok",
        "n": "BINANCE:btcusdt",
        "v": {
            "lp": 60_000.2,
            "ch": 0.1,
            "chp": 0.0,
            "open_price": 60_010.5,
            "high_price": 61_000.0,
            "low_price": 59_000.0,
            "prev_close_price": 60_000.1,
            "volume": 7.5,
            "short_name": "BTCUSDT",
            "original_name": "BINANCE:BTCUSDT",
            "exchange": "BINANCE",
            "description": "BTC / USDT Perpetual",
        },
    }


def test_on_its_first_day_a_symbol_changes_since_its_open() -> None:
    values = payloads.quote("BTCUSDT", BTC, [(0, 100.0, 130.0, 90.0, 125.0, 1.0, 1.0)])["v"]
    assert (values["ch"], values["chp"], values["prev_close_price"]) == (25.0, 25.0, 100.0)


@pytest.mark.parametrize(
    ("interval", "expected"), [(Interval.M1, "2024-03-05"), (Interval.W1, "2024-03-04"), (Interval.MN1, "2024-03-01")]
)
def test_a_mark_stands_at_the_bar_of_the_holes_first_day(interval: Interval, expected: str) -> None:
    hole = Hole(dt.date(2024, 3, 5), dt.date(2024, 3, 7), 4_000, is_settled=True)
    assert payloads.timescale_marks([hole], interval) == [
        {
            "id": "2024-03-05/2024-03-07",
            "time": ms(expected) // 1_000,
            "color": "red",
            "label": "?",
            "tooltip": ["2024-03-05 to 2024-03-07: minutes missing: 4,000", "No source has them"],
        }
    ]


def test_a_hole_that_can_still_be_filled_says_so() -> None:
    (mark,) = payloads.timescale_marks(
        [Hole(dt.date(2024, 3, 5), dt.date(2024, 3, 5), 1, is_settled=False)], Interval.D1
    )
    assert (mark["color"], mark["tooltip"]) == ("yellow", ["2024-03-05: minutes missing: 1", "Still to be loaded"])
