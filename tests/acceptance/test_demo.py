"""The demo as a newcomer starts it: all of its processes, from the list to the chart, and a clean end."""

from __future__ import annotations

import datetime as dt
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from klineproject.local.instance import Instance
from klineproject.local.places import CHECKOUT
from tests.support.eventually import eventually

pytestmark = pytest.mark.timeout(300)


@dataclass
class Demo:
    """The running demo: its web address, its process manager, what it wrote."""

    url: str
    exchange_url: str
    process: subprocess.Popen[bytes]
    log: Path

    def get(self, path: str, **query: Any) -> Any:
        reply = httpx.get(f"{self.url}{path}", params=query, timeout=10)
        assert reply.status_code == 200, reply.text
        return reply.json()["data"]

    def history(self) -> dict[str, dict[str, Any]]:
        return {entry["symbol"]: entry for entry in self.get("/api/status")["history"]}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo")
    with Instance("demo", folder, environ={}).running() as services:
        web, exchange = free_port(), free_port()
        environ = {
            **os.environ,
            "DATABASE_URL": services.database_url,
            "REDIS_URL": services.redis_url,
            "EXCHANGE_PORT": str(exchange),
            "BINANCE_ARCHIVE_URL": f"http://127.0.0.1:{exchange}",
            "BINANCE_REST_URL": f"http://127.0.0.1:{exchange}",
            "BINANCE_WS_URL": f"ws://127.0.0.1:{exchange}/market",
            "TRACKED_SYMBOL": "BTCUSDT,ETHUSDT",
            "DATA_START": str(dt.datetime.now(dt.UTC).date() - dt.timedelta(days=3)),
            "SERVE_OPTIONS": f"--port {web}",
        }
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=CHECKOUT, env=environ, check=True
        )
        log = folder / "demo.log"
        command = [str(Path(sys.executable).with_name("honcho")), "-e", os.devnull, "-f", "Procfile.demo", "start"]
        with log.open("wb") as output:
            process = subprocess.Popen(command, cwd=CHECKOUT, env=environ, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield Demo(f"http://127.0.0.1:{web}", f"http://127.0.0.1:{exchange}", process, log)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def test_history_fills_by_itself_and_is_served(demo: Demo) -> None:
    def is_loaded() -> bool:
        assert demo.process.poll() is None, demo.log.read_text()
        try:
            history = demo.history()
        except httpx.TransportError:
            return False
        # Today is never complete; the three days before it are.
        return sorted(history) == ["BTCUSDT", "ETHUSDT"] and all(entry["days_done"] >= 3 for entry in history.values())

    eventually(is_loaded, within=120, every=0.5)
    rows = demo.get("/api/klines/btcusdt", interval="1h", limit=48)
    assert len(rows) == 48
    assert [row["timestamp"] for row in rows] == sorted({row["timestamp"] for row in rows})
    oldest = rows[0]["timestamp"]
    truth = httpx.get(
        f"{demo.exchange_url}/fapi/v1/klines",
        params={"symbol": "BTCUSDT", "interval": "1h", "startTime": oldest, "limit": 1},
    ).json()[0]
    assert [rows[0][name] for name in ("open", "high", "low", "close", "volume")] == [
        float(cell) for cell in truth[1:6]
    ]


def test_a_symbol_that_is_added_is_loaded_without_a_restart(demo: Demo) -> None:
    reply = httpx.post(f"{demo.url}/api/symbols", json={"symbol": "solusdt"}, timeout=10)
    assert reply.status_code == 200, reply.text
    eventually(lambda: demo.history()["SOLUSDT"]["days_done"] >= 3, within=60, every=0.5)
    assert len(demo.get("/api/klines/SOLUSDT", interval="1d", limit=10)) == 4


def test_one_signal_ends_every_process(demo: Demo) -> None:
    def with_children(process: psutil.Process) -> set[psutil.Process]:
        return {process, *process.children(recursive=True)}

    everything = with_children(psutil.Process(demo.process.pid))
    demo.process.send_signal(signal.SIGTERM)
    assert demo.process.wait(30) is not None
    eventually(lambda: not [process for process in everything if process.is_running()], within=20)
    assert "Traceback" not in demo.log.read_text()
