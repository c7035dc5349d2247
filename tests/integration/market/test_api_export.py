"""GET /api/export/{symbol}, below the server."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import BytesIO, StringIO
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from django.core.signals import request_finished
from django.db import close_old_connections
from django.http import StreamingHttpResponse
from pyarrow import parquet
from rest_framework.test import APIRequestFactory

from market.api.export import MAX_EXPORTS, ExportView
from market.domain.frame import CandleFrame
from market.domain.interval import Interval
from market.domain.source import Source
from market.domain.window import TimeWindow
from market.exporting import COLUMNS
from market.models import Symbol
from market.selectors import export
from tests.support.candles import load, make_symbol, ms, random_frame
from tests.support.expected_store import ExpectedStore
from tests.support.strategies import rows_of

pytestmark = pytest.mark.django_db

MINUTE = 60_000
NEWEST = ms("2024-03-01T11:59")
NOW = NEWEST + MINUTE
Row = tuple[float, ...]


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some pages to a test, some of them empty."""
    monkeypatch.setattr(export, "_PAGE_BUCKETS", 100)


@pytest.fixture(autouse=True)
def _the_tests_connection_stays() -> Iterator[None]:
    """The end of a response closes connections; this one is inside the test's transaction."""
    request_finished.disconnect(close_old_connections)
    yield
    request_finished.connect(close_old_connections)


@pytest.fixture
def frame() -> CandleFrame:
    """Four hours, a hole of a month, and twelve hours up to now."""
    return CandleFrame.concat([random_frame(1, ms("2024-01-31T22:00"), 240), random_frame(2, NOW - 720 * MINUTE, 720)])


@pytest.fixture
def symbol(frame: CandleFrame) -> Symbol:
    symbol = make_symbol()
    load(symbol, frame)
    load(make_symbol("OTHERUSDT"), random_frame(9, ms("2024-02-01"), 300))
    return symbol


def ask(query: str = "", *, name: str = "BTCUSDT", now: int = NOW) -> Any:
    return ExportView.as_view(now=lambda: now)(APIRequestFactory().get(f"/api/export/{name}?{query}"), symbol=name)


def body(query: str = "", **options: Any) -> bytes:
    response = ask(query, **options)
    assert isinstance(response, StreamingHttpResponse)
    content = b"".join(response)
    response.close()
    return content


def csv_rows(content: bytes) -> Iterator[Row]:
    names, *rows = csv.reader(StringIO(content.decode()))
    assert tuple(names) == COLUMNS
    for time, *values, trades in rows:
        yield (int(time), *map(float, values), int(trades))


def parquet_rows(content: bytes) -> Iterator[Row]:
    table = parquet.read_table(BytesIO(content))
    times = table["time"].cast(pa.int64()).to_pylist()
    yield from zip(times, *(table[name].to_pylist() for name in COLUMNS[1:]), strict=True)


READERS = {"csv": csv_rows, "parquet": parquet_rows}


def rows(frame: CandleFrame) -> list[Row]:
    return [tuple(row) for row in zip(*(getattr(frame, name).tolist() for name in COLUMNS), strict=True)]


@pytest.mark.parametrize("file_format", READERS)
def test_every_stored_minute_is_in_the_file_to_the_last_bit(
    symbol: Symbol, frame: CandleFrame, file_format: str
) -> None:
    assert list(READERS[file_format](body(f"format={file_format}"))) == rows(frame)


@pytest.mark.parametrize("file_format", READERS)
def test_numbers_of_every_size_come_back_as_they_are(file_format: str) -> None:
    awkward = random_frame(5, ms("2024-02-01"), 6)
    awkward.volume[:] = [1e-8, 0.1 + 0.2, 123456789.12345679, 2.0**53, 1e15 + 0.125, 0.0]
    load(make_symbol("ODDUSDT"), awkward)
    read = list(READERS[file_format](body(f"format={file_format}", name="ODDUSDT")))
    assert [row[5] for row in read] == awkward.volume.tolist()


@pytest.mark.parametrize("interval", Interval)
@pytest.mark.parametrize("file_format", READERS)
def test_each_interval_has_its_closed_bars_and_not_the_forming_one(
    symbol: Symbol, frame: CandleFrame, interval: Interval, file_format: str
) -> None:
    expected = ExpectedStore()
    expected.ingest({(symbol.id, time): row for time, row in rows_of(frame).items()}, Source.DAILY)
    bars = {time: values for (_, time), values in expected.bars(interval.value).items() if interval.next(time) <= NOW}
    read = {
        int(row[0]): row[1:] for row in READERS[file_format](body(f"interval={interval.value}&format={file_format}"))
    }
    assert list(read) == sorted(bars)
    assert read == bars


