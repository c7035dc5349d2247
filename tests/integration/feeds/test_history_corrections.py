"""Sources that disagree: the better one stays, the ledger says what differed, every timeframe follows."""

from __future__ import annotations

import datetime as dt

from asgiref.sync import async_to_sync

from feeds.binance.endpoints import daily_path, monthly_path
from feeds.exchange import open_exchange
from feeds.fakebinance.server import FakeExchange
from feeds.storing import FileJob, Stored, store_file
from market.domain.source import Source
from market.domain.window import Month, TimeWindow
from market.models import ArchiveFile, LedgerDay, Symbol
from tests.support.loading import Loader, days, entry_of, month, states_of
from tests.support.oracle import Row, assert_ledger_agrees, stored_rows

BTC = "BTCUSDT"
FEBRUARY = month("2024-02")
MONTHLY = monthly_path(BTC, Month(2024, 2))
SUNDAY = "2024-02-04"
A_DAY = 1_440
# Three minutes of Sunday, the fourth day of the month.
ROWS = [3 * A_DAY + 5, 3 * A_DAY + 6, 3 * A_DAY + 1_000]


async def _fetch(path: str) -> tuple[str, bytes]:
    async with open_exchange() as exchange:
        file = await exchange.archive.fetch(path)
        return file.sha256, file.body


def load_file(path: str, window: TimeWindow, source: Source) -> Stored:
    """Load one file whether or not anything is missing."""
    sha256, body = async_to_sync(_fetch)(path)
    return store_file(FileJob(Symbol.objects.get(name=BTC).id, path, sha256, body, window, source))


def load_day(day: str) -> Stored:
    date = dt.date.fromisoformat(day)
    return load_file(daily_path(BTC, date), TimeWindow.of_day(date), Source.DAILY)


def differing_minutes(exchange: FakeExchange) -> list[int]:
    """Numbers within the month of the minutes whose stored values are not the truth."""
    truth = exchange.published(BTC, FEBRUARY).frame()
    closes = dict(zip(truth.time.tolist(), truth.close.tolist(), strict=True))
    rows: list[Row] = stored_rows(BTC, "1m")
    assert len(rows) == len(closes)
    return [number for number, row in enumerate(rows) if row[4] != closes[int(row[0])]]


def test_a_daily_file_corrects_the_monthly_one(loader: Loader, exchange: FakeExchange) -> None:
    exchange.faults.add("altered", match={"tier": "monthly"}, params={"rows": ROWS})
    loader.load(FEBRUARY, BTC)
    assert differing_minutes(exchange) == ROWS
    assert entry_of(BTC, SUNDAY).state == "archive"
    done = load_day(SUNDAY)
    assert (done.inserted, done.replaced, done.conflicts) == (0, A_DAY, 3)
    loader.assert_truth(FEBRUARY, BTC)
    entry = entry_of(BTC, SUNDAY)
    assert (entry.state, entry.conflict_rows, entry.daily_rows, entry.monthly_rows) == ("conflict", 3, A_DAY, 0)
    assert "3 minutes differed: DAILY replaced what was stored" in entry.note
    assert states_of(BTC) == {"archive": 28, "conflict": 1}


def test_a_monthly_file_does_not_touch_what_the_daily_one_brought(loader: Loader, exchange: FakeExchange) -> None:
    load_day(SUNDAY)
    exchange.faults.add("altered", match={"tier": "monthly"}, params={"rows": ROWS})
    loader.load(FEBRUARY, BTC)
    loader.assert_truth(FEBRUARY, BTC)
    entry = entry_of(BTC, SUNDAY)
    assert (entry.state, entry.conflict_rows, entry.daily_rows) == ("conflict", 3, A_DAY)
    assert "3 minutes differed: MONTHLY did not replace what was stored" in entry.note


def test_a_file_loaded_twice_changes_nothing(loader: Loader, exchange: FakeExchange) -> None:
    loader.load(FEBRUARY, BTC)
    before = list(LedgerDay.objects.values("day", "state", "monthly_rows", "conflict_rows", "note"))
    done = load_file(MONTHLY, FEBRUARY, Source.MONTHLY)
    assert (done.rows, done.inserted, done.replaced, done.conflicts) == (29 * A_DAY, 0, 0, 0)
    assert list(LedgerDay.objects.values("day", "state", "monthly_rows", "conflict_rows", "note")) == before
    loader.assert_truth(FEBRUARY, BTC)


def test_a_newer_issue_of_a_file_corrects_the_older_one(loader: Loader, exchange: FakeExchange) -> None:
    first = exchange.faults.add("reissued", match={"tier": "monthly"}, params={"what": "altered", "rows": ROWS})
    loader.load(FEBRUARY, BTC)
    assert differing_minutes(exchange) == ROWS
    old_digest = ArchiveFile.objects.get(path=MONTHLY).sha256
    exchange.faults.remove(first.id)
    done = load_file(MONTHLY, FEBRUARY, Source.MONTHLY)
    assert (done.inserted, done.replaced, done.conflicts) == (0, 3, 3)
    loader.assert_truth(FEBRUARY, BTC)
    assert ArchiveFile.objects.get(path=MONTHLY).sha256 != old_digest
    entry = entry_of(BTC, SUNDAY)
    assert (entry.state, entry.conflict_rows) == ("conflict", 3)
    assert "3 minutes differed: MONTHLY replaced what was stored" in entry.note


def test_a_newer_issue_of_a_daily_file_corrects_the_older_one(loader: Loader, exchange: FakeExchange) -> None:
    window = days(SUNDAY, SUNDAY)
    first = exchange.faults.add("reissued", match={"day": SUNDAY}, params={"what": "altered", "count": 40})
    loader.load(window, BTC)
    exchange.faults.remove(first.id)
    done = load_day(SUNDAY)
    assert (done.replaced, done.conflicts) == (40, 40)
    loader.assert_truth(window, BTC)


def test_a_newer_issue_with_more_rows_adds_them(loader: Loader, exchange: FakeExchange) -> None:
    """The older issue lacks minutes, and no other source has them when it is loaded."""
    issue = exchange.faults.add("reissued", match={"day": SUNDAY}, params={"what": "missing_rows", "rows": [5, 6]})
    no_rest = exchange.faults.add("server_error", match={"kind": "rest.klines"})
    window = days(SUNDAY, SUNDAY)
    assert loader.load(window, BTC).failed == 1
    assert entry_of(BTC, SUNDAY).state == "partial"
    exchange.faults.remove(issue.id)
    exchange.faults.remove(no_rest.id)
    assert loader.load(window, BTC).failed == 0
    loader.assert_truth(window, BTC)
    entry = entry_of(BTC, SUNDAY)
    assert (entry.state, entry.daily_rows) == ("archive", A_DAY)
    assert entry.file is not None
    assert entry.file.rows == A_DAY


def test_overlapping_windows_in_any_order_end_the_same(loader: Loader, exchange: FakeExchange) -> None:
    for window in (days("2024-02-03", "2024-02-05"), days("2024-02-05", "2024-02-08"), FEBRUARY, FEBRUARY):
        assert loader.load(window, BTC).failed == 0
    loader.assert_truth(FEBRUARY, BTC)
    assert not LedgerDay.objects.exclude(conflict_rows=0).exists()
    assert_ledger_agrees(BTC)
