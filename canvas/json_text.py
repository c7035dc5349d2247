"""JSON objects whose members are kept as they were written.

A saved drawing comes back letter by letter: its numbers are not rounded, its keys not sorted, its blanks not removed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

import orjson

_BLANKS: Final = re.compile(r"[ \t\n\r]*")
# Only lengths are wanted of it, so numbers are left as texts: Python refuses to convert very long ones.
_SCANNER: Final = json.JSONDecoder(parse_int=str, parse_float=str)


class NotAnObject(Exception):
    """The text says why not."""


@dataclass(frozen=True)
class Member:
    """A value of an object: as Python reads it, and as it was written."""

    value: object
    text: str


def is_json(content: bytes) -> bool:
    """Whether this is one JSON value in UTF-8, of a depth that we take."""
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError:
        return False
    return True


def members(body: bytes) -> dict[str, Member]:
    """The members of a JSON object by name; of a name that occurs twice, the last. Raises NotAnObject.

    JSON as its standard defines it: no NaN, no half surrogate pairs, no depth beyond reason, UTF-8.
    """
    try:
        values = orjson.loads(body)
        if not isinstance(values, dict):
            raise NotAnObject("a JSON object is expected")
        texts = _texts(body.decode())
    except orjson.JSONDecodeError as error:
        raise NotAnObject(f"not JSON: {error}") from None
    except RecursionError:
        raise NotAnObject("nested too deeply") from None
    return {name: Member(value, texts[name]) for name, value in values.items()}


def _texts(text: str) -> dict[str, str]:
    """The members' texts, of what is known to be a JSON object."""
    found = {}
    position = _after_blanks(text, text.index("{") + 1)
    while text[position] != "}":
        name, position = _SCANNER.raw_decode(text, position)
        # Over the colon.
        position = _after_blanks(text, _after_blanks(text, position) + 1)
        _, end = _SCANNER.raw_decode(text, position)
        found[name] = text[position:end]
        position = _after_blanks(text, end)
        if text[position] == ",":
            position = _after_blanks(text, position + 1)
    return found


def _after_blanks(text: str, position: int) -> int:
    match = _BLANKS.match(text, position)
    return position if match is None else match.end()
