"""A saved document as a person reads it: indented, and not longer than a page can be."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

MAX_SHOWN: Final = 60_000

# Strings are taken whole, so that a bracket inside one is no structure. What is between the tokens is blank.
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')
_OPENING: Final = frozenset("[{")
_CLOSING: Final = frozenset("]}")
_MOST_INDENTED: Final = 40


@dataclass(frozen=True, slots=True)
class Preview:
    """`text` to show; `is_cut`: there is more of it. `is_json`: otherwise the text is shown as it was saved."""

    text: str
    is_cut: bool
    is_json: bool


def preview(content: bytes) -> Preview:
    """The document with a line for each value. Numbers, texts and the order of keys stay as they were written."""
    text = content.decode("utf-8", errors="replace")
    try:
        json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return Preview(text[:MAX_SHOWN], len(text) > MAX_SHOWN, is_json=False)
    shown, is_cut = _indent(text)
    return Preview(shown, is_cut, is_json=True)


def _indent(text: str) -> tuple[str, bool]:
    """Valid JSON, token by token, up to the limit: what is nested a thousand deep would be a thousand times as long."""
    parts: list[str] = []
    length = depth = 0
    previous = ""
    for found in _TOKEN.finditer(text):
        token = found[0]
        depth -= token in _CLOSING
        is_empty = previous in _OPENING and token in _CLOSING
        if not is_empty and (previous in {"[", "{", ","} or token in _CLOSING):
            token = "\n" + "  " * min(depth, _MOST_INDENTED) + token
        elif previous == ":":
            token = " " + token
        parts.append(token)
        length += len(token)
        if length > MAX_SHOWN:
            return "".join(parts)[:MAX_SHOWN], True
        previous = found[0]
        depth += previous in _OPENING
    return "".join(parts), False
