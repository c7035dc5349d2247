"""The control endpoint, the request log, and the double as a process."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from feeds.fakebinance.server import FakeExchange
from market.domain.window import Month, TimeWindow

START = Month(2026, 1).window.start
ROOT = Path(__file__).resolve().parents[3]


def test_a_fault_can_be_put_in_watched_and_taken_out(exchange: FakeExchange, client: httpx.Client) -> None:
    rule = {"fault": "server_error", "match": {"kind": "rest.ping"}, "params": {"status": 500}, "times": "forever"}
    reply = client.post("/control/faults", json=rule)
    assert reply.status_code == 201
    (fault_id,) = reply.json()["ids"]
    assert client.get("/fapi/v1/ping").status_code == 500
    (listed,) = client.get("/control/faults").json()
    assert (listed["id"], listed["hits"], listed["times"]) == (fault_id, 1, "forever")
    assert client.delete("/control/faults", params={"id": fault_id}).status_code == 200
    assert client.get("/fapi/v1/ping").status_code == 200
    assert exchange.faults.rules() == []


def test_a_list_with_one_bad_rule_changes_nothing(exchange: FakeExchange, client: httpx.Client) -> None:
    reply = client.post("/control/faults", json=[{"fault": "reset"}, {"fault": "nope"}])
    assert reply.status_code == 400
    assert "unknown fault 'nope'" in reply.json()["error"]
    assert exchange.faults.rules() == []


def test_all_faults_can_be_taken_out_at_once(exchange: FakeExchange, client: httpx.Client) -> None:
    client.post("/control/faults", json=[{"fault": "reset"}, {"fault": "not_found"}])
    client.delete("/control/faults")
    assert exchange.faults.rules() == []


def test_the_clock_can_be_turned(exchange: FakeExchange, client: httpx.Client) -> None:
    reply = client.post("/control/clock", json={"now": START, "advance": 5_000, "speed": 0})
    assert reply.json() == {"now": START + 5_000, "speed": 0.0}
    assert client.get("/fapi/v1/time").json() == {"serverTime": START + 5_000}
    assert exchange.clock.now() == START + 5_000


def test_the_truth_comes_as_exact_integers(exchange: FakeExchange, client: httpx.Client) -> None:
    query: dict[str, str | int] = {"symbol": "BTCUSDT", "start": START, "end": START + 600_000}
    data = client.get("/control/truth", params=query).json()
    bars = exchange.truth.bars("BTCUSDT", TimeWindow(START, START + 600_000))
    assert data["scale"] == {"price": 2, "quantity": 3, "quote": 5}
    assert data["quote_volume"] == bars.quote_volume.tolist()
    assert data["time"] == bars.time.tolist()


def test_the_truth_comes_as_arrays_too(exchange: FakeExchange, client: httpx.Client) -> None:
    query: dict[str, Any] = {"symbol": "BTCUSDT", "start": START, "end": Month(2026, 1).window.end, "format": "npz"}
    with np.load(io.BytesIO(client.get("/control/truth", params=query).content)) as arrays:
        assert np.array_equal(arrays["close"], exchange.truth.bars("BTCUSDT", Month(2026, 1).window).close)
        assert arrays["scale"].tolist() == [2, 3, 5]


def test_what_was_published_can_be_asked_for(exchange: FakeExchange, client: httpx.Client) -> None:
    exchange.faults.add("day_absent", params={"days": ["2026-01-01"]})
    query: dict[str, Any] = {"symbol": "BTCUSDT", "start": START, "end": START + 2 * 86_400_000, "published": 1}
    assert len(client.get("/control/truth", params=query).json()["time"]) == 1_440


def test_requests_are_counted_and_remembered(exchange: FakeExchange, client: httpx.Client) -> None:
    path = "/data/futures/um/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2026-01-05.zip"
    for asked in (path, f"{path}.CHECKSUM", path, "/fapi/v1/ping"):
        client.get(asked)
    client.get("/fapi/v1/klines", params={"symbol": "BTCUSDT", "interval": "1m", "limit": 499})
    data = client.get("/control/requests").json()
    assert data["kinds"] == {"archive.zip": 2, "archive.checksum": 1, "rest.ping": 1, "rest.klines": 1}
    assert data["paths"] == {path: 2, f"{path}.CHECKSUM": 1}
    assert [entry["kind"] for entry in data["log"]][-1] == "rest.klines"
    assert data["log"][-1]["weight"] == 2
    assert "limit=499" in data["log"][-1]["query"]
    assert exchange.requests.fetched_more_than_once() == {path: 2}


def test_a_request_that_a_fault_hit_says_so(exchange: FakeExchange, client: httpx.Client) -> None:
    exchange.faults.add("geo_blocked")
    client.get("/fapi/v1/ping")
    (entry,) = exchange.requests.entries(lambda entry: entry.kind == "rest.ping")
    assert (entry.status, entry.faults) == (451, ("geo_blocked",))


def test_control_requests_are_not_counted(exchange: FakeExchange, client: httpx.Client) -> None:
    client.get("/control/clock")
    client.get("/control/requests")
    assert exchange.requests.entries() == []


def test_the_log_can_be_cleared(exchange: FakeExchange, client: httpx.Client) -> None:
    client.get("/fapi/v1/ping")
    client.delete("/control/requests")
    assert exchange.requests.count("rest.ping") == 0


def test_files_can_be_made_ahead_of_time(client: httpx.Client) -> None:
    job = {"symbols": ["BTCUSDT", "币安人生USDT"], "months": ["2025-09", "2025-10"]}
    assert client.post("/control/prewarm", json=job).json() == {"files": 3}


def test_limits_can_be_forgiven(client: httpx.Client) -> None:
    client.get("/fapi/v1/ping")
    client.delete("/control/limits")
    assert client.get("/fapi/v1/ping").headers["x-mbx-used-weight-1m"] == "1"


@pytest.mark.parametrize(
    ("method", "path", "body", "reason"),
    [
        ("POST", "/control/faults", b"{", "not JSON"),
        ("POST", "/control/faults", b"[1]", "a fault is an object"),
        ("DELETE", "/control/faults?id=77", b"", "no fault has the id 77"),
        ("DELETE", "/control/faults?id=x", b"", "id is 'x'"),
        ("POST", "/control/clock", b"{}", "expected an object"),
        ("POST", "/control/clock", b'{"now": "noon"}', "whole milliseconds"),
        ("POST", "/control/clock", b'{"speed": -1}', "expected 0"),
        ("POST", "/control/clock", b'{"speed": "fast"}', "expected a number"),
        ("POST", "/control/prewarm", b'{"symbols": ["BTCUSDT"], "months": ["May"]}', "expected {symbols"),
        ("POST", "/control/prewarm", b'{"symbols": ["NOPE"], "months": ["2026-01"]}', "unknown symbols ['NOPE']"),
        ("GET", "/control/truth?symbol=BTCUSDT", b"", "start is ''"),
        ("GET", "/control/truth?symbol=NOPE&start=1&end=2", b"", "unknown symbol 'NOPE'"),
        ("GET", "/control/truth?symbol=BTCUSDT&start=2&end=1", b"", "lies before"),
        ("GET", "/control/truth?symbol=BTCUSDT&start=1&end=2&format=csv", b"", "expected json or npz"),
    ],
)
def test_bad_input_is_refused_with_the_reason(
    client: httpx.Client, method: str, path: str, body: bytes, reason: str
) -> None:
    reply = client.request(method, path, content=body)
    assert reply.status_code == 400
    assert reason in reply.json()["error"]


def test_an_unknown_control_path_is_not_found(client: httpx.Client) -> None:
    assert client.get("/control/weather").status_code == 404


@pytest.mark.parametrize("command", [["-m", "feeds.fakebinance"], ["manage.py", "fakebinance"]])
def test_the_double_runs_as_a_process_and_stops_cleanly(tmp_path: Path, command: list[str]) -> None:
    faults = tmp_path / "faults.json"
    faults.write_text(json.dumps([{"fault": "geo_blocked", "match": {"kind": "rest.ping"}}]), encoding="utf-8")
    options = ["--port", "0", "--symbols", "btcusdt", "--clock", "2026-01-05T12:00", "--speed", "0"]
    process = subprocess.Popen(
        [sys.executable, *command, *options, "--faults", str(faults)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ.copy(),
    )
    with process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1]
            assert httpx.get(f"{url}/fapi/v1/ping", trust_env=False).status_code == 451
            now = httpx.get(f"{url}/fapi/v1/time", trust_env=False).json()["serverTime"]
            assert now == START + 4 * 86_400_000 + 12 * 3_600_000
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--clock", "noon"], "expected a time"),
        (["--archive-dir", "/no/such/folder"], "is not a folder"),
        (["--speed", "-1"], "clock speed"),
        (["--symbols", "A/B"], "expected an upper-case name"),
    ],
)
def test_impossible_options_end_the_process_with_the_reason(options: list[str], reason: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "feeds.fakebinance", "--port", "0", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert reason in done.stderr
