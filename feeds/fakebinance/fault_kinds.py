"""What can go wrong: the names of all faults, their parameters, and the requests they make sense for.

A fault is one of three families, which differ in where they act:

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
_PARAMS: Final[dict[str, dict[str, str]]] = {**_DATA, **_FILE, **_CHECKSUM, **_ZIP, **_REST, **_ANYWHERE}
DATA_FAULTS: Final = frozenset(_DATA)
FILE_FAULTS: Final = frozenset(_FILE)
NAMES: Final = frozenset(_PARAMS)


class FaultError(ValueError):
    """A fault that cannot be: what is wrong with it, and what would be right."""


def is_natural(name: str, kind: str) -> bool:
    """Whether a fault without a kind of its own is for such requests."""
    if name in DATA_FAULTS:
        return kind in {"archive.zip", "archive.checksum", "rest.klines"}
    if name in FILE_FAULTS:
        return kind in {"archive.zip", "archive.checksum"}
    if name in _CHECKSUM:
        return kind == "archive.checksum"
    if name in _ZIP:
        return kind == "archive.zip"
    if name in _REST:
        return kind.startswith("rest.")
    return kind.startswith(("archive.", "rest."))


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
    "text": (lambda value: isinstance(value, str), "a text"),
    "texts": (_is_texts, "an object of texts"),
    "what": (lambda value: value in ("altered", "missing_rows"), "altered or missing_rows"),
    "column": (lambda value: value in HEADER.split(","), f"one of {HEADER}"),
}
