"""Loads without a fault: what is stored is what the exchange published, at every edge of time and life."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator

import pytest
from django.db import connection
from pytest_django import Settings

from feeds.fakebinance.listings import CATALOGUE, Listing
from feeds.fakebinance.server import FakeExchange
from market.domain.batch import CandleBatch
from market.domain.source import Source
from market.domain.window import TimeWindow
from market.models import LedgerDay, Symbol
from market.services.candles import candles_ingest
from tests.support.candles import ms
from tests.support.database import query
from tests.support.loading import Loader, days, entry_of, month, states_of

LoadFrom = Callable[[FakeExchange], Loader]
NOW = ms("2024-04-10T12:00:05")
BTC, ETH, UNICODE = "BTCUSDT", "ETHUSDT", "币安人生USDT"
FEBRUARY = month("2024-02")
A_DAY = 1_440


def listed(name: str, onboard: str, delivery: str | None = None) -> Listing:
    """The double's entry for a name with another life."""
    listing = dataclasses.replace(CATALOGUE[name], onboard_ms=ms(onboard))
    return listing if delivery is None else listing.settled_at(ms(delivery))


def test_a_month_comes_as_one_file(loader: Loader) -> None:
    done = loader.load(FEBRUARY, BTC)
    assert (done.files, done.rows, done.failed, done.errors) == (1, 29 * A_DAY, 0, [])
    loader.assert_truth(FEBRUARY, BTC)
    assert states_of(BTC) == {"archive": 29}
    assert loader.asked() == ["/data/futures/um/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2024-02.zip"]


def test_buckets_across_the_edges_of_months_are_whole(loader: Loader) -> None:
    """The week of 29 January lies in two months, that of 26 February too; the newer month comes first."""
    window = TimeWindow(month("2024-01").start, month("2024-03").end)
    done = loader.load(window, BTC)
    assert done.files == 3
    assert [path[-11:-4] for path in loader.asked()] == ["2024-03", "2024-02", "2024-01"]
    loader.assert_truth(window, BTC)


def test_months_loaded_one_by_one_make_the_same_weeks(loader: Loader) -> None:
    for text in ("2024-02", "2024-03", "2024-01"):
        loader.load(month(text), BTC)
    loader.assert_truth(TimeWindow(month("2024-01").start, month("2024-03").end), BTC)


def test_the_unfinished_month_comes_as_days_and_today_by_rest(loader: Loader) -> None:
    window = TimeWindow(ms("2024-04-07"), ms("2024-04-10T11:50"))
    loader.load(window, BTC)
    loader.assert_truth(window, BTC)
    assert [entry.state for entry in LedgerDay.objects.order_by("day")] == ["archive", "archive", "archive", "partial"]
    assert entry_of(BTC, "2024-04-10").rest_rows == 11 * 60 + 50
    assert entry_of(BTC, "2024-04-10").is_settled is False


def test_a_minute_that_is_still_open_is_never_stored(loader: Loader, exchange: FakeExchange) -> None:
    loader.load(days("2024-04-10", "2024-04-10"), BTC)
    last = ms("2024-04-10T12:00")
    assert exchange.clock.now() - last < 60_000, "the machine was too slow for this test to say anything"
    loader.assert_truth(TimeWindow(ms("2024-04-10"), last), BTC)


def test_today_is_completed_by_a_later_load(loader: Loader, exchange: FakeExchange) -> None:
    loader.load(TimeWindow(ms("2024-04-09"), ms("2024-04-10T11:00")), BTC)
    exchange.clock.set(ms("2024-04-11T03:00:05"))
    window = days("2024-04-09", "2024-04-10")
    loader.load(window, BTC)
    loader.assert_truth(window, BTC)
    # The daily file of the tenth is not out before half past eight.
    entry = entry_of(BTC, "2024-04-10")
    assert (entry.state, entry.rest_rows) == ("rest", A_DAY)


def test_a_month_that_is_over_but_not_published_comes_as_days(loader: Loader, exchange: FakeExchange) -> None:
    exchange.clock.set(ms("2024-04-01T07:00:05"))
    window = days("2024-03-25", "2024-03-31")
    loader.load(window, BTC)
    loader.assert_truth(window, BTC)
    assert states_of(BTC) == {"archive": 6, "rest": 1}


