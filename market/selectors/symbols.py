"""Reading symbols."""

from __future__ import annotations

from market.models import Symbol


def symbol_get(name: str) -> Symbol | None:
    """The symbol of that name, in any case; None when it is not known."""
    return Symbol.objects.filter(name=name.upper()).first()


def symbols_tracked() -> list[Symbol]:
    """The symbols whose candles are wanted, by name."""
    return list(Symbol.objects.filter(is_tracked=True).order_by("name"))
