"""Making what follows from the minutes anew, where somebody's hand or a fault has damaged it."""

from __future__ import annotations

from django.db import transaction

from market.domain.ledger import DayEntry, expected_minutes
from market.domain.rollup import PARENTS, fold_batch
from market.domain.window import Month
from market.models import Symbol
from market.store import audit, candles, ledger


def month_rebuild(*, symbol: Symbol, month: Month) -> None:
    """Fold every bar that touches the month anew and count its days anew; the minutes stay as they are."""
    window = month.window
    with transaction.atomic():
        candles.lock_symbols([symbol.id])
        for interval, parent in PARENTS:
            whole = interval.cover(window)
            bars = fold_batch(candles.read(parent, [(symbol.id, whole)])[0], interval)
            candles.delete_range(interval, symbol.id, whole)
            candles.insert(interval, bars)
        known = ledger.read_days([(symbol.id, day) for day in month.days()])
        counts = audit.count_minutes(symbol.id, window)
        recounted = []
        for day in month.days():
            old = known.get((symbol.id, day)) or DayEntry(day, expected_minutes(day, symbol.life))
            rows = counts.get(day, {})
            if rows != {source: count for source, count in old.rows.items() if count}:
                recounted.append((symbol.id, old.counted_anew(rows)))
        ledger.write_days(recounted)