def test_the_wanted_history_starts_at_data_start(load_from: LoadFrom, settings: Settings) -> None:
    settings.DATA_START = dt.date(2024, 3, 1)
    with FakeExchange.running(symbols=(BTC,), start_ms=ms("2024-04-02T00:00:05")) as exchange:
        loader = load_from(exchange)
        loader.track(BTC)
        loader.load(None, BTC)
        assert exchange.clock.now() < ms("2024-04-02T00:01:00"), "the machine was too slow"
        loader.assert_truth(TimeWindow(ms("2024-03-01"), ms("2024-04-02")), BTC)


def test_a_symbol_listed_in_the_middle_of_a_day_is_complete_from_its_first_minute(load_from: LoadFrom) -> None:
    listing = listed(ETH, "2024-02-27T14:37")
    with FakeExchange.running(symbols=(ETH,), listings=(listing,), start_ms=NOW) as exchange:
        loader = load_from(exchange)
        loader.track_and_load(FEBRUARY, ETH)
        loader.assert_truth(FEBRUARY, ETH)
        entry = entry_of(ETH, "2024-02-27")
        assert (entry.expected, entry.state) == (9 * 60 + 23, "archive")
        assert states_of(ETH) == {"archive": 3}
        assert exchange.requests.count("rest.klines") == 0


def test_a_symbol_listed_within_a_minute_has_its_first_day_settled(load_from: LoadFrom) -> None:
    """The exchange may or may not have a candle for the minute in which the listing fell; the double has none."""
    listing = listed(ETH, "2024-02-28T14:37:20")
    with FakeExchange.running(symbols=(ETH,), listings=(listing,), start_ms=NOW) as exchange:
        loader = load_from(exchange)
        loader.track_and_load(FEBRUARY, ETH)
        loader.assert_truth(FEBRUARY, ETH)
        entry = entry_of(ETH, "2024-02-28")
        assert (entry.expected, entry.daily_rows, entry.is_settled) == (563, 562, True)
        exchange.requests.clear()
        loader.load(FEBRUARY, ETH)
        assert loader.asked() == []


def test_a_delisted_symbol_is_complete_up_to_its_last_minute(load_from: LoadFrom) -> None:
    listing = listed(ETH, "2023-01-01", "2024-02-27T09:00")
    with FakeExchange.running(symbols=(BTC, ETH), listings=(listing,), start_ms=NOW) as exchange:
        loader = load_from(exchange)
        loader.track_and_load(TimeWindow(FEBRUARY.start, ms("2024-04-01")), ETH)
        loader.assert_truth(FEBRUARY, ETH)
        assert Symbol.objects.get(name=ETH).status == "SETTLING"
        assert entry_of(ETH, "2024-02-27").expected == 540
        assert states_of(ETH) == {"archive": 27}
        assert exchange.requests.count("rest.klines") == 0
        assert len(loader.asked()) == 1


def test_several_symbols_with_different_lives_load_side_by_side(load_from: LoadFrom) -> None:
    listings = (listed(UNICODE, "2024-02-10T08:00"), listed("OMGUSDT", "2023-01-01", "2024-03-05T09:00"))
    names = (BTC, ETH, UNICODE, "OMGUSDT")
    with FakeExchange.running(symbols=names, listings=listings, start_ms=NOW) as exchange:
        loader = load_from(exchange)
        window = TimeWindow(FEBRUARY.start, month("2024-03").end)
        done = loader.track_and_load(window, *names)
        assert (done.failed, done.units) == (0, 8)
        loader.assert_truth(window, *names)
        # Month by month across all symbols, the newest first.
        months = [path[-11:-4] for path in loader.asked()]
        assert months == sorted(months, reverse=True)


def test_a_name_beyond_ascii_goes_through_every_source(load_from: LoadFrom) -> None:
    listing = listed(UNICODE, "2024-02-10T08:00")
    with FakeExchange.running(symbols=(UNICODE,), listings=(listing,), start_ms=NOW) as exchange:
        loader = load_from(exchange)
        exchange.faults.add("missing_days", match={"tier": "monthly"}, params={"days": ["2024-02-12", "2024-02-13"]})
        exchange.faults.add("not_found", match={"day": "2024-02-13"})
        loader.track_and_load(FEBRUARY, UNICODE)
        loader.assert_truth(FEBRUARY, UNICODE)
        assert states_of(UNICODE) == {"archive": 19, "rest": 1}
        assert entry_of(UNICODE, "2024-02-12").daily_rows == A_DAY


