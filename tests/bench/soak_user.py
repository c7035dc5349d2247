"""Somebody who uses the demo all the time: pages, charts and the state of things, one request after the other."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

INTERVALS: Final = ("1m", "5m", "15m", "1h", "4h", "1d", "1w", "1M")
# The most patience that a chart has.
PATIENCE_S: Final = 10.0
_ROUND_S: Final = 1.0
_WEEK_MS: Final = 7 * 86_400_000


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked, and what a good answer's JSON has to be like."""

    name: str
    path: str
    query: dict[str, str | int]
    is_good: Callable[[Any], bool] | None


def _is_success(body: Any) -> bool:
    return body["success"] is True and body["error"] is None


def _is_chart(body: Any) -> bool:
    return body["s"] in {"ok", "no_data"} and (body["s"] == "no_data" or len(body["t"]) == len(body["nv"]) > 0)


def _are_quotes(body: Any) -> bool:
    return body["s"] == "ok" and all(quote["s"] == "ok" for quote in body["d"])


def _round(symbol: str, number: int) -> list[Request]:
    now = time.time_ns() // 1_000_000
    resolution = ("1", "5", "15", "60", "240", "1D", "1W", "1M")[number % 8]
    return [
        Request("/", "/", {}, None),
        *(
            Request(f"/api/klines {interval}", f"/api/klines/{symbol}", {"interval": interval}, _is_success)
            for interval in INTERVALS
        ),
        Request(
            "/history",
            "/history",
            {"symbol": symbol, "resolution": resolution, "from": 0, "to": now // 1_000 + 60, "countback": 300},
            _is_chart,
        ),
        Request("/api/status", "/api/status", {}, _is_success),
        Request("/api/coverage", f"/api/coverage/{symbol}", {"from": now - _WEEK_MS, "to": now}, _is_success),
        Request("/quotes", "/quotes", {"symbols": "BTCUSDT,ETHUSDT,SOLUSDT"}, _are_quotes),
    ]


@dataclass(slots=True)
class User:
    """Asks all of it about once a second, in a thread of its own. `latencies` in seconds, by what was asked;
    `complaints` are answers that no user should get."""

    url: str
    symbols: tuple[str, ...]
    latencies: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    complaints: list[str] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def begin(self) -> None:
        self._thread = threading.Thread(target=self._run, name="user", daemon=True)
        self._thread.start()

    def end(self) -> None:
        assert self._thread is not None, "the user has not begun"
        self._stopping.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), "the user does not end"

    def _run(self) -> None:
        number = 0
        with httpx.Client(base_url=self.url, timeout=PATIENCE_S) as client:
            while not self._stopping.is_set():
                begun = time.monotonic()
                for request in _round(self.symbols[number % len(self.symbols)], number):
                    self._ask(client, request)
                number += 1
                self._stopping.wait(max(0.0, _ROUND_S - (time.monotonic() - begun)))

    def _ask(self, client: httpx.Client, request: Request) -> None:
        begun = time.monotonic()
        try:
            reply = client.get(request.path, params=request.query)
            is_well = reply.is_success and (request.is_good is None or request.is_good(reply.json()))
            what = f"{reply.status_code} {reply.text[:200]}"
        except httpx.HTTPError as error:
            is_well, what = False, repr(error)
        except (ValueError, KeyError, TypeError) as error:
            is_well, what = False, f"{reply.status_code} in another form ({error!r}): {reply.text[:200]}"
        self.latencies[request.name].append(time.monotonic() - begun)
        if not is_well:
            self.complaints.append(f"{time.strftime('%H:%M:%S')} {request.path} {request.query}: {what}")
