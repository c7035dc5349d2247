"""What else one batch does: the file record, the notes, the refusals; and what the ledger learns without candles."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from market.domain.batch import CandleBatch
from market.domain.frame import CandleFrame
from market.domain.interval import Interval
from market.domain.source import Source
from market.domain.window import DAY_MS, TimeWindow, to_datetime
from market.models import ArchiveFile, LedgerDay
from market.services.candles import Ingested, candles_ingest
from market.services.ledger import days_note, days_reopen, days_settle
from market.store import candles
from tests.support.candles import issue, load, make_symbol, ms, random_frame
from tests.support.database import query
from tests.support.stored import bars_by_time_bucket, stored_bars

pytestmark = pytest.mark.django_db

START = ms("2024-02-01")
DAY = dt.date(2024, 2, 1)
PATH = "data/futures/um/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2024-02.zip"


def test_an_empty_batch_changes_nothing() -> None:
    symbol = make_symbol()
    assert load(symbol, CandleFrame.empty(), Source.MONTHLY, file=issue(PATH, "a")) == Ingested(0, 0, 0)
    assert not LedgerDay.objects.exists()


@pytest.mark.parametrize("rows", [[1, 0], [0, 0]])
def test_a_batch_out_of_order_is_refused_whole(rows: list[int]) -> None:
    symbol = make_symbol()
    frame = random_frame(1, START, 2).take(np.array(rows))
    with pytest.raises(ValueError, match="ascending"):
        candles_ingest(batch=CandleBatch.of(symbol.id, frame), source=Source.LIVE)
    assert stored_bars("1m") == {}


def test_a_file_is_recorded_beside_its_days() -> None:
    symbol = make_symbol()
    load(symbol, random_frame(1, START, 2_880), Source.MONTHLY, file=issue(PATH, "a", rows=2_880))
    file = ArchiveFile.objects.get()
    assert (file.path, file.symbol, file.sha256, file.rows) == (PATH, symbol, "a".ljust(64, "0"), 2_880)
    assert [day.file for day in LedgerDay.objects.all()] == [file, file]


def test_a_file_that_brought_nothing_to_a_day_is_not_named_there() -> None:
    symbol = make_symbol()
    load(symbol, random_frame(1, START, 1_440), Source.DAILY, file=issue("daily", "a"))
    load(symbol, random_frame(1, START, 1_440), Source.MONTHLY, file=issue(PATH, "a"))
    assert LedgerDay.objects.get().file == ArchiveFile.objects.get(path="daily")


def test_a_newer_issue_of_a_file_corrects_what_the_older_one_brought() -> None:
    symbol = make_symbol()
    load(symbol, random_frame(1, START, 10), Source.DAILY, file=issue(PATH, "a"))
    newer = random_frame(2, START, 10)
    done = load(symbol, newer, Source.DAILY, file=issue(PATH, "b"))
    assert done.replaced == done.conflicts > 0
    assert [bar[3] for _, bar in sorted(stored_bars("1m").items())] == newer.close.tolist()
    assert ArchiveFile.objects.get().sha256 == "b".ljust(64, "0")


def test_the_same_issue_again_changes_nothing() -> None:
    symbol = make_symbol()
    frame = random_frame(1, START, 10)
    load(symbol, frame, Source.DAILY, file=issue(PATH, "a"))
    assert load(symbol, frame, Source.DAILY, file=issue(PATH, "a")) == Ingested(0, 0, 0)
    assert ArchiveFile.objects.count() == 1


def test_a_disagreement_is_noted_with_who_won() -> None:
    symbol = make_symbol()
    load(symbol, random_frame(1, START, 1), Source.MONTHLY)
    load(symbol, random_frame(2, START, 1), Source.DAILY)
    load(symbol, random_frame(3, START, 1), Source.REST)
    assert LedgerDay.objects.get().note.splitlines() == [
        "1 minutes differed: DAILY replaced what was stored",
        "1 minutes differed: REST did not replace what was stored",
    ]


def test_a_disagreement_that_comes_again_is_counted_once() -> None:
    symbol = make_symbol()
    load(symbol, random_frame(1, START, 1_440), Source.DAILY)
    for _ in range(3):
        load(symbol, random_frame(2, START, 100), Source.MONTHLY)
    assert LedgerDay.objects.get().conflict_rows == 100
    load(symbol, random_frame(2, START, 1_440), Source.MONTHLY)
    assert LedgerDay.objects.get().conflict_rows == 1_440


def test_a_day_is_complete_with_the_minutes_since_the_listing() -> None:
    symbol = make_symbol(onboard_at=to_datetime(START + 23 * 3_600_000))
    load(symbol, random_frame(1, START + 23 * 3_600_000, 60), Source.DAILY)
    assert LedgerDay.objects.values_list("state", "expected").get() == ("archive", 60)


@pytest.mark.parametrize("interval", [interval for interval in Interval if interval is not Interval.M1])
def test_a_bar_that_somebody_has_put_where_no_minute_is_gives_way_to_the_minutes(interval: Interval) -> None:
    symbol = make_symbol()
    opens = int(interval.starts(TimeWindow(START, START + 7 * DAY_MS))[0])
    candles.insert(interval, CandleBatch.of(symbol.id, random_frame(9, opens, 1)))
    frame = random_frame(1, START, 29 * 1_440)
    load(symbol, frame)
    bars = {time: bar for (_, time), bar in stored_bars(interval.value).items()}
    assert bars == {time: bar for (_, time), bar in bars_by_time_bucket(interval.value).items()}


def test_a_stray_bar_of_a_bucket_that_gets_no_minute_is_removed_with_the_others_of_its_day() -> None:
    symbol = make_symbol()
    candles.insert(Interval.H1, CandleBatch.of(symbol.id, random_frame(9, START + 5 * 3_600_000, 1)))
    load(symbol, random_frame(1, START, 60))
    assert list(stored_bars("1h")) == list(bars_by_time_bucket("1h"))


@pytest.mark.django_db(transaction=True)
def test_a_batch_that_can_be_fetched_again_does_not_wait_for_the_disk() -> None:
    symbol = make_symbol()
    batch = CandleBatch.of(symbol.id, random_frame(1, START, 5))
    assert candles_ingest(batch=batch, source=Source.DAILY, durable=False).inserted == 5
    # Only that transaction was relaxed.
    assert query("SHOW synchronous_commit") == [("on",)]
    assert len(stored_bars("1m")) == 5


def test_a_settled_day_stays_settled_until_it_is_reopened() -> None:
    symbol = make_symbol()
    days_settle(symbol=symbol, days=[DAY], line="no source has this day")
    entry = LedgerDay.objects.get()
    assert (entry.state, entry.is_settled, entry.expected, entry.note) == (
        "empty",
        True,
        1_440,
        "no source has this day",
    )
    assert days_reopen(symbol=symbol) == 1
    assert LedgerDay.objects.values_list("state", "is_settled").get() == ("missing", False)


def test_only_the_days_that_were_named_are_reopened() -> None:
    symbol = make_symbol()
    next_day = DAY + dt.timedelta(days=1)
    days_settle(symbol=symbol, days=[DAY, next_day], line="nothing")
    assert days_reopen(symbol=symbol, days=[next_day, dt.date(2020, 1, 1)]) == 1
    assert LedgerDay.objects.get(is_settled=False).day == next_day


def test_a_note_leaves_counts_and_state_alone() -> None:
    symbol = make_symbol()
    load(symbol, random_frame(1, START, 1_440), Source.DAILY)
    days_note(symbol=symbol, days=[DAY], line="checksum mismatch, fetched once more")
    entry = LedgerDay.objects.get()
    assert (entry.state, entry.daily_rows) == ("archive", 1_440)
    assert entry.note == "checksum mismatch, fetched once more"
