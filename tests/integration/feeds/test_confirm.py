"""Daily files have the last word on what came by REST or live; files published anew are loaded again."""

from __future__ import annotations

from asgiref.sync import async_to_sync
from django.db import connection

from feeds.binance.endpoints import daily_path
from feeds.confirm import Confirmed, covered_by, history_confirm
from feeds.fakebinance.server import FakeExchange
from market.domain.batch import CandleBatch
from market.domain.source import Source
from market.domain.window import DAY_MS, Month, TimeWindow, day_of
from market.models import ArchiveFile, Symbol
from market.services.candles import candles_ingest
from market.services.claims import confirm_runner_claim, confirm_runner_release
from tests.support.database import query
from tests.support.loading import Loader, days, entry_of, month

BTC = "BTCUSDT"
WEEK = days("2024-04-03", "2024-04-09")


def confirm() -> Confirmed | None:
    return async_to_sync(history_confirm)()


def store_by(source: Source, exchange: FakeExchange, window: TimeWindow, *, wrong_minute: int | None = None) -> None:
    frame = exchange.published(BTC, window).frame()
    if wrong_minute is not None:
        frame.close[wrong_minute] = frame.high[wrong_minute] = frame.high[wrong_minute] + 1
    candles_ingest(batch=CandleBatch.of(Symbol.objects.get(name=BTC).id, frame), source=source)


def test_days_by_rest_are_confirmed_by_their_daily_files(loader: Loader, exchange: FakeExchange) -> None:
    store_by(Source.REST, exchange, WEEK)
    assert entry_of(BTC, "2024-04-04").state == "rest"
    assert confirm() == Confirmed(days=7, reissued=0, failed=0)
    entry = entry_of(BTC, "2024-04-04")
    assert (entry.state, entry.daily_rows, entry.rest_rows) == ("archive", 1_440, 0)
    assert entry.file is not None
    assert entry.file.path == daily_path(BTC, entry.day)
    loader.assert_truth(WEEK, BTC)
    assert confirm() == Confirmed(), "nothing is left to confirm"


def test_a_live_minute_that_was_wrong_is_corrected_and_the_day_says_so(loader: Loader, exchange: FakeExchange) -> None:
    day = days("2024-04-09", "2024-04-09")
    store_by(Source.LIVE, exchange, day, wrong_minute=700)
    confirm()
    loader.assert_truth(day, BTC)
    entry = entry_of(BTC, "2024-04-09")
    assert (entry.state, entry.conflict_rows) == ("conflict", 1)
    assert "1 minutes differed: DAILY replaced what was stored" in entry.note


def test_a_daily_file_that_is_late_is_asked_for_again(loader: Loader, exchange: FakeExchange) -> None:
    day = days("2024-04-09", "2024-04-09")
    store_by(Source.REST, exchange, day)
    fault = exchange.faults.add("not_found", match={"kind": "archive.*", "day": "2024-04-09"}).id
    assert confirm() == Confirmed(failed=1)
    assert entry_of(BTC, "2024-04-09").state == "rest"
    exchange.faults.remove(fault)
    assert confirm() == Confirmed(days=1)
    assert entry_of(BTC, "2024-04-09").state == "archive"


def test_a_file_published_anew_is_loaded_again(loader: Loader, exchange: FakeExchange) -> None:
    march = month("2024-03")
    fault = exchange.faults.add("reissued", match={"tier": "monthly"}, params={"what": "altered", "rows": [77]}).id
    loader.load(march, BTC)
    before = ArchiveFile.objects.get().sha256
    exchange.faults.remove(fault)
    assert confirm() == Confirmed(reissued=1)
    loader.assert_truth(march, BTC)
    assert ArchiveFile.objects.get().sha256 != before
    assert entry_of(BTC, "2024-03-01").conflict_rows == 1
    exchange.requests.clear()
    assert confirm() == Confirmed()
    assert exchange.requests.count("archive.zip") == 0, "the checksum alone shows that nothing is new"


def test_only_one_worker_confirms_at_a_time(loader: Loader, exchange: FakeExchange) -> None:
    store_by(Source.REST, exchange, days("2024-04-09", "2024-04-09"))
    assert confirm_runner_claim()
    try:
        assert confirm() is None
    finally:
        confirm_runner_release()
    assert confirm() == Confirmed(days=1)


def test_a_day_that_cannot_be_stored_does_not_keep_the_others(loader: Loader, exchange: FakeExchange) -> None:
    """The database refuses the day's bar, after the day was deleted by hand."""
    store_by(Source.REST, exchange, days("2024-04-08", "2024-04-09"))
    assert query("DELETE FROM candle_1m WHERE time >= '2024-04-08+00' AND time < '2024-04-09+00' RETURNING 1")
    assert query("DELETE FROM candle_1d WHERE time = '2024-04-08+00' RETURNING 1")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE candle_1d ADD CONSTRAINT not_the_eighth CHECK (time <> '2024-04-08+00')")
        try:
            assert confirm() == Confirmed(days=1, failed=1)
        finally:
            cursor.execute("ALTER TABLE candle_1d DROP CONSTRAINT not_the_eighth")
    assert entry_of(BTC, "2024-04-09").state == "archive"


def test_a_file_name_tells_what_it_stands_for() -> None:
    start = Month(2024, 2).window.start
    name = "data/futures/um/{0}/klines/币安人生USDT/1m/币安人生USDT-1m-{1}.zip"
    assert covered_by(name.format("monthly", "2024-02")) == (Month(2024, 2).window, Source.MONTHLY)
    assert covered_by(name.format("daily", "2024-02-01")) == (TimeWindow.of_day(day_of(start)), Source.DAILY)
    assert covered_by(name.format("daily", "2024-02-01"))[0].end == start + DAY_MS
