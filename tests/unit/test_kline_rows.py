"""Rows of GET /api/klines, made without objects, against the objects."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.api.rows import klines_body
from market.api.serializers import KlineOut
from market.domain.decimals import net_volume
from market.domain.page import Page, PageRow
from tests.support.strategies import exact_decimals

prices = st.floats(1e-8, 1e7)
volumes = st.tuples(exact_decimals(), exact_decimals()).map(sorted)
rows = st.builds(
    lambda time, opened, high, low, close, pair: (time, opened, high, low, close, pair[1], pair[0]),
    *(st.integers(0, 10**13), prices, prices, prices, prices, volumes),
)
names = st.text(min_size=1, max_size=8).filter(str.isprintable) | st.sampled_from(['A"B', "币安USDT", "A\\"])


def objects(name: str, page: list[PageRow], newest_is_closed: bool) -> list[dict[str, Any]]:
    last = len(page) - 1
    return [
        {
            "symbol": name,
            "timestamp": time,
            "open": opened,
            "high": high,
            "low": low,
            "close": close,
            "volume": volume,
            "taker_buy_volume": bought,
            "net_volume": net_volume(volume, bought),
            "is_closed": newest_is_closed or index < last,
        }
        for index, (time, opened, high, low, close, volume, bought) in enumerate(page)
    ]


@given(name=names, page=st.lists(rows, max_size=20), newest_is_closed=st.booleans())
def test_the_text_is_that_of_an_object_for_each_bar(name: str, page: list[PageRow], newest_is_closed: bool) -> None:
    body = json.loads(klines_body(name, Page.of_rows(page), newest_is_closed=newest_is_closed))
    assert body == {"success": True, "data": objects(name, page, newest_is_closed), "error": None}


def test_the_fields_are_those_of_the_schema_in_their_order() -> None:
    body = json.loads(klines_body("A", Page.of_rows([(0, 1, 1, 1, 1, 1, 1)]), newest_is_closed=True))
    assert list(body["data"][0]) == list(KlineOut().fields)


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_does_not_have_become_null(odd: float) -> None:
    body = json.loads(klines_body("A", Page.of_rows([(0, odd, odd, odd, odd, odd, odd)]), newest_is_closed=True))
    assert list(body["data"][0].values()) == ["A", 0, *[None] * 7, True]
