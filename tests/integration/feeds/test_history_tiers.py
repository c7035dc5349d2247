"""What one source lacks comes from the next one, day by day; what all lack is asked for once."""

from __future__ import annotations

import datetime as dt

from feeds.binance.endpoints import daily_path, monthly_path
from feeds.fakebinance.server import FakeExchange
from market.domain.window import Month
from market.models import LedgerDay, Symbol
from market.services.ledger import days_reopen
from tests.support.loading import Loader, days, entry_of, month, states_of

BTC = "BTCUSDT"
FEBRUARY = month("2024-02")
MONTHLY = monthly_path(BTC, Month(2024, 2))
# Saturday to Monday: a week's edge. Few enough for daily files.
THREE_DAYS = days("2024-02-03", "2024-02-05")
SUNDAY = "2024-02-04"
SUNDAY_FILE = daily_path(BTC, dt.date(2024, 2, 4))
A_DAY = 1_440


def test_a_month_without_a_file_comes_as_days(loader: Loader, exchange: FakeExchange) -> None:
    exchange.faults.add("not_found", match={"tier": "monthly"})
    week = days("2024-02-01", "2024-02-06")
    done = loader.load(week, BTC)
    assert (done.files, done.failed) == (6, 0)
    loader.assert_truth(week, BTC)
    assert loader.fetched(MONTHLY) == 1
    entries = list(LedgerDay.objects.all())
    assert [entry.daily_rows for entry in entries] == [A_DAY] * 6
    assert all("BTCUSDT-1m-2024-02.zip does not exist (404)" in entry.note for entry in entries)


def test_a_day_without_a_file_comes_from_rest(loader: Loader, exchange: FakeExchange) -> None:
    exchange.faults.add("not_found", match={"day": SUNDAY})
    loader.load(THREE_DAYS, BTC)
    loader.assert_truth(THREE_DAYS, BTC)
    assert states_of(BTC) == {"archive": 2, "rest": 1}
    assert entry_of(BTC, SUNDAY).rest_rows == A_DAY
    assert "404" in entry_of(BTC, SUNDAY).note


def test_a_day_that_the_month_lacks_comes_from_its_own_file(loader: Loader, exchange: FakeExchange) -> None:
    exchange.faults.add("missing_days", match={"tier": "monthly"}, params={"days": [SUNDAY]})
    loader.load(FEBRUARY, BTC)
    loader.assert_truth(FEBRUARY, BTC)
    assert loader.asked() == [f"/{MONTHLY}", f"/{SUNDAY_FILE}"]
    assert entry_of(BTC, SUNDAY).daily_rows == A_DAY
    assert states_of(BTC) == {"archive": 29}


def test_a_minute_that_the_month_lacks_comes_from_the_daily_file(loader: Loader, exchange: FakeExchange) -> None:
    exchange.faults.add("missing_rows", match={"tier": "monthly"}, params={"rows": [3 * A_DAY + 77]})
    loader.load(FEBRUARY, BTC)
    loader.assert_truth(FEBRUARY, BTC)
    assert loader.asked() == [f"/{MONTHLY}", f"/{SUNDAY_FILE}"]
    # The daily file is the better source: the day is now all its.
    assert entry_of(BTC, SUNDAY).daily_rows == A_DAY
    assert entry_of(BTC, SUNDAY).conflict_rows == 0


def test_a_day_that_both_files_lack_comes_from_rest(loader: Loader, exchange: FakeExchange) -> None:
    exchange.faults.add("missing_days", params={"days": [SUNDAY]})
    loader.load(FEBRUARY, BTC)
    loader.assert_truth(FEBRUARY, BTC)
    assert entry_of(BTC, SUNDAY).rest_rows == A_DAY
    assert "BTCUSDT-1m-2024-02-04.zip refused: it has no rows" in entry_of(BTC, SUNDAY).note
    assert states_of(BTC) == {"archive": 28, "rest": 1}


