"""Files of the double's archive, whole and damaged, through real sockets."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

import pytest

from feeds.binance.archive import ArchiveClient, unzip_csv
from feeds.binance.endpoints import checksum_path, daily_path, member_name, monthly_path
from feeds.binance.errors import (
    ChecksumMismatch,
    ChecksumMissing,
    DamagedFile,
    ExchangeError,
    Forbidden,
    Limited,
    NotFound,
    RefusedData,
    RegionBlocked,
    ServerError,
    Unreachable,
)
from feeds.binance.proxies import ProxyPool
from feeds.binance.wire import frame_from_csv
from feeds.fakebinance.server import FakeExchange
from market.domain.frame import CandleFrame
from market.domain.window import Month, TimeWindow

DAY = dt.date(2026, 3, 10)
WINDOW = TimeWindow.of_day(DAY)
PATH = daily_path("BTCUSDT", DAY)
ZIP = {"kind": "archive.zip"}
CHECKSUM = {"kind": "archive.checksum"}


async def load(archive: ArchiveClient, path: str = PATH, window: TimeWindow = WINDOW) -> CandleFrame:
    file = await archive.fetch(path)
    return frame_from_csv(unzip_csv(file.body, member_name(path)), window)


async def test_a_day_equals_the_truth(exchange: FakeExchange, archive: ArchiveClient) -> None:
    frame = await load(archive)
    assert len(frame) == 1_440
    assert frame == exchange.truth.frame("BTCUSDT", WINDOW)


async def test_a_month_equals_the_truth(exchange: FakeExchange, archive: ArchiveClient) -> None:
    month = Month(2026, 2)
    frame = await load(archive, monthly_path("ETHUSDT", month), month.window)
    assert frame == exchange.truth.frame("ETHUSDT", month.window)


async def test_a_symbol_beyond_ascii_loads(exchange: FakeExchange, archive: ArchiveClient) -> None:
    frame = await load(archive, daily_path("币安人生USDT", DAY))
    assert len(frame) == 1_440
    assert frame == exchange.truth.frame("币安人生USDT", WINDOW)


async def test_a_fetched_file_tells_what_it_is(archive: ArchiveClient) -> None:
    file = await archive.fetch(PATH)
    assert (file.path, file.size, file.sha256) == (PATH, len(file.body), hashlib.sha256(file.body).hexdigest())
    assert file.last_modified is not None
    assert file.last_modified > WINDOW.end
    assert "body" not in repr(file)


async def test_the_checksum_alone_is_a_small_request(exchange: FakeExchange, archive: ArchiveClient) -> None:
    digest = await archive.fetch_checksum(PATH)
    assert digest == (await archive.fetch(PATH)).sha256
    assert exchange.requests.times("/" + PATH) == 1


async def test_a_file_that_is_not_published_yet_is_not_found_after_one_request(
    exchange: FakeExchange, archive: ArchiveClient
) -> None:
    with pytest.raises(NotFound):
        await archive.fetch(monthly_path("BTCUSDT", Month(2026, 3)))
    assert len(exchange.requests.entries()) == 1


async def test_a_file_without_its_checksum_is_not_loaded(exchange: FakeExchange, archive: ArchiveClient) -> None:
    exchange.faults.add("not_found", match=CHECKSUM)
    with pytest.raises(ChecksumMissing):
        await archive.fetch(PATH)


async def test_a_checksum_that_was_wrong_once_is_healed_by_fetching_both_again(
    exchange: FakeExchange, archive: ArchiveClient
) -> None:
    exchange.faults.add("wrong_checksum", times=1)
    assert await load(archive) == exchange.truth.frame("BTCUSDT", WINDOW)
    assert exchange.requests.times("/" + PATH) == 2
    assert exchange.requests.times("/" + checksum_path(PATH)) == 2


async def test_a_checksum_that_stays_wrong_refuses_the_file_after_the_second_try(
    exchange: FakeExchange, archive: ArchiveClient
) -> None:
    exchange.faults.add("wrong_checksum")
    with pytest.raises(ChecksumMismatch):
        await archive.fetch(PATH)
    assert exchange.requests.times("/" + PATH) == 2


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("wrong_checksum_name", DamagedFile),
        ("truncated", ChecksumMismatch),
        ("html", DamagedFile),
    ],
)
async def test_a_damaged_file_is_fetched_twice_and_then_refused(
    exchange: FakeExchange, archive: ArchiveClient, fault: str, kind: type[ExchangeError]
) -> None:
    match = {} if fault.startswith("wrong") else ZIP
    exchange.faults.add(fault, match=match)
    with pytest.raises(kind):
        await archive.fetch(PATH)
    assert exchange.requests.times("/" + PATH) == 2


@pytest.mark.parametrize(
    ("fault", "params"),
    [
        ("server_error", {}),
        ("server_error", {"status": 500, "body": ""}),
        ("reset", {}),
        ("reset", {"fraction": 0.5}),
        ("forbidden", {}),
        ("challenge", {}),
        ("status", {"status": 429, "headers": {"Retry-After": "2"}}),
    ],
)
async def test_a_passing_failure_is_sat_out(
    exchange: FakeExchange, archive: ArchiveClient, fault: str, params: dict[str, Any]
) -> None:
    exchange.faults.add(fault, match=ZIP, params=params, times=2)
    assert await load(archive) == exchange.truth.frame("BTCUSDT", WINDOW)
    assert exchange.requests.times("/" + PATH) == 3


@pytest.mark.parametrize(
    ("fault", "params", "kind"),
    [
        ("server_error", {}, ServerError),
        ("reset", {}, Unreachable),
        ("forbidden", {}, Forbidden),
        ("status", {"status": 429, "headers": {"Retry-After": "2"}}, Limited),
    ],
)
async def test_a_lasting_failure_is_raised_after_the_last_attempt(
    exchange: FakeExchange, archive: ArchiveClient, fault: str, params: dict[str, Any], kind: type[ExchangeError]
) -> None:
    exchange.faults.add(fault, match=ZIP, params=params)
    with pytest.raises(kind):
        await archive.fetch(PATH)
    assert exchange.requests.times("/" + PATH) == 5


async def test_a_blocked_region_is_not_asked_again(exchange: FakeExchange, archive: ArchiveClient) -> None:
    exchange.faults.add("geo_blocked", match=ZIP)
    with pytest.raises(RegionBlocked):
        await archive.fetch(PATH)
    assert exchange.requests.times("/" + PATH) == 1


async def test_a_trickling_file_is_given_up_in_time(exchange: FakeExchange, pool: ProxyPool) -> None:
    exchange.faults.add("slow", match=ZIP, params={"bytes_per_second": 100})
    hurried = ArchiveClient(exchange.url, pool, attempts=1, download_timeout_s=0.5)
    with pytest.raises(Unreachable, match="too long"):
        await hurried.fetch(PATH)


async def test_a_file_beyond_the_limit_is_broken_off(exchange: FakeExchange, pool: ProxyPool) -> None:
    small = ArchiveClient(exchange.url, pool, max_bytes=10_000)
    with pytest.raises(DamagedFile, match="longer than 10000 bytes"):
        await small.fetch(PATH)


async def test_a_server_that_is_not_there_is_unreachable(pool: ProxyPool) -> None:
    nobody = ArchiveClient("http://127.0.0.1:1", pool, attempts=1)
    with pytest.raises(Unreachable):
        await nobody.fetch(PATH)
    assert pool.status().busy == 0


@pytest.mark.parametrize("fault", ["headerless", "microseconds", "unordered_rows", "duplicate_rows"])
async def test_an_odd_but_truthful_file_equals_the_truth(
    exchange: FakeExchange, archive: ArchiveClient, fault: str
) -> None:
    exchange.faults.add(fault)
    assert await load(archive) == exchange.truth.frame("BTCUSDT", WINDOW)


@pytest.mark.parametrize("value", ["NaN", "abc", "", "negative", "high<low", "1e400"])
async def test_a_bad_cell_refuses_the_file(exchange: FakeExchange, archive: ArchiveClient, value: str) -> None:
    exchange.faults.add("bad_cell", params={"value": value})
    with pytest.raises(RefusedData):
        await load(archive)


async def test_a_file_that_lacks_rows_reads_with_the_holes_it_has(
    exchange: FakeExchange, archive: ArchiveClient
) -> None:
    exchange.faults.add("missing_rows", params={"rows": [0, 700, 1439]})
    truth = exchange.truth.frame("BTCUSDT", WINDOW)
    frame = await load(archive)
    assert sorted(set(truth.time.tolist()) - set(frame.time.tolist())) == [truth.time[row] for row in (0, 700, 1439)]
