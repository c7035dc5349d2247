"""A chart against a served product, in every timeframe."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import httpx
import pytest

from market.domain.candle import Candle
from tests.integration.udf.conftest import DAY, MINUTE, RESOLUTIONS, Chart
from tests.support.expected_store import bucket_start
from tests.support.push import Collector
from tests.support.udf_client import Failed, Subscription, UdfClient
from tests.support.web_server import WebServer

# The data is committed by the fixture; the mark is what gives the run its test database.
pytestmark = pytest.mark.django_db

every_resolution = pytest.mark.parametrize("resolution", RESOLUTIONS)


def test_the_chart_starts_and_knows_every_timeframe(feed: UdfClient) -> None:
    assert feed.config["supports_search"] is True
    assert feed.config["supported_resolutions"] == list(RESOLUTIONS)


def test_the_servers_time_is_a_bare_number_of_seconds(feed: UdfClient, chart: Chart) -> None:
    assert chart.now - 60 <= feed.server_time() <= chart.now + 600


def test_a_symbol_is_resolved_with_what_every_timeframe_needs(feed: UdfClient) -> None:
    found = feed.resolve("BINANCE:btcusdt")
    assert (found.name, found.ticker, found.base_name) == ("BTCUSDT", "BTCUSDT", "BINANCE:BTCUSDT")
    assert (found.pricescale, found.minmov, found.timezone) == (10, 1, "Etc/UTC")
    assert found.supported_resolutions == list(RESOLUTIONS)
    assert found.intraday_multipliers == [name for name in RESOLUTIONS if name.isdecimal()]
    assert found.has_intraday
    assert found.has_daily
    assert found.has_weekly_and_monthly


def test_a_symbol_that_nobody_knows_is_a_failure_and_no_bogus_symbol(feed: UdfClient) -> None:
    for name in ("NOPE", "NYSE:MSFT", "BTCUSDT#X", "BTC\0USDT", "X" * 5_000):
        with pytest.raises(Failed, match="unknown_symbol"):
            feed.resolve(name)


def test_the_steps_of_an_undescribed_symbol_are_those_of_its_candles(feed: UdfClient) -> None:
    found = feed.resolve("币安人生usdt")
    assert (found.name, found.pricescale, found.minmov) == ("币安人生USDT", 100, 1)


@every_resolution
def test_a_chart_scrolls_back_to_the_first_bar_and_sees_each_bar_once(
    feed: UdfClient, chart: Chart, resolution: str
) -> None:
    expected = chart.shown(resolution)
    countback = max(3, len(expected) // 4)
    pages = list(feed.pages_back("BTCUSDT", resolution, end=chart.now, countback=countback))
    assert [bar for page in reversed(pages) for bar in page.bars] == expected
    assert {len(page.bars) for page in pages[:-1]} == {countback}


@every_resolution
def test_the_end_of_a_range_is_exclusive_and_its_start_is_not(feed: UdfClient, chart: Chart, resolution: str) -> None:
    bars = chart.shown(resolution)
    first, last = bars[-4], bars[-1]
    page = feed.history("BTCUSDT", resolution, start=first.time // 1_000, end=last.time // 1_000)
    assert page.bars == bars[-4:-1]


@every_resolution
def test_a_countback_is_met_to_the_bar_and_from_is_not_looked_at(
    feed: UdfClient, chart: Chart, resolution: str
) -> None:
    expected = chart.shown(resolution)
    for countback in (1, 2, 3, len(expected), len(expected) + 500):
        page = feed.history("BTCUSDT", resolution, start=chart.now, end=chart.now, countback=countback)
        assert page.bars == expected[-min(countback, 20_000) :]


@every_resolution
def test_nothing_before_the_first_bar_ends_the_chart(feed: UdfClient, chart: Chart, resolution: str) -> None:
    first = chart.shown(resolution)[0].time // 1_000
    assert feed.history("BTCUSDT", resolution, start=0, end=first, countback=5).no_data
    assert feed.history("BTCUSDT", resolution, start=0, end=first).no_data
    assert len(feed.history("BTCUSDT", resolution, start=0, end=first + 1, countback=5).bars) == 1


@every_resolution
def test_volume_columns_are_those_of_the_bars(server: WebServer, chart: Chart, resolution: str) -> None:
    body = httpx.get(
        f"{server.url}/history",
        params={"symbol": "BTCUSDT", "resolution": resolution, "to": chart.now, "countback": 300},
    ).json()
    bars = list(chart.bars(resolution).values())[-300:]
    assert body["tbv"] == [values[6] for values in bars]
    assert body["nv"] == pytest.approx([2 * values[6] - values[4] for values in bars], abs=1e-6)


def test_a_range_in_a_hole_is_answered_by_the_bar_before_it(feed: UdfClient, chart: Chart) -> None:
    minutes = chart.shown("1")
    end_of_a_day = next(bar for bar, after in pairwise(minutes) if after.time - bar.time > MINUTE)
    hole = end_of_a_day.time // 1_000 + 3_600
    page = feed.history("BTCUSDT", "1", start=hole, end=hole + 3_600)
    assert page.bars == [end_of_a_day]


def test_a_wide_range_is_its_newest_20000_bars_at_most(feed: UdfClient, chart: Chart) -> None:
    expected = chart.shown("1")[-20_000:]
    assert len(expected) == 20_000
    assert feed.history("BTCUSDT", "1", start=0, end=chart.now).bars == expected
    assert feed.history("BTCUSDT", "1", start=0, end=chart.now, countback=20_001).bars == expected


def test_a_symbol_without_candles_has_no_data(feed: UdfClient, chart: Chart) -> None:
    assert feed.history("ETHUSDT", "1", start=0, end=chart.now, countback=2).no_data


@pytest.mark.parametrize(("suffix", "of"), [("#NV", lambda bar: 2 * bar[6] - bar[4]), ("#TBV", lambda bar: bar[6])])
@every_resolution
def test_a_volume_can_be_charted_as_a_series_of_its_own(
    feed: UdfClient, chart: Chart, resolution: str, suffix: str, of: object
) -> None:
    assert callable(of)
    found = feed.resolve(f"BTCUSDT{suffix}")
    assert (found.name, found.plots, found.pricescale) == (f"BTCUSDT{suffix}", "c", 1_000)
    page = feed.history(found.ticker, resolution, start=0, end=chart.now, countback=50)
    expected = list(chart.bars(resolution).values())[-50:]
    assert [bar.close for bar in page.bars] == pytest.approx([of(values) for values in expected], abs=1e-6)


@every_resolution
def test_polling_tells_the_forming_bar_and_then_how_it_ended(
    feed: UdfClient, chart: Chart, publisher: Collector, resolution: str
) -> None:
    interval = RESOLUTIONS[resolution]
    subscription = Subscription(feed, "BTCUSDT", resolution)
    bars = chart.shown(resolution)
    assert subscription.poll(chart.now) == [bars[-1]]
    # The first minute of the next bar comes, and with it the end of this one.
    opened = bucket_start(interval, chart.forming + 32 * DAY if interval in {"1w", "1M"} else chart.forming + DAY)
    tail = publisher_tail(chart)
    ended = replace(tail[-1], is_closed=True, close=tail[-1].close, volume=3.5)
    began = replace(tail[-1], time=opened, volume=1.25)
    publisher.tail("BTCUSDT", [*tail[:-1], ended, began])
    try:
        before, newest = subscription.poll(opened // 1_000 + 30)
    finally:
        publisher.tail("BTCUSDT", tail)
    assert (before.time, newest.time) == (bars[-1].time, opened)
    assert before.volume == pytest.approx(bars[-1].volume + 1.0)
    assert newest.volume == 1.25


def publisher_tail(chart: Chart) -> list[Candle]:
    """The tail as the fixture left it."""
    newest = list(chart.minutes.items())[-11:]
    return [Candle("BTCUSDT", at, *values, is_closed=at != chart.forming) for at, values in newest]


def test_a_search_finds_what_has_something_to_show(feed: UdfClient) -> None:
    names = [found["symbol"] for found in feed.search("usdt")]
    assert names == ["BTCUSDT", "币安人生USDT", "HOLEUSDT"]
    assert set(feed.search("btc")[0]) == {"symbol", "ticker", "full_name", "description", "exchange", "type"}


def test_a_search_keeps_to_its_limit_its_type_and_its_exchange(feed: UdfClient) -> None:
    assert len(feed.search("", limit=2)) == 2
    assert len(feed.search("btcusdt", kind="crypto", exchange="BINANCE")) == 1
    assert feed.search("btcusdt", kind="stock") == []
    assert feed.search("btcusdt", exchange="NYSE") == []


def test_a_quote_has_the_name_it_was_asked_for(feed: UdfClient, chart: Chart) -> None:
    entries = feed.quotes("BINANCE:btcusdt", "NOPE", "ETHUSDT")
    assert [(entry["n"], entry["s"]) for entry in entries] == [
        ("BINANCE:btcusdt", "ok"),
        ("NOPE", "error"),
        ("ETHUSDT", "error"),
    ]
    *_, before, today = chart.shown("1D")
    assert entries[0]["v"]["lp"] == today.close
    assert entries[0]["v"]["prev_close_price"] == before.close
    assert entries[0]["v"]["ch"] == pytest.approx(today.close - before.close, abs=1e-6)


def test_the_days_opens_are_those_of_tracked_symbols_that_traded(server: WebServer, chart: Chart) -> None:
    opens = httpx.get(f"{server.url}/daily-opens").json()
    assert opens["BTCUSDT"] == chart.shown("1D")[-1].open
    assert set(opens) <= {"BTCUSDT", "币安人生USDT"}


def test_tracked_symbols_are_listed_in_upper_case(server: WebServer, chart: Chart) -> None:
    assert httpx.get(f"{server.url}/tracked-symbols").json() == ["BTCUSDT", "币安人生USDT"]


def test_the_table_of_symbols_has_the_same_steps(server: WebServer, chart: Chart) -> None:
    table = httpx.get(f"{server.url}/symbol_info", params={"group": "BINANCE"}).json()
    assert table["symbol"] == ["BTCUSDT", "HOLEUSDT", "币安人生USDT"]
    assert (table["pricescale"][0], table["minmovement"][0]) == (10, 1)


def test_known_holes_are_marked_and_days_to_come_are_not(feed: UdfClient, chart: Chart) -> None:
    today = chart.forming // DAY * DAY // 1_000
    marks = feed.marks("HOLEUSDT", "1D", start=0, end=chart.now)
    assert [(mark["time"], mark["color"]) for mark in marks] == [
        (today - 10 * 86_400, "yellow"),
        (today - 8 * 86_400, "red"),
    ]
    assert "720" in marks[0]["tooltip"][0]
    assert feed.marks("HOLEUSDT", "1D", start=today - 7 * 86_400, end=chart.now)[0]["time"] == today - 7 * 86_400
    assert feed.marks("HOLEUSDT", "1D", start=today - 9 * 86_400, end=today - 8 * 86_400) == []
