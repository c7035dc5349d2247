"""Frames as bytes: the JSON of an event, and the WebSocket framing around it, both made once for all receivers."""

from __future__ import annotations

import struct
from typing import Final

from feeds.fakebinance.bars import MINUTE_MS, Scale, decimal_text
from feeds.fakebinance.tape import Shot

TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA
_FINAL: Final = 0x80
# Trade ids grow by one with each trade of a minute and jump to the next multiple when a minute opens: counting all
# trades since the listing would mean to generate them.
_IDS_PER_MINUTE: Final = 1_000_000


def framed(payload: bytes, opcode: int = TEXT) -> bytes:
    """One unfragmented, unmasked frame as a server sends it (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((_FINAL | opcode, size)) + payload
    if size < 65_536:
        return struct.pack("!BBH", _FINAL | opcode, 126, size) + payload
    return struct.pack("!BBQ", _FINAL | opcode, 127, size) + payload


def closing(code: int, reason: str) -> bytes:
    """A close frame."""
    return framed(struct.pack("!H", code) + reason.encode(), CLOSE)


def stream_of(symbol: str) -> str:
    """The name of a symbol's stream: lower case, as far as its letters have one."""
    return f"{symbol.lower()}@kline_1m"


class Printer:
    """Prints the k-line events of one symbol, every key of the real ones in their order."""

    def __init__(self, symbol: str, scale: Scale) -> None:
        self._scale = scale
        self._symbol = symbol
        self._head = f'{{"stream":"{stream_of(symbol)}","data":'.encode()

    def event(self, shot: Shot, event_ms: int) -> bytes:
        """``{"e":"kline","E":...,"k":{...}}``, as it is sent on /ws. Without a trade both ids are -1."""
        bar = shot.bar
        price, quantity, quote = self._scale.price, self._scale.quantity, self._scale.quote
        first = bar.time // MINUTE_MS * _IDS_PER_MINUTE if bar.trade_count else -1
        last = first + bar.trade_count - 1 if bar.trade_count else -1
        return (
            f'{{"e":"kline","E":{event_ms},"s":"{self._symbol}","k":{{"t":{bar.time},"T":{bar.time + MINUTE_MS - 1},'
            f'"s":"{self._symbol}","i":"1m","f":{first},"L":{last},'
            f'"o":"{decimal_text(bar.open, price)}","c":"{decimal_text(bar.close, price)}",'
            f'"h":"{decimal_text(bar.high, price)}","l":"{decimal_text(bar.low, price)}",'
            f'"v":"{decimal_text(bar.volume, quantity)}","n":{bar.trade_count},'
            f'"x":{"true" if shot.is_closed else "false"},"q":"{decimal_text(bar.quote_volume, quote)}",'
            f'"V":"{decimal_text(bar.taker_buy_volume, quantity)}",'
            f'"Q":"{decimal_text(bar.taker_buy_quote_volume, quote)}","B":"0"}}}}'
        ).encode()

    def wrapped(self, event: bytes) -> bytes:
        """The event in the wrapper of /stream."""
        return self._head + event + b"}"
