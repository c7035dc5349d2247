"""What can go wrong: the names of all faults, their parameters, and the requests they make sense for.

A fault is one of four families, which differ in where they act:

data      the market itself lacks something, in the archive and in REST alike
            day_absent {days: [YYYY-MM-DD]}
file      an archive file differs from the market; its .CHECKSUM is that of the bytes served
            missing_days {days: [...]}      whole days left out of a file
            missing_rows {rows: [i], count: n}   single rows left out; default: one in the middle
            altered {rows: [i], count: n}   another close, twice the volume; default: ten rows over the file
            reissued {what: altered | missing_rows}   as those, but Last-Modified is an hour earlier than that of the
                                            right file, which takes its place when the fault is used up or removed
            headerless {}                   no header row
            microseconds {}                 open and close times count microseconds
            duplicate_rows {rows, count}    rows appear twice
            unordered_rows {}               the second half of the rows comes first
            bad_cell {row: i, column: name, value: text}   default: NaN in the close of the middle row; the value
                                            "high<low" swaps the two, "negative" puts a minus before the cell
answer    the market is well, the answer is not
            not_found {}                    404, as the store says it
            wrong_checksum {}, wrong_checksum_name {}   in .CHECKSUM only
            rate_limited {retry_after: s}   429;  banned {seconds: s, retry_after: bool}   418 with "banned until"
            server_error {status: 503, body: text}      geo_blocked {}   451
            forbidden {}                    403 with HTML;  challenge {}   empty 202 with a challenge header
            html {}, not_json {}            200 with an HTML page
            status {status, body, headers}  anything else
            stall {seconds: s}              the answer starts late
            slow {bytes_per_second: n}      the body trickles
            truncated {bytes | fraction}    a shorter body, with the length of what is sent
            reset {bytes | fraction}        the connection is reset after that much body; default: before anything
          With match {"kind": "ws.handshake"} they refuse, delay or reset WebSocket handshakes (403: forbidden,
          429: rate_limited, 503: server_error).
stream    the market is well, its frames are not; `after_ms` and `ms` count the exchange's time
          of a connection, each connection is hit once:
            silence {answers: bool}         no events and no pings; with answers false nothing at all. Lasts while
                                            the rule does
            close {code: n, reason: text, after_ms}   default: 1001;  abort {after_ms}   reset, the client sees 1006
            server_shutdown {after_ms: 10000}   the event serverShutdown, then close with 1001
            garbage {text, binary: bool, count: n}   default: texts, bytes and events that nobody expects
          of one stream:
            mute {}                         acknowledged, but its frames do not come
          of the closed frame of a minute, decided once for all connections:
            final_dropped {}                does not come;  final_late {ms: 30000}   comes that much later
            final_repeated {count: 1, after_ms: 0}   comes again
            partial_after_final {after_ms: 0}   a forming frame of the minute follows it
            out_of_order {after_ms: 3000}   as that, but when frames of the next minute have come

Two things are no faults. A symbol settles by `FakeExchange.settle`, which changes the market itself. A name that does
not resolve is a matter of the client's side: a test gives the client a host name and replaces the event loop's
`getaddrinfo` for it by one that raises `socket.gaierror` while the failure lasts, and passes the name on to 127.0.0.1
otherwise (or, where no recovery is wanted, uses a host under `.invalid`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, Final

from feeds.fakebinance.bars import HEADER

# Every fault with its parameters and their kinds; `check_params` says what each kind accepts.
_DATA: Final = {"day_absent": {"days": "days"}}
_ROWS: Final = {"rows": "numbers", "count": "number"}
_FILE: Final = {
    "missing_days": {"days": "days"},
    "missing_rows": _ROWS,
    "altered": _ROWS,
    "reissued": {**_ROWS, "what": "what"},
    "headerless": {},
    "microseconds": {},
    "duplicate_rows": _ROWS,
    "unordered_rows": {},
    "bad_cell": {"row": "number", "column": "column", "value": "text"},
}
_PART: Final = {"bytes": "number", "fraction": "fraction"}
_CHECKSUM: Final[dict[str, dict[str, str]]] = {"wrong_checksum": {}, "wrong_checksum_name": {}}
_ZIP: Final = {"truncated": _PART, "html": {}}
_REST: Final = {
    "rate_limited": {"retry_after": "number"},
    "banned": {"seconds": "amount", "retry_after": "flag"},
    "not_json": {},
}
_ANYWHERE: Final = {
    "not_found": {},
    "server_error": {"status": "status", "body": "text"},
    "geo_blocked": {},
    "forbidden": {},
    "challenge": {},
    "status": {"status": "status", "body": "text", "headers": "texts"},
    "stall": {"seconds": "amount"},
    "slow": {"bytes_per_second": "rate"},
    "reset": _PART,
}
_AFTER: Final = {"after_ms": "number"}
_CONNECTION: Final[dict[str, dict[str, str]]] = {
    "silence": {"answers": "flag"},
    "close": {**_AFTER, "code": "code", "reason": "text"},
    "abort": _AFTER,
    "server_shutdown": _AFTER,
    "garbage": {"text": "text", "binary": "flag", "count": "number"},
}
_MUTE: Final[dict[str, dict[str, str]]] = {"mute": {}}
_CLOSED_FRAME: Final[dict[str, dict[str, str]]] = {
    "final_dropped": {},
    "final_late": {"ms": "number"},
    "final_repeated": {**_AFTER, "count": "number"},
    "partial_after_final": _AFTER,
    "out_of_order": _AFTER,
}
_STREAM: Final = {**_CONNECTION, **_MUTE, **_CLOSED_FRAME}
_PARAMS: Final[dict[str, dict[str, str]]] = {**_DATA, **_FILE, **_CHECKSUM, **_ZIP, **_REST, **_ANYWHERE, **_STREAM}
DATA_FAULTS: Final = frozenset(_DATA)
FILE_FAULTS: Final = frozenset(_FILE)
STREAM_FAULTS: Final = frozenset(_STREAM)
NAMES: Final = frozenset(_PARAMS)
_NATURAL: Final[dict[str, frozenset[str]]] = {
    name: frozenset(kinds)
    for family, kinds in (
        (_DATA, ("archive.zip", "archive.checksum", "rest.klines")),
        (_FILE, ("archive.zip", "archive.checksum")),
        (_CHECKSUM, ("archive.checksum",)),
        (_ZIP, ("archive.zip",)),
        (_CONNECTION, ("ws.connection",)),
        (_MUTE, ("ws.stream",)),
        (_CLOSED_FRAME, ("ws.final",)),
    )
    for name in family
}


class FaultError(ValueError):
    """A fault that cannot be: what is wrong with it, and what would be right."""


def is_natural(name: str, kind: str) -> bool:
    """Whether a fault without a kind of its own is for such requests."""
    if name in _NATURAL:
        return kind in _NATURAL[name]
    return kind.startswith("rest.") if name in _REST else kind.startswith(("archive.", "rest."))


def check_params(name: str, params: Mapping[str, Any]) -> None:
    """FaultError for a parameter that the fault does not have or cannot use: better at entry than as a puzzle
    in an answer."""
    kinds = _PARAMS[name]
    for key, value in params.items():
        if key not in kinds:
            expected = ", ".join(kinds) or "none"
            raise FaultError(f"fault {name} has no parameter {key!r}: expected {expected}")
        accepts, wanted = _KINDS[kinds[key]]
        if not accepts(value):
            raise FaultError(f"{key} of fault {name} is {value!r}: expected {wanted}")
    if "days" in kinds and "days" not in params:
        raise FaultError(f"fault {name} needs days, {_KINDS['days'][1]}")


def _is_whole(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_amount(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < float("inf")


def _is_day(value: Any) -> bool:
    try:
        return isinstance(value, str) and str(dt.date.fromisoformat(value)) == value
    except ValueError:
        return False


def _is_list(value: Any, accepts: Callable[[Any], bool]) -> bool:
    return isinstance(value, (list, tuple)) and len(value) > 0 and all(map(accepts, value))


def _is_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(part, str) for pair in value.items() for part in pair)


_KINDS: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    "days": (lambda value: _is_list(value, _is_day), "a list of days YYYY-MM-DD"),
    "numbers": (lambda value: _is_list(value, _is_whole), "a list of row numbers from 0 up"),
    "number": (_is_whole, "a whole number from 0 up"),
    "amount": (_is_amount, "a number from 0 up"),
    "rate": (lambda value: _is_amount(value) and value > 0, "a number above 0"),
    "fraction": (lambda value: _is_amount(value) and value <= 1, "a number from 0 to 1"),
    "flag": (lambda value: isinstance(value, bool), "true or false"),
    "status": (lambda value: _is_whole(value) and 200 <= value <= 599, "an HTTP status from 200 to 599"),
    "code": (lambda value: _is_whole(value) and 1000 <= value <= 4999, "a close code from 1000 to 4999"),
    "text": (lambda value: isinstance(value, str), "a text"),
    "texts": (_is_texts, "an object of texts"),
    "what": (lambda value: value in ("altered", "missing_rows"), "altered or missing_rows"),
    "column": (lambda value: value in HEADER.split(","), f"one of {HEADER}"),
}
