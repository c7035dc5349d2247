"""Reading what clients send."""

from __future__ import annotations

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from market.domain.interval import Interval
from market.domain.window import LATEST_MS
from udf.errors import BadParameter
from udf.parameters import Parameters
from udf.resolutions import SUPPORTED, interval_of


def of(query: str) -> Parameters:
    return Parameters(QueryDict(query))


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("1", Interval.M1),
        ("5", Interval.M5),
        ("15", Interval.M15),
        ("60", Interval.H1),
        ("240", Interval.H4),
        ("D", Interval.D1),
        ("1D", Interval.D1),
        ("W", Interval.W1),
        ("1W", Interval.W1),
        ("M", Interval.MN1),
        ("1M", Interval.MN1),
    ],
)
def test_resolutions_are_tradingviews(text: str, interval: Interval) -> None:
    assert of(f"resolution={text}").resolution() is interval


def test_every_timeframe_has_a_resolution() -> None:
    assert list(SUPPORTED.values()) == list(Interval)


@pytest.mark.parametrize("text", ["1m", "d", "30", "1H", "12M", "0", "-1", "1 ", "１", "1S", "T"])
def test_any_other_resolution_is_refused_with_the_valid_ones(text: str) -> None:
    with pytest.raises(ValueError, match="1, 5, 15, 60, 240, 1D, 1W, 1M, D, W, M"):
        interval_of(text)


@given(st.integers(-(LATEST_MS // 1_000), LATEST_MS // 1_000))
def test_a_moment_is_seconds_and_never_before_1970(seconds: int) -> None:
    assert of(f"to={seconds}").moment("to") == max(0, seconds) * 1_000


@pytest.mark.parametrize(
    "text", ["1e3", "1.5", "NaN", "0x10", "1_000", "१२३", "1709251200000", "9" * 400, "--1", "1\0"]
)
def test_what_only_looks_like_a_number_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadParameter, match=r"^to: expected a whole number"):
        of(f"to={text}").moment("to")


@given(st.text() | st.integers(-5, 40).map(str))
def test_any_text_is_a_number_or_is_refused(text: str) -> None:
    query = QueryDict(mutable=True)
    query["limit"] = text
    is_number = text.isascii() and text.isdecimal() and len(text) <= 18 and 1 <= int(text) <= 30
    if text and not is_number:
        with pytest.raises(BadParameter, match=r"^limit: expected a whole number from 1 to 30"):
            Parameters(query).number("limit", least=1, greatest=30)
    else:
        assert Parameters(query).number("limit", least=1, greatest=30) == (int(text) if text else None)


def test_an_empty_parameter_counts_as_absent() -> None:
    assert of("countback=&type=").number("countback", least=1, greatest=5) is None
    assert of("countback=&type=").text("type") == ""


def test_a_missing_parameter_is_named() -> None:
    with pytest.raises(BadParameter, match=r"^symbol: expected, and missing"):
        of("resolution=1").required("symbol")
