"""Names to ids, remembered by this process."""

from __future__ import annotations

from typing import Final

from market.api.errors import UnknownSymbol
from market.domain.names import is_name
from market.models import Symbol
from market.selectors.symbols import symbol_get

# Only of symbols that exist, so never more than there are of them; a symbol's row is never deleted or numbered anew.
_IDS: Final[dict[str, int]] = {}


def symbol_id_of(name: str) -> int:
    """The id of an upper-case name; UnknownSymbol when there is none."""
    known = _IDS.get(name)
    if known is not None:
        return known
    symbol_id = _IDS[name] = symbol_of(name).id
    return symbol_id


def symbol_of(name: str) -> Symbol:
    """The symbol of an upper-case name as it is now; UnknownSymbol when there is none."""
    symbol = symbol_get(name) if is_name(name) else None
    if symbol is None:
        raise UnknownSymbol(name)
    return symbol


def forget_ids() -> None:
    """Ask the database again: for tests, whose databases come and go."""
    _IDS.clear()
