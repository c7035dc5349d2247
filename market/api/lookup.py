"""Names to symbols."""

from __future__ import annotations

from market.api.errors import UnknownSymbol
from market.domain.names import is_name
from market.models import Symbol
from market.selectors.symbols import symbol_get, symbol_id


def symbol_id_of(name: str) -> int:
    """The id of an upper-case name; UnknownSymbol when there is none."""
    found = symbol_id(name)
    if found is None:
        raise UnknownSymbol(name)
    return found


def symbol_of(name: str) -> Symbol:
    """The symbol of an upper-case name as it is now; UnknownSymbol when there is none."""
    symbol = symbol_get(name) if is_name(name) else None
    if symbol is None:
        raise UnknownSymbol(name)
    return symbol
