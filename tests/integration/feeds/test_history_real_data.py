"""Real files of the exchange, from the archive's own layout to the tables; read here with Python's csv module."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from feeds.fakebinance.server import FakeExchange
from market.domain.frame import CandleFrame
from market.domain.interval import Interval
from market.domain.rollup import fold
from market.domain.window import Month, TimeWindow
from market.models import ArchiveFile, LedgerDay
from tests.support.candles import ms
from tests.support.loading import Loader, states_of
from tests.support.oracle import Row, stored_rows
from tests.support.real_data import ABSENT, ARCHIVE

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not ARCHIVE.is_dir(), reason=ABSENT),
]

MONTHS: Final = {
    "AVAXUSDT": ("2026-02", "2026-04", "2026-06", "2026-07"),
    "LTCUSDT": ("2026-02",),
    "FILUSDT": ("2026-02",),
}
NOW: Final = ms("2026-08-10T12:00:05")


def rows_of(path: Path) -> Iterator[Row]:
    """Time, open, high, low, close, volume, quote volume, taker's volume, taker's quote volume, trades: of each row."""
    with zipfile.ZipFile(path) as archive:
        (name,) = archive.namelist()
        text = archive.read(name).decode("ascii")
    for row in csv.reader(io.StringIO(text, newline="")):
        if row[0] != "open_time":
            yield (int(row[0]), *(float(row[cell]) for cell in (1, 2, 3, 4, 5, 7, 9, 10)), int(row[8]))


def monthly_file(symbol: str, month: str) -> Path:
    return ARCHIVE / f"data/futures/um/monthly/klines/{symbol}/1m/{symbol}-1m-{month}.zip"


def spot_frame(interval: str) -> CandleFrame:
    """The exchange's own candles of ETHUSDT, 1 to 14 March 2024."""
    paths = sorted((ARCHIVE / f"data/spot/daily/klines/ETHUSDT/{interval}").glob("*.zip"))
    assert len(paths) == 14
    return CandleFrame.from_rows(row for path in paths for row in rows_of(path))


def test_real_months_load_completely(load_from: Callable[[FakeExchange], Loader]) -> None:
    with FakeExchange.running(archive_dir=ARCHIVE, start_ms=NOW) as exchange:
        loader = load_from(exchange)
        loader.track(*MONTHS)
        for symbol, months in MONTHS.items():
            for month in months:
                done = loader.load(Month.parse(month).window, symbol)
                assert (done.files, done.failed, done.errors) == (1, 0, [])
        days = 0
        for symbol, months in MONTHS.items():
            expected = [row for month in months for row in rows_of(monthly_file(symbol, month))]
            assert stored_rows(symbol, "1m") == expected
            days_of_symbol = sum(len(Month.parse(month).days()) for month in months)
            assert len(expected) == days_of_symbol * 1_440
            assert states_of(symbol) == {"archive": days_of_symbol}
            days += days_of_symbol
            windows = [Month.parse(month).window for month in months]
            loader.assert_truth(TimeWindow(windows[0].start, windows[-1].end), symbol)
        assert LedgerDay.objects.filter(monthly_rows=1_440, conflict_rows=0, note="").count() == days
        assert ArchiveFile.objects.count() == 6
        assert exchange.requests.count("rest.klines") == 0


@pytest.mark.parametrize("interval", [Interval.M15, Interval.H1, Interval.D1])
def test_folded_minutes_are_the_exchanges_own_candles(interval: Interval) -> None:
    minutes, own = spot_frame("1m"), spot_frame(interval.value)
    assert len(minutes) == 14 * 1_440
    assert fold(minutes, interval) == own


def test_real_candles_fold_through_every_step_to_the_exchanges_own_day() -> None:
    bars = spot_frame("1m")
    for interval in (Interval.M5, Interval.M15, Interval.H1, Interval.H4, Interval.D1):
        bars = fold(bars, interval)
    assert bars == spot_frame("1d")
