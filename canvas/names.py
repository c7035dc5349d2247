"""What a name may be. Names are data: they are columns of rows and never part of a path."""

from __future__ import annotations

import reprlib
import unicodedata
from typing import Final

from canvas.errors import Invalid

# Control characters (NUL among them) and half surrogate pairs, which no UTF-8 text has.
_REFUSED: Final = frozenset({"Cc", "Cs"})


def checked(field: str, value: object, *, most: int, least: int = 1) -> str:
    """The value, if it is a text of `least` to `most` characters without control characters; else raises Invalid."""
    if not isinstance(value, str):
        raise Invalid(field, "is missing" if value is None else f"a text is expected, not {reprlib.repr(value)}")
    if not least <= len(value) <= most:
        raise Invalid(field, f"{least} to {most} characters are expected, not {len(value)}")
    if any(unicodedata.category(letter) in _REFUSED for letter in value):
        raise Invalid(field, f"control characters are not allowed: {reprlib.repr(value)}")
    return value


def symbol_of(value: object, *, most: int) -> str:
    """A symbol in any case, as upper case."""
    return checked("symbol", checked("symbol", value, most=most).upper(), most=most)
