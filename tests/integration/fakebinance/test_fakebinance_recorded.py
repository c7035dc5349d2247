"""The double over files in the archive's layout: made ones, and real ones where they are at hand."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import httpx
import pytest

from feeds.fakebinance import intervals
from feeds.fakebinance.bars import Scale, csv_text
from feeds.fakebinance.exchange_info import exchange_info
from feeds.fakebinance.listings import CATALOGUE
from feeds.fakebinance.recorded import RecordedMarket, read_zip
from feeds.fakebinance.server import FakeExchange
from feeds.fakebinance.store import zipped
from market.domain.window import Month
from tests.support.real_data import ABSENT, ARCHIVE, CAPTURED

REAL_MONTHS = sorted(ARCHIVE.glob("data/futures/um/monthly/klines/*/1m/*.zip"))
needs_real_data = [
    pytest.mark.real_data,
    pytest.mark.skipif(not REAL_MONTHS, reason=ABSENT),
]
MINUTE_MS = 60_000
START = Month(2026, 1).window.start


def put(folder: Path, tree: str, symbol: str, period: str, text: str) -> Path:
    path = folder / "data" / tree / "klines" / symbol / "1m" / f"{symbol}-1m-{period}.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(zipped(f"{path.stem}.csv", text.encode(), START, 6))
    return path


def row(opened: int, close: str, volume: str = "5.0", unit: int = 1) -> str:
    last = (opened + MINUTE_MS) * unit - 1
    return f"{opened * unit},1.50,2.50,0.50,{close},{volume},{last},7.500,3,0,0,0\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    put(tmp_path, "futures/um/monthly", "AAAUSDT", "2026-01", row(START, "1.10") + row(START + MINUTE_MS, "1.20"))
    put(tmp_path, "futures/um/daily", "AAAUSDT", "2026-01-01", row(START + MINUTE_MS, "1.99"))
    put(tmp_path, "spot/daily", "BBBUSDT", "2026-01-02", row(START + 86_400_000, "1.30", unit=1_000))
    return tmp_path


@pytest.fixture
def client(folder: Path) -> Iterator[httpx.Client]:
    with (
        FakeExchange.running(archive_dir=folder, start_ms=Month(2026, 3).window.start, speed=0.0) as exchange,
        httpx.Client(base_url=exchange.url, trust_env=False) as opened,
    ):
        yield opened


def test_files_are_served_byte_for_byte(folder: Path, client: httpx.Client) -> None:
    paths = list(folder.glob("data/**/*.zip"))
    assert len(paths) > 2
    for path in paths:
        assert client.get(f"/{path.relative_to(folder).as_posix()}").content == path.read_bytes()


def test_a_checksum_that_is_not_there_is_made(folder: Path, client: httpx.Client) -> None:
    path = folder / "data/spot/daily/klines/BBBUSDT/1m/BBBUSDT-1m-2026-01-02.zip"
    expected = f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}"
    assert client.get(f"/{path.relative_to(folder).as_posix()}.CHECKSUM").text == expected


def test_a_checksum_that_is_there_is_served_as_it_is(folder: Path, client: httpx.Client) -> None:
    path = folder / "data/spot/daily/klines/BBBUSDT/1m/BBBUSDT-1m-2026-01-02.zip"
    path.with_name(f"{path.name}.CHECKSUM").write_text("as found\n", encoding="utf-8")
    assert client.get(f"/{path.relative_to(folder).as_posix()}.CHECKSUM").text == "as found\n"


@pytest.mark.parametrize("path", ["/data/../secret.zip", "/data/%2e%2e/%2e%2e/secret.zip", "/data/futures/um"])
def test_nothing_else_is_served(folder: Path, client: httpx.Client, path: str) -> None:
    (folder / "secret.zip").write_bytes(b"secret")
    (folder.parent / "secret.zip").write_bytes(b"secret")
    assert client.get(path).status_code == 404


def test_rest_shows_the_daily_files_minute_where_both_have_it(client: httpx.Client) -> None:
    rows = client.get("/fapi/v1/klines", params={"symbol": "AAAUSDT", "interval": "1m"}).json()
    assert [(entry[0], entry[4]) for entry in rows] == [(START, "1.10"), (START + MINUTE_MS, "1.99")]


def test_rest_knows_microseconds(client: httpx.Client) -> None:
    rows = client.get("/fapi/v1/klines", params={"symbol": "BBBUSDT", "interval": "1m"}).json()
    assert [entry[0] for entry in rows] == [START + 86_400_000]


def test_the_symbols_are_those_of_the_files(client: httpx.Client) -> None:
    symbols = [entry["symbol"] for entry in client.get("/fapi/v1/exchangeInfo").json()["symbols"]]
    assert symbols == ["AAAUSDT", "BBBUSDT"]


def test_file_faults_work_on_recorded_files_too(folder: Path) -> None:
    path = "/data/futures/um/daily/klines/AAAUSDT/1m/AAAUSDT-1m-2026-01-01.zip"
    with FakeExchange.running(archive_dir=folder) as exchange:
        exchange.faults.add("bad_cell", times=1)
        replies = [httpx.get(exchange.url + path, trust_env=False).content for _ in range(2)]
    with zipfile.ZipFile(io.BytesIO(replies[0])) as archive:
        assert b"NaN" in archive.read(archive.namelist()[0])
    assert replies[1] == (folder / path.removeprefix("/")).read_bytes()


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no file such as"):
        RecordedMarket(tmp_path)


class TestAgainstRealFiles:
    """The double prints what the exchange prints."""

    pytestmark = needs_real_data

    @pytest.mark.parametrize("path", REAL_MONTHS, ids=lambda path: path.stem)
    def test_a_real_month_printed_again_is_the_same_to_the_byte(self, path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            original = archive.read(archive.namelist()[0])
        listing = real_market().listings[path.stem.partition("-")[0]]
        assert csv_text(read_zip(path, listing.scale)) == original

    @pytest.mark.parametrize("path", REAL_MONTHS, ids=lambda path: path.stem)
    def test_real_quote_amounts_have_the_decimals_of_price_and_quantity_together(self, path: Path) -> None:
        scale = real_market().listings[path.stem.partition("-")[0]].scale
        assert scale.quote == scale.price + scale.quantity

    @pytest.mark.parametrize("interval", ["15m", "1h", "1d"])
    def test_real_minutes_fold_to_the_exchanges_own_higher_candles(self, interval: str) -> None:
        folder = ARCHIVE / "data/spot/daily/klines/ETHUSDT"
        scale = Scale(8, 8, 8)
        files = sorted((folder / interval).glob("*.zip"))
        assert files
        for theirs in files:
            minutes = folder / "1m" / theirs.name.replace(f"-{interval}-", "-1m-")
            ours = csv_text(intervals.fold(read_zip(minutes, scale), interval)).splitlines()[1:]
            with zipfile.ZipFile(theirs) as archive:
                expected = archive.read(archive.namelist()[0]).splitlines()
            assert [without_close_time(line) for line in ours] == [without_close_time(line) for line in expected]

    def test_a_made_up_symbol_has_every_key_of_a_real_one_in_its_order(self) -> None:
        real = json.loads((CAPTURED / "fapi_exchangeInfo_2026-07-08.json").read_text(encoding="utf-8"))
        ours = exchange_info(CATALOGUE.values(), Month(2026, 7).window.start, 2_400)
        assert list(ours) == list(real)
        assert ours["rateLimits"] == real["rateLimits"]
        theirs = {entry["symbol"]: entry for entry in real["symbols"]}
        for entry in ours["symbols"]:
            other = theirs[entry["symbol"]]
            assert list(entry) == list(other)
            assert {key: type(value) for key, value in entry.items()} == {
                key: type(value) for key, value in other.items()
            }
            for key in ("onboardDate", "status", "deliveryDate", "pricePrecision", "quantityPrecision", "baseAsset"):
                assert entry[key] == other[key], (entry["symbol"], key)
            assert grid(entry) == grid(other), entry["symbol"]

    def test_real_checksums_are_served_as_they_are(self) -> None:
        with FakeExchange.running(archive_dir=ARCHIVE) as exchange:
            for path in REAL_MONTHS:
                url = f"{exchange.url}/{path.relative_to(ARCHIVE).as_posix()}"
                text = httpx.get(f"{url}.CHECKSUM", trust_env=False).content
                assert text == path.with_name(f"{path.name}.CHECKSUM").read_bytes()
                assert text == f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}".encode()


@cache
def real_market() -> RecordedMarket:
    return RecordedMarket(ARCHIVE)


def without_close_time(line: bytes) -> list[str]:
    """The cells of a CSV line but for close_time, which `csv_text` writes for minutes only; zeros bare or not."""
    cells = line.decode().split(",")
    return [cell if float(cell) else "0" for number, cell in enumerate(cells) if number != 6]


def grid(entry: dict[str, object]) -> dict[str, str]:
    """Tick and step of an exchangeInfo entry."""
    filters = entry["filters"]
    assert isinstance(filters, list)
    return {
        kind: values[key]
        for kind, key in (("PRICE_FILTER", "tickSize"), ("LOT_SIZE", "stepSize"))
        for values in filters
        if values["filterType"] == kind
    }
