"""What has come from the stream and has not been looked at yet.

Filled by the readers, emptied by the tick: between the two, a newer forming frame takes the place of an older one of
the same symbol, unread. A closing frame never gives way to another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from feeds.binance.connection import SUFFIX, stream_name

# Closing frames kept: a minute of as many symbols as the exchange has, many times over. The tick empties the intake
# without waiting for anybody, so this is never reached; if it were, the oldest go and REST brings their minutes.
MOST_CLOSED: Final = 20_000

_START: Final = b'{"stream":"'
_END: Final = f'{SUFFIX}"'.encode()
_NAME_AT: Final = len(_START)
_FORMING: Final = b'"x":false'


class Intake:
    """Bounded by the number of symbols and `MOST_CLOSED`."""

    def __init__(self, wake: Callable[[], None] = lambda: None) -> None:
        """`wake` is called when something has come after nothing was there."""
        self._wake = wake
        self._symbols: dict[bytes, str] = {}
        self._forming: dict[bytes, bytes] = {}
        self._closed: deque[tuple[bytes, bytes]] = deque(maxlen=MOST_CLOSED)
        self.heard: dict[str, float] = {}  # when the newest frame of a symbol came
        # When the oldest of what is in here came; None while nothing is.
        self.since: float | None = None

    def expect(self, symbols: Iterable[str]) -> None:
        """Take frames of these symbols and of no others."""
        self._symbols = {stream_name(symbol).removesuffix(SUFFIX).encode(): symbol for symbol in symbols}
        for name in self._forming.keys() - self._symbols.keys():
            del self._forming[name]
        for symbol in self.heard.keys() - set(self._symbols.values()):
            del self.heard[symbol]

    def put(self, message: bytes, at: float) -> bool:
        """Take a message that came at `at` (monotonic seconds); whether it was a candle.

        Only its beginning is looked at, and whether it says that it is forming: most are superseded or parsed later.
        """
        if not message.startswith(_START):
            return False
        end = message.find(_END, _NAME_AT)
        if end < 0:
            return False
        name = message[_NAME_AT:end]
        symbol = self._symbols.get(name)
        if symbol is None:
            return True  # of a symbol that was dropped a moment ago: the connection lives, the frame is of no use
        self.heard[symbol] = at
        if not self._forming and not self._closed:
            self.since = at
            self._wake()
        if _FORMING in message:
            self._forming[name] = message
        else:
            # Forming frames that came before belong to this minute or an older one.
            self._forming.pop(name, None)
            self._closed.append((name, message))
        return True

    def __len__(self) -> int:
        return len(self._closed) + len(self._forming)

    def take(self) -> list[bytes]:
        """Everything, and nothing is left: in the order of arrival for each symbol."""
        messages = [message for _, message in self._closed]
        messages += self._forming.values()
        self._closed.clear()
        self._forming.clear()
        self.since = None
        return messages
