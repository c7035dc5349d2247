"""Addresses, letter for letter."""

from __future__ import annotations

import datetime as dt

import pytest

from feeds.binance import endpoints
from market.domain.window import DAY_MS, MINUTE_MS, Month, TimeWindow

MONTHLY = "data/futures/um/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2024-01.zip"


def test_a_monthly_file_lies_under_its_symbol() -> None:
    assert endpoints.monthly_path("BTCUSDT", Month(2024, 1)) == MONTHLY


def test_a_daily_file_carries_the_whole_date() -> None:
    path = endpoints.daily_path("BTCUSDT", dt.date(2024, 1, 1))
    assert path == "data/futures/um/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-01-01.zip"


def test_the_checksum_lies_beside_its_file() -> None:
    assert endpoints.checksum_path(MONTHLY) == MONTHLY + ".CHECKSUM"


def test_the_member_has_the_stem_of_the_zip() -> None:
    assert endpoints.member_name(MONTHLY) == "BTCUSDT-1m-2024-01.csv"


def test_symbols_beyond_ascii_are_percent_encoded() -> None:
    url = endpoints.archive_url("http://archive.test", endpoints.monthly_path("龙虾USDT", Month(2026, 2)))
    assert url == (
        "http://archive.test/data/futures/um/monthly/klines/"
        "%E9%BE%99%E8%99%BEUSDT/1m/%E9%BE%99%E8%99%BEUSDT-1m-2026-02.zip"
    )


def test_a_page_of_minutes_ends_before_the_end_of_the_window() -> None:
    window = TimeWindow(1_704_067_200_000, 1_704_067_200_000 + DAY_MS)
    assert endpoints.klines_url("http://rest.test", "龙虾USDT", window, 499) == (
        "http://rest.test/fapi/v1/klines?symbol=%E9%BE%99%E8%99%BEUSDT&interval=1m"
        "&startTime=1704067200000&endTime=1704153599999&limit=499"
    )


@pytest.mark.parametrize(("minutes", "limit", "weight"), [(1, 99, 1), (99, 99, 1), (100, 499, 2), (1440, 499, 2)])
def test_a_page_is_as_heavy_as_its_window_needs(minutes: int, limit: int, weight: int) -> None:
    window = TimeWindow(0, minutes * MINUTE_MS)
    assert endpoints.page_limit(window) == limit
    assert endpoints.page_weight(limit) == weight


@pytest.mark.parametrize("symbol", ["", "../BTCUSDT", "BTC/USDT", ".hidden"])
def test_a_name_that_would_leave_its_folder_is_refused(symbol: str) -> None:
    with pytest.raises(ValueError, match="cannot be a symbol"):
        endpoints.monthly_path(symbol, Month(2024, 1))


def test_a_base_address_loses_its_trailing_slash() -> None:
    assert endpoints.base_address("https://archive.test/mirror/") == "https://archive.test/mirror"


@pytest.mark.parametrize("text", ["", "archive.test", "ftp://archive.test", "https://"])
def test_what_is_no_base_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no base address"):
        endpoints.base_address(text)


def test_credentials_in_a_base_address_are_refused_without_being_repeated() -> None:
    with pytest.raises(ValueError, match="holds credentials") as refusal:
        endpoints.base_address("https://user:s3cret@archive.test")
    assert "s3cret" not in str(refusal.value)
