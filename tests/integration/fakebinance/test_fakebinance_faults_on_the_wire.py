"""Each fault, seen by a client."""

from __future__ import annotations

import hashlib
import io
import time
import zipfile
from typing import Any

import httpx
import pytest

from feeds.fakebinance.bars import csv_text
from feeds.fakebinance.server import FakeExchange
from market.domain.window import Month, TimeWindow

DAY = "2026-01-05"
PATH = f"/data/futures/um/daily/klines/BTCUSDT/1m/BTCUSDT-1m-{DAY}.zip"
MONTH_PATH = "/data/futures/um/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2026-01.zip"
START = Month(2026, 1).window.start


def rows_in(content: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(archive.namelist()[0]).decode().splitlines()


def digest_of(client: httpx.Client, path: str) -> str:
    return client.get(f"{path}.CHECKSUM").text.split("  ")[0]


def test_a_file_can_be_away_for_a_while(exchange: FakeExchange, client: httpx.Client) -> None:
    exchange.faults.add("not_found", match={"symbol": "BTCUSDT", "day": DAY}, times=2)
    assert [client.get(PATH).status_code for _ in range(3)] == [404, 404, 200]


def test_a_checksum_can_come_later_than_its_file(exchange: FakeExchange, client: httpx.Client) -> None:
    exchange.faults.add("not_found", match={"kind": "archive.checksum"}, times=1)
    assert client.get(PATH).status_code == 200
    assert [client.get(f"{PATH}.CHECKSUM").status_code for _ in range(2)] == [404, 200]


def test_a_checksum_can_be_wrong_a_number_of_times(exchange: FakeExchange, client: httpx.Client) -> None:
    right = hashlib.sha256(client.get(PATH).content).hexdigest()
    exchange.faults.add("wrong_checksum", times=2)
    assert [digest_of(client, PATH) == right for _ in range(3)] == [False, False, True]


def test_a_checksum_can_be_wrong_for_ever(exchange: FakeExchange, client: httpx.Client) -> None:
    right = hashlib.sha256(client.get(PATH).content).hexdigest()
    exchange.faults.add("wrong_checksum")
    assert all(digest_of(client, PATH) != right for _ in range(5))


def test_a_checksum_can_name_another_file(exchange: FakeExchange, client: httpx.Client) -> None:
    exchange.faults.add("wrong_checksum_name")
    assert client.get(f"{PATH}.CHECKSUM").text.split("  ")[1] == f"other-BTCUSDT-1m-{DAY}.zip"


def test_a_truncated_zip_is_shorter_than_its_checksum_knows(exchange: FakeExchange, client: httpx.Client) -> None:
    whole = client.get(PATH).content
    exchange.faults.add("truncated", params={"fraction": 0.25}, times=1)
    part = client.get(PATH)
    assert part.status_code == 200
    assert part.content == whole[: len(whole) // 4]
    assert digest_of(client, PATH) == hashlib.sha256(whole).hexdigest()


def test_a_page_can_come_instead_of_a_zip(exchange: FakeExchange, client: httpx.Client) -> None:
    exchange.faults.add("html", times=1)
    reply = client.get(PATH)
    assert reply.status_code == 200
    assert reply.headers["Content-Type"].startswith("text/html")
    assert client.get(PATH).content.startswith(b"PK")


@pytest.mark.parametrize(
    ("fault", "params"),
    [
        ("headerless", {}),
        ("microseconds", {}),
        ("duplicate_rows", {}),
        ("unordered_rows", {}),
        ("bad_cell", {}),
        ("bad_cell", {"value": "high<low"}),
        ("missing_rows", {"count": 3}),
        ("missing_days", {"days": ["2026-01-07"]}),
        ("altered", {}),
        ("reissued", {}),
    ],
)
def test_a_file_fault_changes_the_file_and_its_checksum_together(
    exchange: FakeExchange, client: httpx.Client, fault: str, params: dict[str, Any]
) -> None:
    exchange.faults.add(fault, params=params, times=1)
    path = MONTH_PATH if fault == "missing_days" else PATH
    damaged, digest = client.get(path).content, digest_of(client, path)
    sound, right = client.get(path).content, digest_of(client, path)
    assert damaged != sound
    assert digest == hashlib.sha256(damaged).hexdigest()
    assert right == hashlib.sha256(sound).hexdigest()


def test_a_monthly_file_can_lack_a_day_that_the_daily_file_has(exchange: FakeExchange, client: httpx.Client) -> None:
    exchange.faults.add("missing_days", match={"tier": "monthly"}, params={"days": [DAY]})
    assert len(rows_in(client.get(MONTH_PATH).content)) == 1 + 30 * 1_440
    assert len(rows_in(client.get(PATH).content)) == 1 + 1_440


def test_a_monthly_file_can_differ_from_the_daily_one(exchange: FakeExchange, client: httpx.Client) -> None:
    exchange.faults.add("altered", match={"tier": "monthly"}, params={"rows": [4 * 1_440 + 10]})
    monthly = rows_in(client.get(MONTH_PATH).content)[1 + 4 * 1_440 : 1 + 5 * 1_440]
    daily = rows_in(client.get(PATH).content)[1:]
    assert [number for number in range(1_440) if monthly[number] != daily[number]] == [10]


def test_a_day_that_no_source_has_is_missing_everywhere(exchange: FakeExchange, client: httpx.Client) -> None:
    exchange.faults.add("day_absent", match={"symbol": "BTCUSDT"}, params={"days": [DAY]})
    window = TimeWindow(START + 4 * 86_400_000, START + 5 * 86_400_000)
    query: dict[str, str | int] = {
        "symbol": "BTCUSDT",
        "interval": "1m",
        "startTime": window.start,
        "endTime": window.end - 1,
    }
    assert client.get(PATH).status_code == 404
    assert client.get(f"{PATH}.CHECKSUM").status_code == 404
    assert len(rows_in(client.get(MONTH_PATH).content)) == 1 + 30 * 1_440
    assert client.get("/fapi/v1/klines", params=query).json() == []
    assert len(exchange.published("BTCUSDT", window)) == 0
    assert len(exchange.truth.bars("BTCUSDT", window)) == 1_440
    other = client.get("/fapi/v1/klines", params={**query, "symbol": "LTCUSDT", "limit": 1_440}).json()
    assert len(other) == 1_440


def test_a_reissued_file_gets_right_and_newer(exchange: FakeExchange, client: httpx.Client) -> None:
    exchange.faults.add("reissued", match={"tier": "monthly"}, params={"what": "missing_rows", "count": 3}, times=1)
    first, second = client.get(MONTH_PATH), client.get(MONTH_PATH)
    assert len(rows_in(second.content)) - len(rows_in(first.content)) == 3
    assert first.headers["ETag"] != second.headers["ETag"]
    assert first.headers["Last-Modified"] == "Mon, 02 Feb 2026 07:30:00 GMT"
    assert second.headers["Last-Modified"] == "Mon, 02 Feb 2026 08:30:00 GMT"
    truth = csv_text(exchange.truth.bars("BTCUSDT", Month(2026, 1).window)).decode().splitlines()
    assert rows_in(second.content) == truth


def test_429_tells_how_long_to_wait(exchange: FakeExchange, client: httpx.Client) -> None:
    exchange.faults.add("rate_limited", params={"retry_after": 7}, times=1)
    reply = client.get("/fapi/v1/ping")
    assert (reply.status_code, reply.headers["Retry-After"], reply.json()["code"]) == (429, "7", -1003)
    assert client.get("/fapi/v1/ping").status_code == 200


def test_418_tells_until_when(exchange: FakeExchange, client: httpx.Client) -> None:
    exchange.faults.add("banned", params={"seconds": 30, "retry_after": False}, times=1)
    reply = client.get("/fapi/v1/ping")
    assert reply.status_code == 418
    assert "Retry-After" not in reply.headers
    assert f"banned until {exchange.clock.now() + 30_000}." in reply.json()["msg"]


@pytest.mark.parametrize("path", [PATH, "/fapi/v1/klines?symbol=BTCUSDT&interval=1m"])
@pytest.mark.parametrize(
    ("fault", "params", "status"),
    [
        ("server_error", {}, 503),
        ("server_error", {"status": 502, "body": "<html>"}, 502),
        ("geo_blocked", {}, 451),
        ("status", {"status": 420, "body": "calm", "headers": {"X-Mood": "bad"}}, 420),
    ],
)
def test_an_error_status_comes_once(  # noqa: PLR0917  (two tables)
    exchange: FakeExchange, client: httpx.Client, fault: str, params: dict[str, Any], status: int, path: str
) -> None:
    exchange.faults.add(fault, params=params, times=1)
    assert [client.get(path).status_code for _ in range(2)] == [status, 200]


def test_a_firewall_answers_with_a_page(exchange: FakeExchange, client: httpx.Client) -> None:
    exchange.faults.add("forbidden", times=1)
    reply = client.get("/fapi/v1/ping")
    assert reply.status_code == 403
    assert reply.text.startswith("<!DOCTYPE html>")


def test_a_challenge_is_an_empty_202(exchange: FakeExchange, client: httpx.Client) -> None:
    exchange.faults.add("challenge", times=1)
    reply = client.get("/fapi/v1/klines", params={"symbol": "BTCUSDT", "interval": "1m"})
    assert (reply.status_code, reply.content) == (202, b"")
    assert reply.headers["x-amzn-waf-action"] == "challenge"


def test_a_good_status_can_carry_something_else_than_json(exchange: FakeExchange, client: httpx.Client) -> None:
    exchange.faults.add("not_json", times=1)
    reply = client.get("/fapi/v1/klines", params={"symbol": "BTCUSDT", "interval": "1m"})
    assert reply.status_code == 200
    assert reply.text.startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("path", [PATH, "/fapi/v1/ping"])
def test_a_connection_can_be_reset_before_the_answer(exchange: FakeExchange, client: httpx.Client, path: str) -> None:
    exchange.faults.add("reset", times=1)
    with pytest.raises(httpx.TransportError):
        client.get(path)
    assert client.get(path).status_code == 200


def test_a_connection_can_be_reset_in_the_middle_of_a_body(exchange: FakeExchange, client: httpx.Client) -> None:
    exchange.faults.add("reset", params={"fraction": 0.5}, times=1)
    with pytest.raises(httpx.TransportError):
        client.get(MONTH_PATH)
    assert client.get(MONTH_PATH).content.startswith(b"PK")


def test_a_body_can_trickle(exchange: FakeExchange, client: httpx.Client) -> None:
    size = len(client.get(PATH).content)
    exchange.faults.add("slow", params={"bytes_per_second": size * 2}, times=1)
    begun = time.monotonic()
    assert len(client.get(PATH).content) == size
    assert 0.4 < time.monotonic() - begun < 5


def test_an_answer_can_be_late(exchange: FakeExchange, client: httpx.Client) -> None:
    exchange.faults.add("stall", params={"seconds": 30}, times=1)
    with pytest.raises(httpx.ReadTimeout):
        client.get("/fapi/v1/ping", timeout=0.3)
    assert client.get("/fapi/v1/ping").status_code == 200