def test_of_a_few_missing_minutes_rest_is_asked_for_no_more_than_those(loader: Loader, exchange: FakeExchange) -> None:
    exchange.faults.add("missing_rows", match={"day": SUNDAY}, params={"rows": [100, 101, 150]})
    loader.load(THREE_DAYS, BTC)
    loader.assert_truth(THREE_DAYS, BTC)
    (asked,) = exchange.requests.entries(lambda entry: entry.kind == "rest.klines")
    assert asked.weight == 1
    entry = entry_of(BTC, SUNDAY)
    # REST is the lesser source of a minute that the file has.
    assert (entry.state, entry.daily_rows, entry.rest_rows) == ("rest", A_DAY - 3, 3)


def test_a_day_that_no_source_has_is_recorded_and_not_asked_for_again(loader: Loader, exchange: FakeExchange) -> None:
    exchange.faults.add("day_absent", params={"days": [SUNDAY]})
    loader.load(FEBRUARY, BTC)
    loader.assert_truth(FEBRUARY, BTC)
    entry = entry_of(BTC, SUNDAY)
    assert (entry.state, entry.is_settled) == ("empty", True)
    assert entry.note.splitlines()[-1] == "every source was asked; none has more"
    assert exchange.requests.count("rest.klines") == 1
    exchange.requests.clear()
    done = loader.load(FEBRUARY, BTC)
    assert loader.asked() == []
    assert (done.units, done.files) == (0, 0)


def test_a_settled_day_is_asked_for_once_more_when_it_is_reopened(loader: Loader, exchange: FakeExchange) -> None:
    exchange.faults.add("day_absent", params={"days": [SUNDAY]})
    loader.load(THREE_DAYS, BTC)
    assert days_reopen(symbol=Symbol.objects.get(name=BTC)) == 1
    assert entry_of(BTC, SUNDAY).state == "missing"
    exchange.requests.clear()
    loader.load(THREE_DAYS, BTC)
    assert loader.asked() == [f"/{SUNDAY_FILE}", "/fapi/v1/klines"]
    assert entry_of(BTC, SUNDAY).state == "empty"
    loader.assert_truth(THREE_DAYS, BTC)


def test_a_day_that_appears_late_is_loaded_once_it_is_reopened(loader: Loader, exchange: FakeExchange) -> None:
    exchange.faults.add("day_absent", params={"days": [SUNDAY]})
    loader.load(FEBRUARY, BTC)
    exchange.faults.clear()
    days_reopen(symbol=Symbol.objects.get(name=BTC), days=[dt.date(2024, 2, 4)])
    loader.load(FEBRUARY, BTC)
    loader.assert_truth(FEBRUARY, BTC)
    entry = entry_of(BTC, SUNDAY)
    assert (entry.state, entry.is_settled, entry.daily_rows) == ("archive", False, A_DAY)


def test_a_day_whose_rest_part_is_missing_everywhere_is_settled_as_partial(
    loader: Loader, exchange: FakeExchange
) -> None:
    """Half a day has no candle anywhere: the delisting came, and the list does not know it."""
    Symbol.objects.filter(name=BTC).update(delivery_at=None, onboard_at=dt.datetime(2023, 12, 31, 12, tzinfo=dt.UTC))
    window = days("2023-12-31", "2024-01-02")
    loader.load(window, BTC)
    entry = entry_of(BTC, "2023-12-31")
    assert (entry.state, entry.is_settled, entry.expected) == ("empty", True, 720)
    loader.assert_truth(window, BTC)
    exchange.requests.clear()
    loader.load(window, BTC)
    assert loader.asked() == []


def test_a_second_load_asks_for_nothing(loader: Loader, exchange: FakeExchange) -> None:
    loader.load(FEBRUARY, BTC)
    exchange.requests.clear()
    done = loader.load(FEBRUARY, BTC)
    assert loader.asked() == []
    assert (done.units, done.rows) == (0, 0)
    loader.assert_truth(FEBRUARY, BTC)
