"""REST over a real socket."""

from __future__ import annotations

import gzip
import io
import zipfile
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from feeds.fakebinance.server import FakeExchange
from market.domain.window import Month, TimeWindow

START = Month(2026, 1).window.start


def klines(client: httpx.Client, **query: str | int) -> httpx.Response:
    return client.get("/fapi/v1/klines", params={"symbol": "BTCUSDT", "interval": "1m", **query})


def weight_of(reply: httpx.Response) -> int:
    return int(reply.headers["x-mbx-used-weight-1m"])


def test_rows_are_the_truth_in_the_exchanges_own_types(exchange: FakeExchange, client: httpx.Client) -> None:
    rows = klines(client, startTime=START, limit=3).json()
    bars = exchange.truth.bars("BTCUSDT", TimeWindow(START, START + 180_000))
    assert [row[0] for row in rows] == bars.time.tolist()
    for number, row in enumerate(rows):
        assert [type(value) for value in row] == [int, str, str, str, str, str, int, str, int, str, str, str]
        assert row[6] == row[0] + 59_999
        assert row[11] == "0"
        assert row[8] == bars.trade_count[number]
        assert Decimal(row[4]) == Decimal(int(bars.close[number])).scaleb(-2)
        assert Decimal(row[7]) == Decimal(int(bars.quote_volume[number])).scaleb(-5)


def test_rest_and_archive_print_the_same_text(client: httpx.Client) -> None:
    path = "/data/futures/um/daily/klines/币安人生USDT/1m/币安人生USDT-1m-2026-01-01.zip"
    with zipfile.ZipFile(io.BytesIO(client.get(path).content)) as archive:
        lines = archive.read(archive.namelist()[0]).decode().splitlines()[1:]
    rows = klines(client, symbol="币安人生USDT", startTime=START, limit=1_440).json()
    assert [",".join(map(str, row)) for row in rows] == lines


def test_the_last_row_is_the_open_minute(exchange: FakeExchange, client: httpx.Client) -> None:
    now = exchange.clock.now()
    before = klines(client, limit=1).json()[0]
    exchange.clock.advance(20_000)
    after = klines(client, limit=1).json()[0]
    assert before[0] == after[0] == now // 60_000 * 60_000
    assert after[8] > before[8]


def test_a_symbol_may_be_written_in_lower_case(client: httpx.Client) -> None:
    assert klines(client, symbol="btcusdt", limit=2).json() == klines(client, limit=2).json()


def test_the_body_is_compact(client: httpx.Client) -> None:
    assert b", " not in klines(client, limit=2).content


def test_a_month_candle_closes_at_the_end_of_its_month(client: httpx.Client) -> None:
    row = klines(client, interval="1M", startTime=START, limit=1).json()[0]
    assert row[6] == Month(2026, 1).window.end - 1


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"symbol": "NOPEUSDT"}, -1121),
        ({"interval": "1s"}, -1120),
        ({"interval": "1mo"}, -1120),
        ({"limit": 1_501}, -1130),
        ({"limit": 0}, -1130),
        ({"startTime": START + 1, "endTime": START}, -1023),
        ({"symbol": ""}, -1102),
        ({"limit": "many"}, -1102),
        ({"limit": "²"}, -1102),
        ({"limit": "9" * 5_000}, -1102),
    ],
)
def test_what_the_exchange_refuses_gives_its_code(client: httpx.Client, query: dict[str, Any], code: int) -> None:
    reply = klines(client, **query)
    assert reply.status_code == 400
    assert reply.json()["code"] == code
    assert reply.json()["msg"]


def test_a_symbol_that_is_not_listed_yet_is_invalid(exchange: FakeExchange, client: httpx.Client) -> None:
    exchange.clock.set(exchange.truth.market.listings["币安人生USDT"].onboard_ms - 1)
    assert klines(client, symbol="币安人生USDT").json()["code"] == -1121


def test_unknown_parameters_are_ignored(client: httpx.Client) -> None:
    assert klines(client, endTIme=5, limit=1).status_code == 200


