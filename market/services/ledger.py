"""What the ledger learns from a source's answer, apart from candles."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import replace

from django.db import transaction

from market.domain.ledger import DayEntry, expected_minutes
from market.models import LedgerDay, Symbol
from market.store import candles, ledger


def days_note(*, symbol: Symbol, days: Iterable[dt.date], line: str) -> None:
    """Write down what happened on these days."""
    _update(symbol, days, lambda entry: entry.noted(line))


def days_settle(*, symbol: Symbol, days: Iterable[dt.date], line: str) -> None:
    """Every source was asked for these days and has no more: do not ask again."""
    _update(symbol, days, lambda entry: replace(entry, is_settled=True).noted(line))


def days_reopen(*, symbol: Symbol, days: Iterable[dt.date] | None = None) -> int:
    """Ask every source again for what is missing on these days (all days without any given); how many were settled."""
    with transaction.atomic():
        candles.lock_symbols([symbol.id])
        settled = LedgerDay.objects.filter(symbol=symbol, is_settled=True)
        if days is not None:
            settled = settled.filter(day__in=list(days))
        open_again = list(settled.values_list("day", flat=True))
        _update(symbol, open_again, lambda entry: replace(entry, is_settled=False))
    return len(open_again)


def days_expect_anew(*, symbol: Symbol) -> None:
    """Follow a changed listing or delisting moment: how many minutes each stored day should have.

    A day that should have more than before is open to questions again: nobody was asked for those minutes.
    """
    life = symbol.life

    def anew(entry: DayEntry) -> DayEntry:
        expected = expected_minutes(entry.day, life)
        return replace(entry, expected=expected, is_settled=entry.is_settled and expected <= entry.expected)

    with transaction.atomic():
        # Before the days are read: who is writing one now still goes by the old moment.
        candles.lock_symbols([symbol.id])
        known = LedgerDay.objects.filter(symbol=symbol).values_list("day", "expected")
        _update(symbol, [day for day, expected in known if expected != expected_minutes(day, life)], anew)


def _update(symbol: Symbol, days: Iterable[dt.date], change: Callable[[DayEntry], DayEntry]) -> None:
    keys = [(symbol.id, day) for day in days]
    with transaction.atomic():
        # The lock of the writers: counts that they move must not be overwritten with older ones.
        candles.lock_symbols([symbol.id])
        entries = ledger.read_days(keys)
        ledger.write_days(
            (symbol.id, change(entries.get(key) or DayEntry(key[1], expected_minutes(key[1], symbol.life))))
            for key in keys
        )
