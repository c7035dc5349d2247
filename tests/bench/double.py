"""The exchange double as another process, seen from here: its truth and its files by HTTP."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any, Final

import httpx
import numpy as np
import numpy.typing as npt

from feeds.fakebinance.bars import Bars, Scale
from market.domain.window import MINUTE_MS, Month, TimeWindow

SYMBOLS: Final = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT")
YEAR: Final = TimeWindow(Month(2024, 1).window.start, Month(2024, 12).window.end)


class DoubleClock:
    """The clock of a double at an address."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/control/clock"

    def now(self) -> int:
        return int(httpx.get(self._url, timeout=20).raise_for_status().json()["now"])

    def stop(self) -> None:
        """Stand still in the middle of a minute: what is closed now stays all that is closed."""
        httpx.post(self._url, json={"speed": 0}, timeout=20).raise_for_status()
        middle = self.now() // MINUTE_MS * MINUTE_MS + MINUTE_MS // 2
        httpx.post(self._url, json={"now": max(middle, self.now())}, timeout=20).raise_for_status()


class DoubleProcess:
    """Control over a double at an address."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.clock = DoubleClock(url)

    def fault(self, rule: dict[str, Any]) -> int:
        """Put a fault into force (as `Fault.from_json` reads it); its id."""
        reply = httpx.post(f"{self.url}/control/faults", json=rule, timeout=20).raise_for_status()
        return int(reply.json()["ids"][0])

    def end_fault(self, fault_id: int) -> int:
        """Take a fault out of force; how often it has struck."""
        rules = httpx.get(f"{self.url}/control/faults", timeout=20).raise_for_status().json()
        httpx.delete(f"{self.url}/control/faults", params={"id": fault_id}, timeout=20).raise_for_status()
        return next(int(rule["hits"]) for rule in rules if rule["id"] == fault_id)

    def prewarm(self, months: Iterable[Month]) -> None:
        """Have every monthly ZIP made, then forget that they were asked for: what they cost to make is the
        exchange's."""
        with httpx.Client(base_url=self.url, timeout=60) as client:
            for month in months:
                for symbol in SYMBOLS:
                    path = f"/data/futures/um/monthly/klines/{symbol}/1m/{symbol}-1m-{month}.zip"
                    client.get(path).raise_for_status()
            client.delete("/control/requests").raise_for_status()

    def truth(self, symbol: str, window: TimeWindow) -> Bars:
        """What the exchange holds to be true, in exact integers."""
        return self._bars(symbol, window, published=0)

    def published(self, symbol: str, window: TimeWindow) -> Bars:
        """As that, without what no source has."""
        return self._bars(symbol, window, published=1)

    def _bars(self, symbol: str, window: TimeWindow, *, published: int) -> Bars:
        query: dict[str, str | int] = {
            "symbol": symbol, "start": window.start, "end": window.end, "format": "npz", "published": published,
        }  # fmt: skip
        reply = httpx.get(f"{self.url}/control/truth", params=query, timeout=300).raise_for_status()
        columns: dict[str, npt.NDArray[np.int64]] = dict(np.load(io.BytesIO(reply.content)))
        price, quantity, quote = columns.pop("scale").tolist()
        return Bars(Scale(price, quantity, quote), **columns)
