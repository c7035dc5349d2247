"""The control endpoint: faults, clock, truth and request log over HTTP, for demos and tests in other processes."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

import numpy as np

from feeds.fakebinance.bars import COLUMNS, Bars
from feeds.fakebinance.clock import Clock
from feeds.fakebinance.connection_log import ConnectionLog
from feeds.fakebinance.fault_kinds import FaultError
from feeds.fakebinance.faults import Fault, FaultBook
from feeds.fakebinance.limits import WeightLimiter
from feeds.fakebinance.market import Truth
from feeds.fakebinance.publication import Tier
from feeds.fakebinance.replies import Reply
from feeds.fakebinance.witness import RequestLog
from market.domain.window import Month, TimeWindow

_JSON: Final = {"Content-Type": "application/json"}
# A month of JSON is 5 MB; longer stretches are asked for as npz or in pieces.
MOST_JSON_ROWS: Final = 100_000
MOST_LOG_ROWS: Final = 20_000
_TIERS: Final[dict[str, Tier]] = {"monthly": "monthly", "daily": "daily"}


class Controlled(Protocol):
    """The parts of the exchange that the endpoint turns."""

    clock: Clock
    truth: Truth
    faults: FaultBook
    requests: RequestLog
    connections: ConnectionLog
    limiter: WeightLimiter

    def published(self, symbol: str, window: TimeWindow) -> Bars: ...

    def prewarm(self, symbols: Iterable[str], months: Iterable[Month], tier: Tier = "monthly") -> int: ...

    def settle(self, symbol: str, at_ms: int | None = None) -> int: ...

    def disconnect(self, connection: int | None = None, code: int | None = None) -> None: ...


class ControlError(ValueError):
    """A control request that cannot be carried out; becomes 400 with the reason."""


class ControlHost:
    """Answers requests under /control/. Some take seconds: to be called off the event loop.

    GET  faults             the rules, each with its hits
    POST faults             one rule or a list of rules (`Fault.from_json`); answers with their ids
    DELETE faults[?id=N]    one rule, or all
    GET  clock              {now, speed}
    POST clock              any of {now: ms, speed: x, advance: ms}
    GET  truth              symbol, start, end (ms, [start, end)); format=json (default) or npz; published=1 leaves
                            out the days that no source has. Numbers are exact integers, `scale` says of which unit
    GET  requests[?last=N]  counters and the newest N log entries;  DELETE requests clears them
    GET  connections        the log of WebSocket connections, and each symbol's last closed frame;  DELETE clears it
    POST disconnect         any of {connection: id, code: n}: end one connection or all, with a close code or a reset
    POST settle             {symbol, at: ms}: delist a symbol at that time (default: now), while everything runs
    DELETE limits           forget the weight used and all bans
    POST prewarm            {symbols: [...], months: [YYYY-MM, ...], tier: monthly | daily}: make those ZIPs now
    """

    def __init__(self, exchange: Controlled) -> None:
        self._exchange = exchange

    def answer(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Reply:
        """Carry out one request; bad input gives 400 with {"error": reason}."""
        name = path.removeprefix("/control/").rstrip("/")
        handler = {
            ("GET", "faults"): self._faults,
            ("POST", "faults"): self._add_faults,
            ("DELETE", "faults"): self._remove_faults,
            ("GET", "clock"): self._clock,
            ("POST", "clock"): self._turn_clock,
            ("GET", "truth"): self._truth,
            ("GET", "requests"): self._requests,
            ("DELETE", "requests"): self._clear_requests,
            ("GET", "connections"): self._connections,
            ("DELETE", "connections"): self._clear_connections,
            ("POST", "disconnect"): self._disconnect,
            ("POST", "settle"): self._settle,
            ("DELETE", "limits"): self._forgive,
            ("POST", "prewarm"): self._prewarm,
        }.get((method, name))
        if handler is None:
            return _json({"error": f"no {method} {path}: see feeds.fakebinance.control"}, status=404)
        try:
            return handler(query, body)
        except (ControlError, FaultError) as error:
            return _json({"error": str(error)}, status=400)

    def _faults(self, _query: Mapping[str, str], _body: bytes) -> Reply:
        book = self._exchange.faults
        return _json([{**fault.to_json(), "hits": book.hits(fault.id)} for fault in book.rules()])

    def _add_faults(self, _query: Mapping[str, str], body: bytes) -> Reply:
        data = _parsed(body)
        # All or none: a list with one bad rule changes nothing.
        rules = [Fault.from_json(item) for item in (data if isinstance(data, list) else [data])]
        return _json({"ids": [self._exchange.faults.enter(rule).id for rule in rules]}, status=201)

    def _remove_faults(self, query: Mapping[str, str], _body: bytes) -> Reply:
        if "id" not in query:
            self._exchange.faults.clear()
            return _json({"removed": "all"})
        fault_id = _integer(query, "id")
        if not self._exchange.faults.remove(fault_id):
            raise ControlError(f"no fault has the id {fault_id}")
        return _json({"removed": fault_id})

    def _clock(self, _query: Mapping[str, str], _body: bytes) -> Reply:
        clock = self._exchange.clock
        return _json({"now": clock.now(), "speed": clock.speed})

    def _turn_clock(self, query: Mapping[str, str], body: bytes) -> Reply:
        data = _parsed(body)
        known = {"now", "speed", "advance"}
        if not isinstance(data, dict) or not data or set(data) - known:
            raise ControlError("expected an object with any of now (ms), speed (0 freezes) and advance (ms)")
        for key in ("now", "advance"):
            if key in data and type(data[key]) is not int:
                raise ControlError(f"{key} is {data[key]!r}: expected whole milliseconds")
        if data.get("now", 0) < 0:
            raise ControlError("now is negative: expected milliseconds since 1970")
        if "speed" in data and (isinstance(data["speed"], bool) or not isinstance(data["speed"], (int, float))):
            raise ControlError(f"speed is {data['speed']!r}: expected a number, 0 freezes")
        clock = self._exchange.clock
        try:
            if "speed" in data:
                clock.set_speed(data["speed"])
        except ValueError as error:
            raise ControlError(str(error)) from error
        if "now" in data:
            clock.set(data["now"])
        if "advance" in data:
            clock.advance(data["advance"])
        return self._clock(query, b"")

    def _truth(self, query: Mapping[str, str], _body: bytes) -> Reply:
        symbol = query.get("symbol", "")
        start, end = _integer(query, "start"), _integer(query, "end")
        if end < start:
            raise ControlError(f"end {end} lies before start {start}")
        if symbol not in self._exchange.truth.market.listings:
            raise ControlError(f"unknown symbol {symbol!r}: expected one that is listed, in upper case")
        window = TimeWindow(start, end)
        is_published = query.get("published", "0") in {"1", "true"}
        bars = self._exchange.published(symbol, window) if is_published else self._exchange.truth.bars(symbol, window)
        columns = {name: getattr(bars, name) for name in COLUMNS}
        scale = [bars.scale.price, bars.scale.quantity, bars.scale.quote]
        match query.get("format", "json"):
            case "npz":
                buffer = io.BytesIO()
                np.savez(buffer, scale=np.array(scale), **columns)
                return Reply(200, buffer.getvalue(), {"Content-Type": "application/octet-stream"})
            case "json":
                if len(bars) > MOST_JSON_ROWS:
                    raise ControlError(f"{len(bars)} rows: ask for format=npz or at most {MOST_JSON_ROWS} rows")
                scales = dict(zip(("price", "quantity", "quote"), scale, strict=True))
                rows = {name: column.tolist() for name, column in columns.items()}
                return _json({"symbol": symbol, "scale": scales, **rows})
            case other:
                raise ControlError(f"format {other!r}: expected json or npz")

    def _requests(self, query: Mapping[str, str], _body: bytes) -> Reply:
        last = _integer(query, "last") if "last" in query else 100
        return _json(self._exchange.requests.to_json(last=min(last, MOST_LOG_ROWS)))

    def _clear_requests(self, _query: Mapping[str, str], _body: bytes) -> Reply:
        self._exchange.requests.clear()
        return _json({"cleared": True})

    def _connections(self, _query: Mapping[str, str], _body: bytes) -> Reply:
        return _json(self._exchange.connections.to_json())

    def _clear_connections(self, _query: Mapping[str, str], _body: bytes) -> Reply:
        self._exchange.connections.clear()
        return _json({"cleared": True})

    def _disconnect(self, _query: Mapping[str, str], body: bytes) -> Reply:
        data = _parsed(body)
        if not isinstance(data, dict) or set(data) - {"connection", "code"}:
            raise ControlError("expected an object with any of connection (its number) and code (of the close frame)")
        connection, code = data.get("connection"), data.get("code")
        if not (connection is None or type(connection) is int):
            raise ControlError(f"connection is {connection!r}: expected its number in the log")
        if not (code is None or (type(code) is int and 1000 <= code <= 4999)):
            raise ControlError(f"code is {code!r}: expected a close code from 1000 to 4999")
        self._exchange.disconnect(connection, code)
        return _json({"cut": "all" if connection is None else connection})

    def _settle(self, _query: Mapping[str, str], body: bytes) -> Reply:
        data = _parsed(body)
        if not isinstance(data, dict) or set(data) - {"symbol", "at"} or not isinstance(data.get("symbol"), str):
            raise ControlError("expected {symbol: name, at: ms}")
        if not (data.get("at") is None or type(data["at"]) is int):
            raise ControlError(f"at is {data['at']!r}: expected whole milliseconds")
        try:
            return _json({"symbol": data["symbol"], "at": self._exchange.settle(data["symbol"], data.get("at"))})
        except KeyError:
            raise ControlError(f"unknown symbol {data['symbol']!r}: expected a listed one, in upper case") from None
        except ValueError as error:
            raise ControlError(str(error)) from error

    def _forgive(self, _query: Mapping[str, str], _body: bytes) -> Reply:
        self._exchange.limiter.forgive()
        return _json({"cleared": True})

    def _prewarm(self, _query: Mapping[str, str], body: bytes) -> Reply:
        data = _parsed(body)
        listed = self._exchange.truth.market.listings
        try:
            symbols = [str(symbol) for symbol in data["symbols"]]
            months = [Month.parse(text) for text in data["months"]]
            tier = _TIERS[data.get("tier", "monthly")]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ControlError("expected {symbols: [...], months: [YYYY-MM, ...], tier: monthly or daily}") from None
        if unknown := [symbol for symbol in symbols if symbol not in listed]:
            raise ControlError(f"unknown symbols {unknown}: expected listed ones, in upper case")
        return _json({"files": self._exchange.prewarm(symbols, months, tier)})


def _integer(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "")
    if not (text.isdecimal() and len(text) <= 15):
        raise ControlError(f"{name} is {text!r}: expected a whole number of at most 15 digits")
    return int(text)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise ControlError(f"the body is not JSON: {error}") from error


def _json(data: object, *, status: int = 200) -> Reply:
    return Reply(status, json.dumps(data, ensure_ascii=False).encode(), _JSON)
