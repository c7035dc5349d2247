"""What can go wrong between us and the exchange, and what to do about it.

The tree::

    ExchangeError
    ├── Unreachable            no whole answer came: DNS, refused, reset, cut short, too slow
    │   └── ProxyFailed        the proxy answered instead of the exchange (407, tunnel refused)
    ├── ServerError            5xx
    ├── Limited                asked to wait
    │   ├── Throttled          429: for `retry_after_s`
    │   └── Banned             418: until `until_ms`
    ├── Forbidden              403 page or 202 challenge of the firewall in front of the exchange
    ├── RegionBlocked          451
    ├── NotFound               404: there is no such file
    ├── MalformedReply         an answer that is not what the interface promises (HTML with status 200, odd JSON)
    ├── BadFile                an archive file that must not be loaded
    │   ├── ChecksumMissing    the file is there, its .CHECKSUM is not
    │   ├── ChecksumMismatch   the two do not belong together
    │   └── DamagedFile        no ZIP, a broken one, the wrong member, too large
    ├── RefusedData            rows that were read but must not be stored
    │   ├── BadCell            one value, with its row and column
    │   ├── ConflictingRows    two different rows for one minute
    │   └── OutsideWindow      a minute that was not asked for
    └── ApiError               the exchange's own code and message
        └── UnknownSymbol      -1121

Every error carries its data as attributes. `decide` turns an error into what to do next and
`blames_egress` says whether the way out was at fault; nobody else looks at the classes for that.
No error ever holds a proxy's credentials.
"""

from __future__ import annotations

import enum
from typing import Final

from market.domain.window import TimeWindow, to_datetime

# Codes that say "not now" (DISCONNECTED, TOO_MANY_REQUESTS, TIMEOUT, overloaded, shutting down): the same
# request may succeed later. All others judge the request itself.
# https://developers.binance.com/docs/derivatives/usds-margined-futures/error-code
TRANSIENT_CODES: Final = frozenset({-1000, -1001, -1003, -1006, -1007, -1008, -1016})
UNKNOWN_SYMBOL_CODE: Final = -1121

_SHOWN_CHARACTERS: Final = 200


def shorten(text: str) -> str:
    """The text on one line and short enough for a message: pages and values may be of any length."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_CHARACTERS else f"{line[:_SHOWN_CHARACTERS]}..."


class ExchangeError(Exception):
    """Base of everything that this package raises about the exchange."""


class Unreachable(ExchangeError):
    """No whole answer came. `reason` names the network's complaint, `url` the address without credentials."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url} could not be read: {reason}")
        self.url = url
        self.reason = reason


class ProxyFailed(Unreachable):
    """The proxy refused or could not build the way to the exchange."""


class ServerError(ExchangeError):
    """The exchange failed by its own account (5xx)."""

    def __init__(self, url: str, status: int, text: str = "") -> None:
        super().__init__(f"{url} answered {status}: {shorten(text) or 'no text'}")
        self.url = url
        self.status = status


class Limited(ExchangeError):
    """The exchange asks this address to wait `wait_s` seconds, counted from its answer."""

    def __init__(self, message: str, url: str, wait_s: float) -> None:
        super().__init__(message)
        self.url = url
        self.wait_s = wait_s


class Throttled(Limited):
    """429, or a wait that our own pacing asks for. `retry_after_s` is the wait in seconds."""

    def __init__(self, url: str, retry_after_s: float) -> None:
        super().__init__(f"{url} asks to wait {retry_after_s:g} s (too many requests)", url, retry_after_s)
        self.retry_after_s = retry_after_s


class Banned(Limited):
    """418. The address is shut out until `until_ms` (ms UTC), `wait_s` from the answer on."""

    def __init__(self, url: str, until_ms: int, wait_s: float) -> None:
        until = to_datetime(until_ms).isoformat(timespec="seconds")
        super().__init__(f"{url} has banned this address until {until} (418)", url, wait_s)
        self.until_ms = until_ms


class Forbidden(ExchangeError):
    """The firewall in front of the exchange answered: a 403 page, or a 202 challenge with an empty body."""

    def __init__(self, url: str, status: int, text: str = "") -> None:
        super().__init__(f"{url} was refused by the exchange's firewall ({status}): {shorten(text) or 'no text'}")
        self.url = url
        self.status = status


