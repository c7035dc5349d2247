"""The demo as a newcomer starts it: all of its processes, from the list to the chart, and a clean end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import httpx
import pytest

from tests.support.demo import Demo, running_demo
from tests.support.eventually import eventually

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    first = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=3)
    folder = tmp_path_factory.mktemp("demo")
    with running_demo(folder, TRACKED_SYMBOL="BTCUSDT,ETHUSDT", DATA_START=str(first)) as demo:
        yield demo


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
    demo.stop()
    assert "Traceback" not in demo.log.read_text()
