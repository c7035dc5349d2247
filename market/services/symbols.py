"""The list of symbols and the wish to collect some of them."""

from __future__ import annotations

import datetime as dt
import reprlib
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from market.domain.listing import ListedSymbol
from market.domain.names import MAX_NAME, is_name
from market.domain.window import day_start, to_datetime
from market.models import Symbol
from market.services.ledger import days_expect_anew
from market.signals import symbol_wish_changed

_LISTED_FIELDS: Final = (
    "status",
    "contract_type",
    "base_asset",
    "quote_asset",
    "tick_size",
    "step_size",
    "onboard_at",
    "delivery_at",
)


class NotListed(Exception):
    """The exchange does not list the symbol, so it cannot be tracked."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not listed by the exchange")
        self.name = name


class NotAName(Exception):
    """No symbol can be called that, so it cannot be tracked even where there is no list to check it against."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{reprlib.repr(name)} cannot be a symbol: expected 1 to {MAX_NAME} characters without spaces, slashes or "
            "control characters"
        )
        self.name = name


class ListNotLoaded(Exception):
    """The exchange's list has not been read yet, so no name can be checked against it."""

    def __init__(self) -> None:
        super().__init__("the exchange's list of symbols has not been loaded yet; try again in a moment")


def symbols_sync(*, listed: Sequence[ListedSymbol], unread: Collection[str] = ()) -> int:
    """Bring the rows up to what the exchange lists now; how many are new or have changed. `unread` are names that it
    lists with entries that cannot be read: their rows stay as they are.

    A symbol that the list no longer has keeps its row, for its candles are still there, and ends now: nothing more is
    to come of it. (Should it be listed again, the list says so.)
    """
    stored = {symbol.name: symbol for symbol in Symbol.objects.all()}
    new, changed, moved = [], [], []
    for entry in listed:
        values = {
            "status": entry.status,
            "contract_type": entry.contract_type,
            "base_asset": entry.base_asset,
            "quote_asset": entry.quote_asset,
            "tick_size": entry.tick_size,
            "step_size": entry.step_size,
            "onboard_at": to_datetime(entry.onboard_ms),
            "delivery_at": None if entry.delivery_ms is None else to_datetime(entry.delivery_ms),
        }
        symbol = stored.get(entry.name)
        if symbol is None:
            new.append(Symbol(name=entry.name, **values))
        elif any(getattr(symbol, field) != value for field, value in values.items()):
            life = symbol.life
            for field, value in values.items():
                setattr(symbol, field, value)
            changed.append(symbol)
            if symbol.life != life:
                moved.append(symbol)
    names = {entry.name for entry in listed}.union(unread)
    now = timezone.now()
    for symbol in stored.values() if names else ():
        if symbol.status and symbol.name not in names and (symbol.delivery_at is None or symbol.delivery_at > now):
            symbol.delivery_at = now
            changed.append(symbol)
            moved.append(symbol)
    with transaction.atomic():
        Symbol.objects.bulk_create(new, ignore_conflicts=True)
        Symbol.objects.bulk_update(changed, _LISTED_FIELDS, batch_size=500)
        # By id, as everybody locks symbols: in another order, two writers could wait for each other.
        for symbol in sorted(moved, key=lambda symbol: symbol.id):
            days_expect_anew(symbol=symbol)
    return len(new) + len(changed)


def symbol_track(*, name: str, backfill_from: dt.datetime | None = None, must_be_listed: bool = True) -> Symbol:
    """Wish for a symbol's candles; its row. Already tracked, it may only reach further back than before.

    Raises NotListed for a name that the exchange does not have, ListNotLoaded while its list is unknown, NotAName for
    what can be none. With `must_be_listed=False` (there is no list to check against: archive only) any name is taken.
    """
    name = name.upper()
    if not is_name(name):
        raise NotAName(name)
    with transaction.atomic():
        symbol = Symbol.objects.select_for_update().filter(name=name).first()
        if symbol is None:
            if must_be_listed:
                raise NotListed(name) if Symbol.objects.exclude(status="").exists() else ListNotLoaded
            symbol, _ = Symbol.objects.get_or_create(name=name)
        start = symbol.backfill_from or to_datetime(day_start(settings.DATA_START))
        if symbol.is_tracked and (backfill_from is None or backfill_from >= start):
            return symbol
        symbol.backfill_from = backfill_from or symbol.backfill_from
        symbol.is_tracked = True
        symbol.tracked_at = timezone.now()
        symbol.save(update_fields=["is_tracked", "tracked_at", "backfill_from", "updated_at"])
        _announce(symbol)
    return symbol


def symbol_untrack(*, name: str) -> Symbol | None:
    """Stop wishing for a symbol's candles; those stored stay. None for a name that is not known."""
    with transaction.atomic():
        symbol = Symbol.objects.select_for_update().filter(name=name.upper()).first()
        if symbol is not None and symbol.is_tracked:
            symbol.is_tracked = False
            symbol.save(update_fields=["is_tracked", "updated_at"])
            _announce(symbol)
    return symbol


def symbols_seed(*, names: Iterable[str], must_be_listed: bool = True) -> list[Symbol]:
    """Track these names if nothing has ever been tracked: the first start. All or, where one raises as `symbol_track`
    does, none."""
    if Symbol.objects.filter(Q(tracked_at__isnull=False) | Q(is_tracked=True) | Q(days__isnull=False)).exists():
        return []
    with transaction.atomic():
        return [symbol_track(name=name, must_be_listed=must_be_listed) for name in names]


def _announce(symbol: Symbol) -> None:
    transaction.on_commit(lambda: symbol_wish_changed.send(sender=Symbol, symbol=symbol))