def test_weight_adds_up_over_requests_and_errors(client: httpx.Client) -> None:
    assert weight_of(client.get("/fapi/v1/ping")) == 1
    assert weight_of(klines(client, limit=499)) == 3
    assert weight_of(klines(client)) == 8
    assert weight_of(klines(client, limit=1_501)) == 18
    assert weight_of(klines(client, symbol="NOPEUSDT", limit=5)) == 19
    assert weight_of(client.get("/fapi/v1/exchangeInfo")) == 20


def test_the_weight_starts_again_with_the_clocks_minute(exchange: FakeExchange, client: httpx.Client) -> None:
    klines(client, limit=1_500)
    exchange.clock.advance(30_000)
    assert weight_of(client.get("/fapi/v1/time")) == 1


def test_too_much_weight_gives_429_and_then_a_ban() -> None:
    with (
        FakeExchange.running(symbols=("BTCUSDT",), start_ms=START, speed=0.0, weight_limit=20, patience=1) as small,
        httpx.Client(base_url=small.url, trust_env=False) as client,
    ):
        replies = [klines(client, limit=1_500) for _ in range(5)]
        small.clock.advance(120_000)
        later = client.get("/fapi/v1/ping")
    assert [reply.status_code for reply in replies] == [200, 200, 429, 418, 418]
    assert replies[2].headers["Retry-After"] == "60"
    assert replies[2].json()["msg"].startswith("Too many requests; current limit is 20 requests per minute.")
    assert f"banned until {START + 120_000}" in replies[3].json()["msg"]
    assert later.status_code == 200


def test_time_is_the_clocks(exchange: FakeExchange, client: httpx.Client) -> None:
    assert client.get("/fapi/v1/time").json() == {"serverTime": exchange.clock.now()}


def test_ping_is_an_empty_object(client: httpx.Client) -> None:
    assert client.get("/fapi/v1/ping").json() == {}


def test_the_server_time_of_exchange_info_is_stale(exchange: FakeExchange, client: httpx.Client) -> None:
    stale = client.get("/fapi/v1/exchangeInfo").json()["serverTime"]
    assert exchange.clock.now() - stale > 36 * 3_600_000


def test_a_delisted_symbol_stays_listed_as_settling(exchange: FakeExchange, client: httpx.Client) -> None:
    symbols = {entry["symbol"]: entry for entry in client.get("/fapi/v1/exchangeInfo").json()["symbols"]}
    assert symbols["OMGUSDT"]["status"] == "SETTLING"
    assert symbols["OMGUSDT"]["deliveryDate"] < exchange.clock.now()
    assert symbols["BTCUSDT"]["status"] == "TRADING"
    assert symbols["BTCUSDT"]["deliveryDate"] == 4_133_404_800_000


def test_a_delisting_to_come_does_not_show(exchange: FakeExchange, client: httpx.Client) -> None:
    exchange.clock.set(exchange.truth.market.listings["OMGUSDT"].delivery_ms - 1)
    symbols = {entry["symbol"]: entry for entry in client.get("/fapi/v1/exchangeInfo").json()["symbols"]}
    assert symbols["OMGUSDT"]["status"] == "TRADING"
    assert "币安人生USDT" not in symbols


def test_gzip_comes_when_it_is_asked_for(exchange: FakeExchange) -> None:
    url = f"{exchange.url}/fapi/v1/exchangeInfo"
    with (
        httpx.Client(trust_env=False) as client,
        client.stream("GET", url, headers={"Accept-Encoding": "gzip"}) as reply,
    ):
        raw = b"".join(reply.iter_raw())
        assert reply.headers["Content-Encoding"] == "gzip"
    plain = httpx.get(url, headers={"Accept-Encoding": "identity"}, trust_env=False)
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(raw) == plain.content


def test_an_unknown_path_is_no_candle(client: httpx.Client) -> None:
    assert client.get("/fapi/v1/depth").status_code == 404
    assert client.get("/nowhere").status_code == 404


@pytest.mark.parametrize("path", ["/fapi/v1/time", "/fapi/v1/nothing", "/data/futures/um/daily/klines/none.zip"])
def test_every_answer_is_dated_by_the_exchanges_clock(exchange: FakeExchange, client: httpx.Client, path: str) -> None:
    date = parsedate_to_datetime(client.get(path).headers["date"])
    assert date.timestamp() * 1_000 == exchange.clock.now() // 1_000 * 1_000