def test_a_symbol_that_the_exchange_no_longer_lists_is_loaded_from_the_archive(
    loader: Loader, exchange: FakeExchange
) -> None:
    """Its archive stays, REST says -1121; what the archive lacks is then settled, for nobody else can have it."""
    Symbol.objects.create(name="GONEUSDT", is_tracked=True)
    window = days("2024-02-27", "2024-02-29")
    done = loader.load(window, "GONEUSDT")
    assert done.failed == 0
    assert states_of("GONEUSDT") == {"empty": 3}
    assert "-1121" in entry_of("GONEUSDT", "2024-02-28").note
    exchange.requests.clear()
    loader.load(window, "GONEUSDT")
    assert loader.asked() == []


def test_a_symbol_that_was_just_delisted_is_not_settled_before_its_last_files_are_due(
    load_from: LoadFrom, exchange: FakeExchange
) -> None:
    """REST has forgotten it, and its last daily file is published only hours after the day's end."""
    exchange.clock.set(int(dt.datetime.now(dt.UTC).timestamp() * 1_000))
    loader = load_from(exchange)
    Symbol.objects.create(name="GONEUSDT", is_tracked=True)
    yesterday = str(dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1))
    loader.load(days(yesterday, yesterday), "GONEUSDT")
    entry = entry_of("GONEUSDT", yesterday)
    assert "-1121" in entry.note
    assert (entry.state, entry.is_settled) == ("missing", False)


def test_a_bar_by_somebodys_hand_gives_way_to_the_minutes(loader: Loader) -> None:
    # BTCUSDT is the only symbol that there is.
    query("INSERT INTO candle_1d SELECT '2024-02-03+00', 1, 1, 1, 1, 1, 1, 1, 1, id, 1 FROM market_symbol RETURNING 1")
    assert loader.load(FEBRUARY, BTC).failed == 0
    loader.assert_truth(FEBRUARY, BTC)


@pytest.fixture
def _no_third_of_february() -> Iterator[None]:
    """The database refuses the day's bar."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE candle_1d ADD CONSTRAINT no_third CHECK (time <> '2024-02-03+00')")
        yield
        cursor.execute("ALTER TABLE candle_1d DROP CONSTRAINT no_third")


@pytest.mark.usefixtures("_no_third_of_february")
def test_one_month_that_cannot_be_stored_does_not_keep_the_others(loader: Loader) -> None:
    done = loader.load(TimeWindow(FEBRUARY.start, month("2024-03").end), BTC)
    assert done.failed == 1
    assert "IntegrityError" in done.errors[0]
    assert LedgerDay.objects.filter(day__month=3, state="archive").count() == 31
    assert not LedgerDay.objects.filter(day__month=2, is_settled=True).exists()


def test_minutes_after_the_window_do_not_hide_those_missing_in_it(loader: Loader, exchange: FakeExchange) -> None:
    """As on every day that is not over: what lies before the collectors' own minutes is asked for at once."""
    live = TimeWindow(ms("2024-04-10T04:00"), ms("2024-04-10T12:00"))
    batch = CandleBatch.of(Symbol.objects.get(name=BTC).id, exchange.published(BTC, live).frame())
    candles_ingest(batch=batch, source=Source.LIVE)
    loader.load(TimeWindow(ms("2024-04-10"), live.start), BTC)
    loader.assert_truth(TimeWindow(ms("2024-04-10"), live.end), BTC)


def test_a_day_of_which_a_part_was_wanted_is_not_settled(loader: Loader, exchange: FakeExchange) -> None:
    exchange.faults.add("day_absent", params={"days": ["2024-04-09"]})
    day = days("2024-04-09", "2024-04-09")
    loader.load(TimeWindow(day.start, ms("2024-04-09T23:55")), BTC)
    assert not entry_of(BTC, "2024-04-09").is_settled
    loader.load(day, BTC)
    assert entry_of(BTC, "2024-04-09").is_settled