@pytest.mark.parametrize(("now", "hours"), [("12:00", 12), ("12:59:59", 12), ("13:01", 12), ("13:11", 13)])
def test_a_bar_whose_last_minute_may_still_come_is_not_in_the_file(now: str, hours: int) -> None:
    """The stream has brought thirty of the sixty minutes of the last hour."""
    load(make_symbol(), random_frame(1, ms("2024-03-01"), 750))
    assert len(list(csv_rows(body("interval=1h", now=ms(f"2024-03-01T{now}"))))) == hours


def test_the_range_has_its_start_and_not_its_end(symbol: Symbol, frame: CandleFrame) -> None:
    start, end = ms("2024-01-31T23:00"), NOW - 700 * MINUTE
    times = [row[0] for row in csv_rows(body(f"from={start}&to={end}"))]
    inside = (frame.time >= start) & (frame.time < end)
    assert times == frame.time[inside].tolist()
    assert (times[0], times[-1]) == (start, end - MINUTE)


@pytest.mark.parametrize(
    "query", ["to=1", f"from={NOW}", f"from={NOW}&to={NOW}", f"from={ms('2024-02-10')}&to={ms('2024-02-11')}"]
)
@pytest.mark.parametrize("file_format", READERS)
def test_a_range_without_candles_is_a_whole_file_without_rows(symbol: Symbol, query: str, file_format: str) -> None:
    assert list(READERS[file_format](body(f"{query}&format={file_format}"))) == []


@pytest.mark.parametrize("file_format", READERS)
def test_a_symbol_without_candles_is_a_whole_file_without_rows(file_format: str) -> None:
    make_symbol("NEWUSDT")
    assert list(READERS[file_format](body(f"format={file_format}", name="NEWUSDT"))) == []


def test_parquet_has_the_documented_types_and_says_whose_candles_it_has(symbol: Symbol) -> None:
    file = parquet.ParquetFile(BytesIO(body("format=parquet&interval=5m")))
    types = [str(column.type) for column in file.schema_arrow]
    assert types == ["timestamp[ms, tz=UTC]", *["double"] * 8, "int64"]
    metadata = file.schema_arrow.metadata
    assert (metadata[b"symbol"], metadata[b"interval"]) == (b"BTCUSDT", b"5m")


def test_parquet_is_written_row_group_by_row_group(symbol: Symbol, frame: CandleFrame) -> None:
    file = parquet.ParquetFile(BytesIO(body("format=parquet")))
    sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    assert sum(sizes) == len(frame)
    assert max(sizes) <= 100
    assert len(sizes) > 5


def test_csv_times_are_milliseconds_and_numbers_are_short(symbol: Symbol, frame: CandleFrame) -> None:
    line = body().splitlines()[1].decode().split(",")
    assert line[0] == str(ms("2024-01-31T22:00"))
    assert [float(cell) for cell in line[1:5]] == [float(getattr(frame, name)[0]) for name in COLUMNS[1:5]]
    assert max(map(len, line)) <= 20


@pytest.mark.parametrize(
    ("query", "name"),
    [("", "BTCUSDT-1m.csv"), ("interval=1M&format=parquet", "BTCUSDT-1mo.parquet"), ("interval=1d", "BTCUSDT-1d.csv")],
)
def test_the_file_has_a_name_of_its_own(symbol: Symbol, query: str, name: str) -> None:
    response = ask(query, name="btcusdt")
    response.close()
    assert response["Content-Disposition"] == f'attachment; filename="{name}"'
    assert response["Cache-Control"] == "no-store"


def test_a_name_outside_of_ascii_names_the_file() -> None:
    make_symbol("币安人生USDT")
    response = ask(name="币安人生USDT")
    response.close()
    assert response["Content-Disposition"].startswith("attachment; filename*=utf-8''%E5%B8%81")


def test_more_exports_than_may_run_at_a_time_are_told_to_come_back(symbol: Symbol) -> None:
    running = [ask() for _ in range(MAX_EXPORTS)]
    refused = ask()
    assert (refused.status_code, int(refused["Retry-After"]) > 0) == (503, True)
    running.pop().close()
    running.append(ask())
    assert running[-1].status_code == 200
    for response in running:
        response.close()


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("interval=2m", "interval"),
        ("format=xml", "format"),
        ("format=CSV", "format"),
        ("from=yesterday", "from"),
        ("to=-1", "to"),
        ("from=2&to=1", "to"),
    ],
)
def test_a_bad_parameter_is_400_with_its_name(symbol: Symbol, query: str, field: str) -> None:
    response = ask(query)
    assert response.status_code == 400
    assert str(response.data).startswith(f"{field}: expected ")


def test_an_unknown_symbol_is_404() -> None:
    assert ask(name="NOSUCHUSDT").status_code == 404


def test_pages_meet_without_gap_or_repeat(symbol: Symbol, frame: CandleFrame) -> None:
    pages = list(export.candles_export(symbol_id=symbol.id, interval=Interval.M1, window=TimeWindow(0, NOW), now=NOW))
    assert len(pages) > 5
    assert np.array_equal(np.concatenate([page.time for page in pages]), frame.time)
