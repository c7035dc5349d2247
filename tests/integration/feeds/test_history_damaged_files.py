"""Files that are not what they should be: refused whole, said so in the ledger, replaced by the next source."""

from __future__ import annotations

import datetime as dt

import pytest

from feeds.binance.endpoints import checksum_path, daily_path, monthly_path
from feeds.fakebinance.server import FakeExchange
from market.domain.window import Month
from market.models import ArchiveFile, LedgerDay
from tests.support.loading import Loader, days, entry_of, month, states_of

BTC = "BTCUSDT"
FEBRUARY = month("2024-02")
MONTHLY = monthly_path(BTC, Month(2024, 2))
LEAP_DAY = "2024-02-29"
DAILY = daily_path(BTC, dt.date(2024, 2, 29))
ONE_DAY = days(LEAP_DAY, LEAP_DAY)
A_WEEK = days("2024-02-24", LEAP_DAY)
A_DAY = 1_440


def test_a_checksum_that_is_wrong_once_costs_one_more_download(loader: Loader, exchange: FakeExchange) -> None:
    exchange.faults.add("wrong_checksum", match={"tier": "monthly"}, times=1)
    loader.load(FEBRUARY, BTC)
    loader.assert_truth(FEBRUARY, BTC)
    assert loader.asked() == [f"/{MONTHLY}"] * 2
    assert loader.fetched(checksum_path(MONTHLY)) == 2
    assert states_of(BTC) == {"archive": 29}


@pytest.mark.parametrize(
    ("fault", "said"), [("wrong_checksum", "its .CHECKSUM says"), ("wrong_checksum_name", "its .CHECKSUM is that of")]
)
def test_a_month_whose_checksum_stays_wrong_comes_as_days(
    loader: Loader, exchange: FakeExchange, fault: str, said: str
) -> None:
    exchange.faults.add(fault, match={"tier": "monthly"})
    loader.load(A_WEEK, BTC)
    loader.assert_truth(A_WEEK, BTC)
    assert loader.fetched(MONTHLY) == 2
    assert all(said in entry.note and entry.daily_rows == A_DAY for entry in LedgerDay.objects.all())
    assert not ArchiveFile.objects.filter(path=MONTHLY).exists()


def test_a_day_whose_checksum_stays_wrong_comes_from_rest(loader: Loader, exchange: FakeExchange) -> None:
    exchange.faults.add("wrong_checksum")
    loader.load(ONE_DAY, BTC)
    loader.assert_truth(ONE_DAY, BTC)
    assert loader.fetched(DAILY) == 2
    entry = entry_of(BTC, LEAP_DAY)
    assert entry.state == "rest"
    assert "BTCUSDT-1m-2024-02-29.zip: its .CHECKSUM says" in entry.note


def test_a_file_whose_checksum_comes_late_is_not_loaded_unverified(loader: Loader, exchange: FakeExchange) -> None:
    exchange.faults.add("not_found", match={"kind": "archive.checksum", "tier": "monthly"})
    loader.load(A_WEEK, BTC)
    loader.assert_truth(A_WEEK, BTC)
    assert all("published without its .CHECKSUM" in entry.note for entry in LedgerDay.objects.all())
    assert not ArchiveFile.objects.filter(path=MONTHLY).exists()


def test_a_month_is_loaded_once_its_checksum_has_come(loader: Loader, exchange: FakeExchange) -> None:
    late = exchange.faults.add("not_found", match={"kind": "archive.checksum", "tier": "monthly"})
    loader.load(A_WEEK, BTC)
    exchange.faults.remove(late.id)
    loader.load(FEBRUARY, BTC)
    loader.assert_truth(FEBRUARY, BTC)
    assert ArchiveFile.objects.get(path=MONTHLY).rows == 29 * A_DAY


@pytest.mark.parametrize(
    ("fault", "params"), [("truncated", {"fraction": 0.5}), ("truncated", {"bytes": 0}), ("html", {})]
)
def test_a_file_that_is_damaged_once_is_fetched_again(
    loader: Loader, exchange: FakeExchange, fault: str, params: dict[str, float]
) -> None:
    exchange.faults.add(fault, params=params, times=1)
    loader.load(ONE_DAY, BTC)
    loader.assert_truth(ONE_DAY, BTC)
    assert loader.asked() == [f"/{DAILY}"] * 2
    assert states_of(BTC) == {"archive": 1}