class RegionBlocked(ExchangeError):
    """451: the exchange does not serve the region of this address."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"{url} does not serve this region (451): use a proxy elsewhere, "
            "or leave BINANCE_REST_URL empty to work from the archive only"
        )
        self.url = url


class NotFound(ExchangeError):
    """404: nothing lies at this address (yet)."""

    def __init__(self, url: str) -> None:
        super().__init__(f"{url} does not exist (404)")
        self.url = url


class MalformedReply(ExchangeError):
    """An answer that breaks the interface: `expected` says what should have come, `text` how it begins."""

    def __init__(self, url: str, expected: str, text: str) -> None:
        super().__init__(f"{url} should have answered with {expected}, but sent: {shorten(text) or 'nothing'}")
        self.url = url
        self.expected = expected
        self.text = shorten(text)


class BadFile(ExchangeError):
    """An archive file that must not be loaded. `name` is the file's."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name


class ChecksumMissing(BadFile):
    """The file is published, its checksum is not (yet): it cannot be verified, so it is not loaded."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "published without its .CHECKSUM, so it cannot be verified")


class ChecksumMismatch(BadFile):
    """The bytes are not those that the checksum was made of. Both digests are lower-case hex."""

    def __init__(self, name: str, expected: str, actual: str) -> None:
        super().__init__(name, f"its .CHECKSUM says {expected}, its bytes say {actual}")
        self.expected = expected
        self.actual = actual


class DamagedFile(BadFile):
    """Not a readable archive of the one CSV that belongs in it, or a checksum that is none."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.reason = reason


class RefusedData(ExchangeError):
    """Rows that could be read and must not be stored. One bad row refuses its whole file or reply."""


class BadCell(RefusedData):
    """One value breaks a rule. `row` counts from 1, a header line included, so that an editor finds it."""

    def __init__(self, row: int, column: str, value: str, expected: str) -> None:
        super().__init__(f"row {row}, column {column}: {shorten(value)!r} is not {expected}")
        self.row = row
        self.column = column
        self.value = value
        self.expected = expected


class ConflictingRows(RefusedData):
    """Two rows claim the minute `time` (ms UTC) with different values: nobody knows which one is true."""

    def __init__(self, time: int) -> None:
        super().__init__(f"two different rows for {to_datetime(time).isoformat()}")
        self.time = time


class OutsideWindow(RefusedData):
    """A row opens at `time` (ms UTC), outside the `window` that the file or request stands for."""

    def __init__(self, row: int, time: int, window: TimeWindow) -> None:
        super().__init__(f"row {row} opens at {time}, outside [{window.start}, {window.end}) (ms UTC)")
        self.row = row
        self.time = time
        self.window = window


class ApiError(ExchangeError):
    """The exchange refused the request with its own `code` and `msg`."""

    def __init__(self, url: str, status: int, code: int, msg: str) -> None:
        super().__init__(f"{url} answered {status} with code {code}: {shorten(msg)}")
        self.url = url
        self.status = status
        self.code = code
        self.msg = msg


class UnknownSymbol(ApiError):
    """The exchange does not list the symbol (-1121)."""


class Move(enum.Enum):
    """What to do after an error."""

    RETRY = "retry"
    NEXT_TIER = "next tier"
    GIVE_UP = "give up"


def decide(error: ExchangeError) -> Move:
    """What to do after the error, for every caller alike.

    RETRY      the same request may succeed later: the network, the server's health, a limit or the firewall was
               in the way. How often and how patiently is the caller's; a Limited error says when at the earliest.
    NEXT_TIER  this source does not have the data, or not in a form that may be trusted; asking it again at once
               brings the same. Another source may have it: monthly file, then daily file, then REST.
               A file without its checksum belongs here: the data come from the next tier now, and since the file
               was never recorded as loaded, a later plan asks for it again.
    GIVE_UP    no source can help until somebody changes the request, the settings or the place.
    """
    match error:
        case Unreachable() | ServerError() | Limited() | Forbidden() | MalformedReply():
            return Move.RETRY
        case NotFound() | BadFile() | RefusedData():
            return Move.NEXT_TIER
        case ApiError(code=code) if code in TRANSIENT_CODES:
            return Move.RETRY
        case _:
            return Move.GIVE_UP


def blames_egress(error: BaseException) -> bool:
    """Was the way out at fault, so that another one should be taken while this one rests?

    Yes for what the network, a proxy or the exchange's firewall did to this address. No for what the exchange said
    about the request or the file (404, bad symbol, damaged file), for its own bad health, and for limits, which
    the pacer accounts for.
    """
    return isinstance(error, Unreachable | Forbidden | RegionBlocked)
