"""Names of archive files and the days on which they appear."""

from __future__ import annotations

import datetime as dt

import pytest

from feeds.fakebinance.publication import HOUR_MS, ArchiveFile, Calendar
from market.domain.window import Month, TimeWindow, from_datetime

MONTH = ArchiveFile("monthly", "BTCUSDT", Month(2026, 1))
DAY = ArchiveFile("daily", "币安人生USDT", dt.date(2026, 1, 31))
EVER = TimeWindow(0, 4_133_404_800_000)


def at(text: str) -> int:
    return from_datetime(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC))


def test_keys_are_those_of_the_archive() -> None:
    assert MONTH.key == "data/futures/um/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2026-01.zip"
    assert DAY.key == "data/futures/um/daily/klines/币安人生USDT/1m/币安人生USDT-1m-2026-01-31.zip"


@pytest.mark.parametrize("file", [MONTH, DAY])
def test_a_key_reads_back_as_its_file(file: ArchiveFile) -> None:
    assert ArchiveFile.parse(file.key) == file


@pytest.mark.parametrize(
    "key",
    [
        "data/futures/um/monthly/klines/BTCUSDT/1m/ETHUSDT-1m-2026-01.zip",
        "data/futures/um/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2026-13.zip",
        "data/futures/um/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2026-01-01.zip",
        "data/futures/um/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2026-02-30.zip",
        "data/futures/um/daily/klines/BTCUSDT/5m/BTCUSDT-5m-2026-02-01.zip",
        "data/futures/um/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2026-01.csv",
    ],
)
def test_other_keys_are_no_files(key: str) -> None:
    assert ArchiveFile.parse(key) is None


def test_a_daily_file_appears_the_next_morning() -> None:
    assert Calendar().appears(DAY) == at("2026-02-01T08:30")


@pytest.mark.parametrize(
    ("month", "appears"),
    [
        (Month(2026, 1), "2026-02-02T08:30"),
        (Month(2026, 5), "2026-06-01T08:30"),
        (Month(2026, 8), "2026-09-07T08:30"),
    ],
)
def test_a_monthly_file_appears_on_the_first_monday(month: Month, appears: str) -> None:
    assert Calendar().appears(ArchiveFile("monthly", "BTCUSDT", month)) == at(appears)


def test_both_delays_can_be_chosen() -> None:
    calendar = Calendar(daily_delay_ms=HOUR_MS, monthly_delay_ms=2 * HOUR_MS)
    assert calendar.appears(DAY) == at("2026-02-01T01:00")
    assert calendar.appears(MONTH) == at("2026-02-01T02:00")


def test_a_file_is_there_from_its_instant_on() -> None:
    instant = Calendar().appears(MONTH)
    assert not Calendar().has(MONTH, EVER, instant - 1)
    assert Calendar().has(MONTH, EVER, instant)


def test_a_file_without_a_minute_of_the_symbols_life_is_never_there() -> None:
    born = TimeWindow(MONTH.window.end, EVER.end)
    assert not Calendar().has(MONTH, born, at("2030-01-01"))


def test_the_published_files_reach_from_the_listing_to_the_last_one_out() -> None:
    life = TimeWindow(at("2026-01-17T11:00"), EVER.end)
    monthly = Calendar().published("monthly", "X", life, at("2026-04-03"))
    daily = Calendar().published("daily", "X", life, at("2026-01-20T08:00"))
    assert [str(file.period) for file in monthly] == ["2026-01", "2026-02"]
    assert [str(file.period) for file in daily] == ["2026-01-17", "2026-01-18"]
