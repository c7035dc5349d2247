"""A charting page's side of the datafeed protocol, with all the blindness of a real one.

It looks at no HTTP status and at no content type; the body alone decides. What it makes of a bad answer is what charts
make of it: nonsense, an endless loop, a chart that never starts. So a server that this client understands is one that
charts understand.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

_DEFAULTS: Final[Mapping[str, Any]] = {
    "supports_search": False,
    "supports_group_request": True,
    "supported_resolutions": ["1", "5", "15", "30", "60", "1D", "1W", "1M"],
    "supports_marks": False,
    "supports_timescale_marks": False,
}
_DAY: Final = 86_400
_PERIODS: Final = {"D": _DAY, "W": 7 * _DAY, "M": 31 * _DAY}
_POLLED_PERIODS: Final = 10


class Failed(Exception):
    """What the chart is told instead of an answer."""


class Hangs(Exception):
    """The chart waits for something that never comes."""


@dataclass(frozen=True)
class SymbolInfo:
    """A symbol as the chart sees it, which may be nonsense: `name` None is one that the server never described."""

    name: str | None
    ticker: str | None
    base_name: str
    pricescale: float
    minmov: float
    has_intraday: bool
    has_daily: bool
    has_weekly_and_monthly: bool
    intraday_multipliers: list[str]
    supported_resolutions: list[str]
    timezone: str | None
    plots: str


@dataclass(frozen=True)
class Bar:
    """One bar; `time` in milliseconds."""

    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(frozen=True)
class Page:
    """An answer to /history. `no_data`: there is nothing further back."""

    bars: list[Bar]
    no_data: bool


class UdfClient:
    """Asks a datafeed as a chart does."""

    def __init__(self, base_url: str, http: httpx.Client | None = None) -> None:
        self._base_url = base_url
        self._http = http or httpx.Client(timeout=30)
        self.config: dict[str, Any] = {}

    def close(self) -> None:
        self._http.close()

    def _text(self, path: str, **parameters: str | int) -> str:
        return self._http.get(f"{self._base_url}/{path}", params=parameters or None).text

    def _send(self, path: str, **parameters: str | int) -> Any:
        """The body, whatever its status. Failed for one that a browser cannot parse."""
        return _parse(self._text(path, **parameters))

    def start(self) -> dict[str, Any]:
        """Learn what the datafeed can do; without a readable answer, guess."""
        try:
            config = self._send("config")
        except Failed:
            config = dict(_DEFAULTS)
        if not isinstance(config, dict) or not (config.get("supports_search") or config.get("supports_group_request")):
            raise Hangs("the datafeed offers neither a search nor groups")
        self.config = config
        return self.config

    def server_time(self) -> int:
        """Seconds."""
        digits = self._text("time").strip().strip('"')
        if not digits.isdecimal():
            raise Hangs(f"not a time: {digits[:80]!r}")
        return int(digits)

    def resolve(self, name: str) -> SymbolInfo:
        """Any answer with a key `s` is a failure; any other is a symbol, even if it has nothing of one."""
        answer = self._send("symbols", symbol=name)
        if "s" in answer:
            raise Failed("unknown_symbol")

        def of(key: str, otherwise: Any = None) -> Any:
            return answer.get(key, answer.get(key.replace("_", "-"), otherwise))

        listed = of("listed_exchange", of("exchange-listed", "undefined"))
        return SymbolInfo(
            name=of("name"),
            ticker=of("ticker"),
            base_name=f"{listed}:{of('name', 'undefined')}",
            pricescale=of("pricescale", math.nan),
            minmov=of("minmovement", of("minmov", 0)),
            has_intraday=of("has_intraday", False),
            has_daily=of("has_daily", True),
            has_weekly_and_monthly=of("has_weekly_and_monthly", False),
            intraday_multipliers=of("intraday_multipliers", ["1", "5", "15", "30", "60"]),
            supported_resolutions=of("supported_resolutions", self.config.get("supported_resolutions", [])),
            timezone=of("timezone"),
            plots=of("visible_plots_set", "ohlcv"),
        )

    def search(self, query: str, *, kind: str = "", exchange: str = "", limit: int = 30) -> Any:
        """What comes is passed on as it is, but for a failure, which is an empty result."""
        answer = self._send("search", limit=limit, query=query.upper(), type=kind, exchange=exchange)
        return [] if isinstance(answer, dict) and answer.get("s") == "error" else answer

    def history(
        self, ticker: str | None, resolution: str, *, start: int, end: int, countback: int | None = None
    ) -> Page:
        """The bars of [start, end) in seconds, or so many before `end`."""
        parameters: dict[str, str | int] = {
            "symbol": ticker or "",
            "resolution": resolution,
            "from": start,
            "to": end,
            **({} if countback is None else {"countback": countback}),
        }
        answer = self._send("history", **parameters)
        state = answer.get("s")
        if state not in {"ok", "no_data"}:
            raise Failed(answer.get("errmsg", ""))
        if state == "no_data":
            return Page([], no_data=True)
        return Page([_bar(answer, index) for index in range(len(answer["t"]))], no_data=False)

    def pages_back(
        self, ticker: str, resolution: str, *, end: int, countback: int, most: int = 1_000
    ) -> Iterator[Page]:
        """Scroll back from `end` until the datafeed says that there is no more; Hangs if that never comes."""
        for _ in range(most):
            # A chart asks for a range far back as well, which may lie before 1970; countback decides.
            page = self.history(ticker, resolution, start=end - 10**10, end=end, countback=countback)
            if page.no_data:
                return
            yield page
            if page.bars:
                end = page.bars[0].time // 1_000
        raise Hangs(f"{most} pages, and the datafeed never said that there is no more")

    def quotes(self, *names: str) -> list[dict[str, Any]]:
        answer = self._send("quotes", symbols=",".join(names))
        if answer.get("s") != "ok":
            raise Failed(answer.get("errmsg", ""))
        entries: list[dict[str, Any]] = answer["d"]
        return entries

    def marks(self, ticker: str, resolution: str, *, start: int, end: int) -> list[dict[str, Any]]:
        """The marks of the time scale, if the datafeed says that it has any."""
        if not self.config.get("supports_timescale_marks"):
            return []
        parameters: dict[str, str | int] = {"symbol": ticker, "from": start, "to": end, "resolution": resolution}
        found = self._send("timescale_marks", **parameters)
        assert isinstance(found, list), found
        return found


@dataclass
class Subscription:
    """A series that is polled: each round asks for the last two bars and tells the chart what is new."""

    client: UdfClient
    ticker: str
    resolution: str
    last: int | None = None
    told: list[Bar] = field(default_factory=list)

    def poll(self, now: int) -> list[Bar]:
        """One round at `now` (seconds): the bars that the chart is told of."""
        letter = self.resolution[-1]
        period = _PERIODS[letter] if letter in _PERIODS else int(self.resolution) * 60
        page = self.client.history(
            self.ticker, self.resolution, start=now - _POLLED_PERIODS * period, end=now, countback=2
        )
        if not page.bars:
            return []
        newest = page.bars[-1]
        if self.last is not None and newest.time < self.last:
            return []
        fresh = [newest]
        if self.last is not None and newest.time > self.last:
            if len(page.bars) < 2:
                raise Failed("the bar before the newest one is needed, to tell how it ended")
            fresh = [page.bars[-2], newest]
        self.last = newest.time
        self.told += fresh
        return fresh


def _parse(text: str) -> Any:
    def refuse(word: str) -> None:
        raise Failed(f"not JSON: {word}")

    try:
        return json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise Failed(f"not JSON: {error}: {text[:80]!r}") from None


def _bar(answer: Mapping[str, Any], index: int) -> Bar:
    """A bar of the columns; a price that has no column is the close, a volume that is null is not a number."""
    close = float(answer["c"][index])
    has_prices = "o" in answer
    volume = answer["v"][index] if "v" in answer else 0.0
    return Bar(
        time=answer["t"][index] * 1_000,
        open=float(answer["o"][index]) if has_prices else close,
        high=float(answer["h"][index]) if has_prices else close,
        low=float(answer["l"][index]) if has_prices else close,
        close=close,
        volume=math.nan if volume is None else float(volume),
    )