@pytest.mark.parametrize(
    ("fault", "params", "said"),
    [
        ("truncated", {"fraction": 0.5}, "its .CHECKSUM says"),
        ("truncated", {"bytes": 0}, "not a ZIP"),
        ("html", {}, "not a ZIP; it begins with '<!DOCTYPE html>"),
    ],
)
def test_a_file_that_stays_damaged_gives_way_to_the_next_source(
    loader: Loader, exchange: FakeExchange, fault: str, params: dict[str, float], said: str
) -> None:
    exchange.faults.add(fault, params=params)
    loader.load(ONE_DAY, BTC)
    loader.assert_truth(ONE_DAY, BTC)
    entry = entry_of(BTC, LEAP_DAY)
    assert entry.state == "rest"
    assert said in entry.note
    assert not ArchiveFile.objects.exists()


@pytest.mark.parametrize("fault", ["headerless", "microseconds", "duplicate_rows", "unordered_rows"])
@pytest.mark.parametrize(("window", "path"), [(FEBRUARY, MONTHLY), (ONE_DAY, DAILY)], ids=["month", "day"])
def test_a_file_in_an_odd_form_is_read_all_the_same(
    loader: Loader, exchange: FakeExchange, fault: str, window: object, path: str
) -> None:
    exchange.faults.add(fault)
    done = loader.load(window, BTC)  # type: ignore[arg-type]
    loader.assert_truth(window, BTC)  # type: ignore[arg-type]
    assert loader.asked() == [f"/{path}"]
    assert states_of(BTC).keys() == {"archive"}
    assert done.conflicts == 0
    assert not LedgerDay.objects.exclude(note="").exists()


BAD_CELLS = [
    ("close", "NaN"),
    ("close", "inf"),
    ("close", ""),
    ("close", "abc"),
    ("close", "0"),
    ("close", "negative"),
    ("open", "1e5"),
    ("open", " 1.5"),
    ("high", "high<low"),
    ("volume", "negative"),
    ("volume", "null"),
    ("quote_volume", "NaN"),
    ("taker_buy_volume", "99999999999"),
    ("taker_buy_quote_volume", "-1"),
    ("count", "-1"),
    ("count", "1.5"),
    ("open_time", "1709211600001"),
    ("open_time", "x"),
    ("close_time", "1709211600001"),
]


@pytest.mark.parametrize(("column", "value"), BAD_CELLS)
def test_a_bad_cell_refuses_its_file_and_never_becomes_a_number(
    loader: Loader, exchange: FakeExchange, column: str, value: str
) -> None:
    exchange.faults.add("bad_cell", params={"row": 700, "column": column, "value": value})
    loader.load(ONE_DAY, BTC)
    loader.assert_truth(ONE_DAY, BTC)
    entry = entry_of(BTC, LEAP_DAY)
    assert (entry.state, entry.rest_rows, entry.daily_rows) == ("rest", A_DAY, 0)
    # The 701st of the rows, behind the header.
    assert "BTCUSDT-1m-2024-02-29.zip refused: row 702, column " in entry.note
    assert not ArchiveFile.objects.exists()


def test_a_bad_cell_in_a_month_refuses_the_whole_month(loader: Loader, exchange: FakeExchange) -> None:
    exchange.faults.add("bad_cell", match={"tier": "monthly"})
    loader.load(A_WEEK, BTC)
    loader.assert_truth(A_WEEK, BTC)
    assert all(
        "BTCUSDT-1m-2024-02.zip refused: row " in entry.note and entry.daily_rows == A_DAY
        for entry in LedgerDay.objects.all()
    )


def test_two_different_rows_of_one_minute_refuse_the_file(loader: Loader, exchange: FakeExchange) -> None:
    row = ONE_DAY.start + 699 * 60_000
    exchange.faults.add("bad_cell", params={"row": 700, "column": "open_time", "value": str(row)})
    exchange.faults.add("bad_cell", params={"row": 700, "column": "close_time", "value": str(row + 59_999)})
    loader.load(ONE_DAY, BTC)
    loader.assert_truth(ONE_DAY, BTC)
    assert "refused: two different rows for 2024-02-29T11:39:00+00:00" in entry_of(BTC, LEAP_DAY).note


def test_a_row_of_another_day_refuses_the_file(loader: Loader, exchange: FakeExchange) -> None:
    exchange.faults.add("bad_cell", params={"row": 700, "column": "open_time", "value": str(ONE_DAY.end)})
    exchange.faults.add("bad_cell", params={"row": 700, "column": "close_time", "value": str(ONE_DAY.end + 59_999)})
    loader.load(ONE_DAY, BTC)
    loader.assert_truth(ONE_DAY, BTC)
    assert "outside" in entry_of(BTC, LEAP_DAY).note
