"""What a symbol can be called."""

from __future__ import annotations

import unicodedata
from typing import Final

MAX_NAME: Final = 64
# Control and format characters, half surrogate pairs, separators.
_NO_LETTERS: Final = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"})


def is_name(text: str) -> bool:
    """Whether a symbol could be called that. The exchange has Unicode names (币安人生USDT), so this only keeps out what
    would do harm in an address, a path or a line of a log."""
    return 1 <= len(text) <= MAX_NAME and not any(
        letter in "/\\" or unicodedata.category(letter) in _NO_LETTERS for letter in text
    )
