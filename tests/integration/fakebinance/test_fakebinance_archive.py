"""The archive over a real socket."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

import httpx
import pytest

from feeds.fakebinance.bars import HEADER, csv_text
from feeds.fakebinance.server import FakeExchange
from market.domain.window import Month, TimeWindow, day_of

S3 = "{http://s3.amazonaws.com/doc/2006-03-01/}"
MONTH = Month(2026, 1)


def monthly(symbol: str, month: str) -> str:
    return f"/data/futures/um/monthly/klines/{symbol}/1m/{symbol}-1m-{month}.zip"


def daily(symbol: str, day: str) -> str:
    return f"/data/futures/um/daily/klines/{symbol}/1m/{symbol}-1m-{day}.zip"


def csv_in(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(archive.namelist()[0])


@pytest.mark.parametrize("symbol", ["BTCUSDT", "币安人生USDT"])
def test_a_monthly_zip_holds_the_truth_of_the_month(exchange: FakeExchange, client: httpx.Client, symbol: str) -> None:
    text = csv_in(client.get(monthly(symbol, "2026-01")).raise_for_status().content)
    assert text == csv_text(exchange.truth.bars(symbol, MONTH.window))
    assert text.count(b"\n") == 1 + 31 * 1_440


def test_a_daily_zip_holds_the_truth_of_the_day(exchange: FakeExchange, client: httpx.Client) -> None:
    day = day_of(MONTH.window.start)
    text = csv_in(client.get(daily("LTCUSDT", str(day))).raise_for_status().content)
    assert text == csv_text(exchange.truth.bars("LTCUSDT", TimeWindow.of_day(day)))


def test_a_zip_is_made_as_the_exchange_makes_it(client: httpx.Client) -> None:
    with zipfile.ZipFile(io.BytesIO(client.get(daily("BTCUSDT", "2026-01-05")).content)) as archive:
        (entry,) = archive.infolist()
        text = archive.read(entry)
    assert entry.filename == "BTCUSDT-1m-2026-01-05.csv"
    assert entry.compress_type == zipfile.ZIP_DEFLATED
    assert entry.create_system == 3
    assert text.startswith(HEADER.encode() + b"\n")
    assert b"\r" not in text
    assert not text.endswith(b"\n\n")


def test_the_checksum_is_two_words_without_a_newline(client: httpx.Client) -> None:
    path = daily("BTCUSDT", "2026-01-05")
    content, checksum = client.get(path).content, client.get(f"{path}.CHECKSUM").content
    assert checksum == f"{hashlib.sha256(content).hexdigest()}  BTCUSDT-1m-2026-01-05.zip".encode()


def test_the_same_file_has_the_same_bytes_in_every_process(client: httpx.Client) -> None:
    # No cache folder in common: both are made from nothing.
    with FakeExchange.running(symbols=("LTCUSDT",), start_ms=MONTH.window.end + 9 * 86_400_000, speed=0.0) as other:
        theirs = httpx.get(other.url + daily("LTCUSDT", "2026-01-05"), trust_env=False)
    assert client.get(daily("LTCUSDT", "2026-01-05")).content == theirs.content


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (monthly("BTCUSDT", "2026-02"), 200),
        (monthly("BTCUSDT", "2026-03"), 404),
        (daily("BTCUSDT", "2026-03-03"), 200),
        (daily("BTCUSDT", "2026-03-04"), 404),
        (monthly("BTCUSDT", "2023-12"), 404),
        (monthly("OMGUSDT", "2025-01"), 200),
        (monthly("OMGUSDT", "2025-02"), 404),
        (monthly("NOSUCHUSDT", "2026-01"), 404),
        (monthly("币安人生USDT", "2025-09"), 404),
        (monthly("币安人生USDT", "2025-10"), 200),
        ("/data/futures/um/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2026-1.zip", 404),
    ],
)
def test_files_are_there_once_their_period_is_over_and_published(client: httpx.Client, path: str, status: int) -> None:
    assert client.get(path).status_code == status
    assert client.get(f"{path}.CHECKSUM").status_code == status


def test_a_missing_file_is_answered_as_the_store_does(client: httpx.Client) -> None:
    reply = client.get(monthly("BTCUSDT", "2026-03"))
    assert reply.headers["Content-Type"].startswith("application/xml")
    assert ET.fromstring(reply.content).findtext("Code") == "NoSuchKey"  # noqa: S314  (our own text)


def test_a_daily_file_appears_when_the_clock_reaches_its_hour(exchange: FakeExchange, client: httpx.Client) -> None:
    exchange.clock.set(Month(2026, 3).window.start + 8 * 3_600_000)
    path = daily("BTCUSDT", "2026-02-28")
    assert client.get(path).status_code == 404
    exchange.clock.advance(30 * 60_000)
    assert client.get(path).status_code == 200


def test_the_month_of_a_listing_starts_with_its_first_minute(exchange: FakeExchange, client: httpx.Client) -> None:
    onboard = exchange.truth.market.listings["币安人生USDT"].onboard_ms
    text = csv_in(client.get(monthly("币安人生USDT", "2025-10")).content)
    assert text.splitlines()[1].startswith(f"{onboard},".encode())


def test_headers_are_those_of_the_store(client: httpx.Client) -> None:
    reply = client.get(monthly("BTCUSDT", "2026-01"))
    digest = hashlib.md5(reply.content, usedforsecurity=False).hexdigest()
    assert reply.headers["ETag"] == f'"{digest}"'
    assert reply.headers["Last-Modified"] == "Mon, 02 Feb 2026 08:30:00 GMT"
    assert int(reply.headers["Content-Length"]) == len(reply.content)


def test_a_file_that_the_client_has_is_not_sent_again(client: httpx.Client) -> None:
    path = daily("BTCUSDT", "2026-01-05")
    etag = client.get(path).headers["ETag"]
    again = client.get(path, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")


def test_a_range_of_bytes_can_be_asked_for(client: httpx.Client) -> None:
    path = daily("BTCUSDT", "2026-01-05")
    whole = client.get(path).content
    part = client.get(path, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(whole)}"


def test_head_tells_the_size_without_the_body(client: httpx.Client) -> None:
    path = daily("BTCUSDT", "2026-01-05")
    size = len(client.get(path).content)
    reply = client.head(path)
    assert (reply.status_code, int(reply.headers["Content-Length"]), reply.content) == (200, size, b"")


def test_the_listing_names_the_symbols(exchange: FakeExchange) -> None:
    query = {"delimiter": "/", "prefix": "data/futures/um/monthly/klines/"}
    page = ET.fromstring(httpx.get(exchange.listing_url, params=query, trust_env=False).content)  # noqa: S314
    folders = [node.text for node in page.findall(f"{S3}CommonPrefixes/{S3}Prefix")]
    assert folders == [
        f"data/futures/um/monthly/klines/{symbol}/" for symbol in ("BTCUSDT", "LTCUSDT", "OMGUSDT", "币安人生USDT")
    ]


def test_the_listing_of_a_symbol_agrees_with_its_files(exchange: FakeExchange, client: httpx.Client) -> None:
    query = {"delimiter": "/", "prefix": "data/futures/um/monthly/klines/币安人生USDT/1m/"}
    page = ET.fromstring(httpx.get(exchange.listing_url, params=query, trust_env=False).content)  # noqa: S314
    contents = page.findall(f"{S3}Contents")
    keys = [node.findtext(f"{S3}Key") or "" for node in contents]
    months = ["2025-10", "2025-11", "2025-12", "2026-01", "2026-02"]
    files = [monthly("币安人生USDT", month).removeprefix("/") for month in months]
    assert keys == [key for file in files for key in (file, f"{file}.CHECKSUM")]
    for node, key in zip(contents, keys, strict=True):
        reply = client.get(f"/{key}")
        assert node.findtext(f"{S3}Size") == reply.headers["Content-Length"]
        assert node.findtext(f"{S3}ETag") == reply.headers["ETag"]


def test_prewarmed_files_are_ready(exchange: FakeExchange, client: httpx.Client) -> None:
    assert exchange.prewarm(["BTCUSDT", "币安人生USDT"], [Month(2025, 9), Month(2025, 10)]) == 3
    assert client.get(monthly("币安人生USDT", "2025-10")).status_code == 200


def test_a_file_that_somebody_removed_is_made_again(client: httpx.Client, zip_cache: Path) -> None:
    path = daily("LTCUSDT", "2026-01-06")
    content = client.get(path).content
    for made in zip_cache.glob("*.zip"):
        made.unlink()
    assert client.get(path).content == content


def test_old_files_make_room_for_new_ones() -> None:
    with FakeExchange.running(symbols=("BTCUSDT",), start_ms=MONTH.window.end, speed=0.0, cache_bytes=200_000) as small:
        first = httpx.get(small.url + daily("BTCUSDT", "2026-01-01"), trust_env=False).content
        for number in range(2, 10):
            httpx.get(small.url + daily("BTCUSDT", f"2026-01-0{number}"), trust_env=False).raise_for_status()
        assert small.store.kept_bytes <= 200_000
        again = httpx.get(small.url + daily("BTCUSDT", "2026-01-01"), trust_env=False).content
    assert again == first
