"""The REST host: klines, exchangeInfo, time and ping, as measured on the real one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import orjson

from feeds.fakebinance.answers import JSON, error
from feeds.fakebinance.bars import Bars
from feeds.fakebinance.clock import Clock
from feeds.fakebinance.exchange_info import exchange_info
from feeds.fakebinance.intervals import INTERVALS, step
from feeds.fakebinance.klines import KlineReader
from feeds.fakebinance.limits import klines_weight
from feeds.fakebinance.market import Market
from feeds.fakebinance.replies import Reply
from feeds.fakebinance.visits import Visit

DEFAULT_LIMIT: Final = 500
MOST_ROWS: Final = 1_500
_MOST_DIGITS: Final = 18
# Both documented; nothing says which message accompanies a number that is no number.
_MALFORMED: Final = "Mandatory parameter '{name}' was not sent, was empty/null, or malformed."


class Refusal(Exception):
    """A request that the exchange answers with 400, by its code and message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class RestHost:
    """Answers /fapi/v1 requests. Weights and refusals are the limiter's, not this host's."""

    def __init__(self, market: Market, reader: KlineReader, clock: Clock, *, weight_limit: int) -> None:
        self._market = market
        self._reader = reader
        self._clock = clock
        self._weight_limit = weight_limit

    @staticmethod
    def weight(visit: Visit, query: Mapping[str, str]) -> int:
        """What the request costs, whether it succeeds or not."""
        if visit.kind != "rest.klines":
            return 1
        # Python refuses to read thousands of digits, of which the first say enough.
        text = query.get("limit", "")[:_MOST_DIGITS]
        return klines_weight(int(text) if text.isascii() and text.isdecimal() else None)

    def answer(self, visit: Visit, query: Mapping[str, str]) -> Reply:
        """The reply to a request that the limiter let pass."""
        match visit.kind:
            case "rest.klines":
                return self._klines(query)
            case "rest.exchangeInfo":
                return _json(exchange_info(self._market.listings.values(), self._clock.now(), self._weight_limit))
            case "rest.time":
                return _json({"serverTime": self._clock.now()})
            case "rest.ping":
                return _json({})
            case _:
                return error(404, -5000, f"Path {visit.path}, Method GET is invalid")

    def _klines(self, query: Mapping[str, str]) -> Reply:
        try:
            symbol, interval, start, end, limit = self._arguments(query)
        except Refusal as refusal:
            return error(400, refusal.code, refusal.message)
        bars = self._reader.select(symbol, interval, start, end, limit)
        return Reply(200, orjson.dumps(kline_rows(bars, interval)), JSON)

    def _arguments(self, query: Mapping[str, str]) -> tuple[str, str, int | None, int | None, int]:
        """Symbol, interval, start, end and limit; Refusal for what the exchange refuses. Other keys are ignored."""
        symbol, interval = query.get("symbol", ""), query.get("interval", "")
        for name, value in (("symbol", symbol), ("interval", interval)):
            if not value:
                raise Refusal(-1102, _MALFORMED.format(name=name))
        start, end, limit = (_number(query, name) for name in ("startTime", "endTime", "limit"))
        if limit is None:
            limit = DEFAULT_LIMIT
        if not 1 <= limit <= MOST_ROWS:
            raise Refusal(-1130, "Data sent for parameter 'limit' is not valid.")
        listing = self._market.listings.get(symbol.upper())
        if listing is None or listing.onboard_ms > self._clock.now():
            raise Refusal(-1121, "Invalid symbol.")
        if interval not in INTERVALS:
            raise Refusal(-1120, "Invalid interval.")
        if start is not None and end is not None and start > end:
            raise Refusal(-1023, "Start time is greater than end time.")
        return listing.name, interval, start, end, limit


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise Refusal(-1102, _MALFORMED.format(name=name))
    return int(text)


def kline_rows(bars: Bars, interval: str) -> list[list[int | str]]:
    """Twelve values a candle: open time, four prices, volume, close time, quote volume, trades, taker's base and
    quote volume, and the "0" that nobody uses. Amounts are text, zero is a bare "0"."""
    texts = bars.texts()
    columns = zip(
        bars.time.tolist(),
        texts["open"],
        texts["high"],
        texts["low"],
        texts["close"],
        texts["volume"],
        (step(opened, interval, 1) - 1 for opened in bars.time.tolist()),
        texts["quote_volume"],
        bars.trade_count.tolist(),
        texts["taker_buy_volume"],
        texts["taker_buy_quote_volume"],
        strict=True,
    )
    return [[*row, "0"] for row in columns]


def _json(data: object) -> Reply:
    return Reply(200, orjson.dumps(data), JSON)
