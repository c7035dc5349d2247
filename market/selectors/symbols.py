"""Reading symbols."""

from __future__ import annotations

from typing import Final

from market.domain.names import is_name
from market.models import Symbol

# Only of symbols that exist, so never more than there are of them; a symbol's row is never deleted or numbered anew.
_IDS: Final[dict[str, int]] = {}


def symbol_id(name: str) -> int | None:
    """The id of an upper-case name, remembered by this process; None when it is not known."""
    known = remembered_id(name)
    if known is None and is_name(name):
        known = Symbol.objects.filter(name=name).values_list("id", flat=True).first()
        if known is not None:
            _IDS[name] = known
    return known


def remembered_id(name: str) -> int | None:
    """The id of an upper-case name, if this process has asked for it before."""
    return _IDS.get(name)


def forget_ids() -> None:
    """Ask the database again: for tests, whose databases come and go."""
    _IDS.clear()


def symbol_get(name: str) -> Symbol | None:
    """The symbol of that name, in any case; None when it is not known."""
    return Symbol.objects.filter(name=name.upper()).first()


def symbols_tracked() -> list[Symbol]:
    """The symbols whose candles are wanted, by name."""
    return list(Symbol.objects.filter(is_tracked=True).order_by("name"))
