"""The exchange double as another process, seen from here: its truth and its files by HTTP."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Final

import httpx
import numpy as np
import numpy.typing as npt

from feeds.fakebinance.bars import Bars, Scale
from market.domain.window import Month, TimeWindow

SYMBOLS: Final = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT")
YEAR: Final = TimeWindow(Month(2024, 1).window.start, Month(2024, 12).window.end)


class DoubleProcess:
    """Control over a double at an address."""

    def __init__(self, url: str) -> None:
        self.url = url

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
        query: dict[str, str | int] = {"symbol": symbol, "start": window.start, "end": window.end, "format": "npz"}
        reply = httpx.get(f"{self.url}/control/truth", params=query, timeout=60).raise_for_status()
        columns: dict[str, npt.NDArray[np.int64]] = dict(np.load(io.BytesIO(reply.content)))
        price, quantity, quote = columns.pop("scale").tolist()
        return Bars(Scale(price, quantity, quote), **columns)
