"""The messages of the push socket, as text and as what they mean.

    client   {"type": "subscribe", "data": {"symbols": [...], "intervals"?: [...], "since"?: ms}}
             {"type": "unsubscribe", "data": {"symbols": [...], "intervals"?: [...]}}      {"type": "ping"}
    server   {"type": "kline", "data": {...}}      {"type": "pong"}
             {"type": "subscribed", "data": {...}}      {"type": "error", "data": {"code", "message"}}

A message that cannot be understood is a `Mistake`, which becomes an error frame; nothing that a client sends ends its
connection.
"""

from __future__ import annotations

import reprlib
from dataclasses import dataclass
from typing import Any, Final

import orjson

from market.domain.bar import BarRow
from market.domain.decimals import net_volume
from market.domain.interval import Interval
from market.domain.names import MAX_NAME
from market.domain.window import EARLIEST_MS, LATEST_MS

MAX_MESSAGE_BYTES: Final = 16 * 1024
MAX_SYMBOLS: Final = 1_000

PONG: Final = '{"type":"pong"}'


class Mistake(Exception):
    """A message that cannot be carried out; `code` is for programs, the text for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    @property
    def frame(self) -> str:
        # Half a surrogate pair in a quotation has no UTF-8 form: it is shown as its escape.
        text = str(self).encode("utf-8", "backslashreplace").decode()
        return _text({"type": "error", "data": {"code": self.code, "message": text}})


@dataclass(frozen=True, slots=True)
class Subscribe:
    """`symbols` in upper case, each once. Without `intervals`: plain minutes. `since`: the closed bars that open after
    it come first."""

    symbols: tuple[str, ...]
    intervals: tuple[Interval, ...] | None
    since: int | None

    @property
    def wants_answer(self) -> bool:
        """Only who uses more than the first protocol knows the answer to it."""
        return self.intervals is not None or self.since is not None


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Without `intervals`: everything about these symbols."""

    symbols: tuple[str, ...]
    intervals: tuple[Interval, ...] | None


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks for a pong."""


def parse(text: str | None) -> Subscribe | Unsubscribe | Ping:
    """What a message of a client means; None stands for a binary one. Raises Mistake."""
    if text is None:
        raise Mistake("not_text", "a text message is expected, not a binary one")
    if len(text) > MAX_MESSAGE_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_MESSAGE_BYTES:
        raise Mistake("too_long", f"a message of at most {MAX_MESSAGE_BYTES} bytes is expected")
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Mistake("not_json", f"a JSON object is expected: {error}") from None
    if not isinstance(message, dict):
        raise Mistake("not_json", f"a JSON object is expected, not {reprlib.repr(message)}")
    match message.get("type"):
        case "ping":
            return Ping()
        case "subscribe":
            data = _data(message)
            wish = Subscribe(_symbols(data), _intervals(data), _since(data))
            if wish.wants_answer and not wish.symbols:
                raise Mistake("bad_symbols", "symbols: at least one is expected beside intervals or since")
            return wish
        case "unsubscribe":
            data = _data(message)
            return Unsubscribe(_symbols(data), _intervals(data))
        case unknown:
            raise Mistake("unknown_type", f"type: expected subscribe, unsubscribe or ping, not {reprlib.repr(unknown)}")


def _data(message: dict[str, Any]) -> dict[str, Any]:
    data = message.get("data")
    if not isinstance(data, dict):
        raise Mistake("bad_data", f"data: an object with symbols is expected, not {reprlib.repr(data)}")
    return data


def _symbols(data: dict[str, Any]) -> tuple[str, ...]:
    given = data.get("symbols")
    if not isinstance(given, list):
        raise Mistake("bad_symbols", f"symbols: a list of names is expected, not {reprlib.repr(given)}")
    for name in given:
        if not (isinstance(name, str) and 0 < len(name) <= MAX_NAME):
            raise Mistake("bad_symbols", f"symbols: a name such as BTCUSDT is expected, not {reprlib.repr(name)}")
    # In the order given, each once.
    return tuple(dict.fromkeys(name.upper() for name in given))


def _intervals(data: dict[str, Any]) -> tuple[Interval, ...] | None:
    given = data.get("intervals")
    if given is None:
        return None
    valid = ", ".join(interval.value for interval in Interval)
    if not isinstance(given, list) or not given:
        raise Mistake("bad_intervals", f"intervals: a list of {valid} is expected, not {reprlib.repr(given)}")
    try:
        return tuple(dict.fromkeys(Interval.parse(text if isinstance(text, str) else "") for text in given))
    except ValueError:
        raise Mistake("bad_intervals", f"intervals: each is one of {valid}, not {reprlib.repr(given)}") from None


def _since(data: dict[str, Any]) -> int | None:
    given = data.get("since")
    if given is None:
        return None
    if not isinstance(given, int) or isinstance(given, bool) or not EARLIEST_MS <= given < LATEST_MS:
        raise Mistake(
            "bad_since",
            f"since: milliseconds from {EARLIEST_MS} to {LATEST_MS - 1} are expected, not {reprlib.repr(given)}",
        )
    return given


def subscribed_frame(symbols: tuple[str, ...], wish: Subscribe) -> str:
    """The answer to a wish that uses intervals or since: what of it was accepted."""
    data: dict[str, Any] = {"symbols": symbols}
    if wish.intervals is not None:
        data["intervals"] = [interval.value for interval in wish.intervals]
    if wish.since is not None:
        data["since"] = wish.since
    return _text({"type": "subscribed", "data": data})


def kline_frame(symbol: str, interval: Interval | None, bar: BarRow, *, is_closed: bool) -> str:
    """A bar as its subscribers get it; those who named no interval see none."""
    data: dict[str, Any] = {"symbol": symbol}
    if interval is not None:
        data["interval"] = interval.value
    time, opened, high, low, close, volume, taker_buy_volume, _, _ = bar
    data |= {
        "timestamp": time,
        "open": opened,
        "high": high,
        "low": low,
        "close": close,
        "volume": volume,
        "taker_buy_volume": taker_buy_volume,
        "net_volume": net_volume(volume, taker_buy_volume),
        "is_closed": is_closed,
    }
    return _text({"type": "kline", "data": data})


def _text(message: dict[str, Any]) -> str:
    return orjson.dumps(message).decode()
