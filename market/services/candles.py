"""Storing candles: minutes, everything folded from them and the ledger, in one transaction.

Whoever stores candles of a symbol holds its lock until the commit. So what is folded is folded from all minutes that
are committed, whatever the order in which batches arrive.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from django.db import transaction

from market.domain.batch import CandleBatch, row_keys
from market.domain.frame import IntArray
from market.domain.interval import Interval
from market.domain.ledger import DayEntry, expected_minutes
from market.domain.merge import Merge, merge
from market.domain.rollup import PARENTS, fold_batch
from market.domain.source import LoadedFile, Source
from market.domain.window import DAY_MS, MINUTE_MS, TimeWindow, day_of
from market.models import Symbol
from market.store import candles, chunks, ledger
from market.store.ledger import DayKey

# Timeframes whose buckets never cross a day's edge: a batch into empty days folds them from memory.
_WITHIN_A_DAY: Final = frozenset({Interval.M5, Interval.M15, Interval.H1, Interval.H4, Interval.D1})


@dataclass(frozen=True, slots=True)
class Ingested:
    """What a batch changed: minutes that were new, minutes that took the place of others (values or only the source),
    and minutes on which sources differed."""

    inserted: int
    replaced: int
    conflicts: int


def candles_ingest(
    *,
    batch: CandleBatch,
    source: Source,
    file: LoadedFile | None = None,
    corrects: bool = False,
    durable: bool = True,
) -> Ingested:
    """Store closed minutes and bring all that follows from them up to date; all of it or, on any error, nothing.

    May be repeated and may overlap: see `market.domain.merge` for who wins. `file` is the archive file the rows came
    from (then all are of one symbol) and is recorded beside them; where it was loaded before with another digest, it
    is a newer issue and corrects what the older one brought. `corrects` says the same of any other batch.
    `durable=False` may lose the whole batch, ledger included, when the server dies within a second: for what can be
    fetched again. Raises ValueError for a batch that is not ordered.
    """
    if not len(batch):
        return Ingested(0, 0, 0)
    if not batch.is_ordered:
        raise ValueError("a batch has to be ascending and unique in (symbol_id, time)")
    if not durable:
        chunks.make_room(_days(batch))
    with transaction.atomic():
        if not durable:
            candles.relax_commit()
        symbols = np.unique(batch.symbol_id).tolist()
        candles.lock_symbols(symbols)
        is_fresh = len(symbols) == 1 and not candles.exists(Interval.M1, symbols[0], _days(batch))
        is_newer_issue = file is not None and ledger.read_digest(file.path) not in {None, file.sha256}
        verdict = _write_minutes(batch, source, is_fresh=is_fresh, supersede=corrects or is_newer_issue)
        _refresh_rollups(batch, verdict, is_fresh=is_fresh)
        file_id = ledger.write_file(symbols[0], file) if file else None
        _write_ledger(batch, source, verdict, file_id)
    return Ingested(
        inserted=int(verdict.insert.sum()), replaced=int(verdict.replace.sum()), conflicts=int(verdict.conflict.sum())
    )


def _write_minutes(batch: CandleBatch, source: Source, *, is_fresh: bool, supersede: bool) -> Merge:
    stored, stored_source = candles.read(Interval.M1, [] if is_fresh else _spans(batch))
    verdict = merge(batch, source, stored, stored_source, supersede=supersede)
    gone = batch.take(verdict.replace)
    candles.delete(Interval.M1, gone.symbol_id, gone.frame.time)
    written = verdict.insert | verdict.replace
    candles.insert(Interval.M1, batch if written.all() else batch.take(written), int(source))
    return verdict


def _spans(batch: CandleBatch) -> list[candles.Range]:
    """From the first to the last minute of each symbol."""
    symbols, firsts = np.unique(batch.symbol_id, return_index=True)
    lasts = np.append(firsts[1:], len(batch)) - 1
    times = batch.frame.time
    return [
        (symbol, TimeWindow(int(times[first]), int(times[last]) + 1))
        for symbol, first, last in zip(symbols.tolist(), firsts, lasts, strict=True)
    ]


def _refresh_rollups(batch: CandleBatch, verdict: Merge, *, is_fresh: bool) -> None:
    """Fold every bucket that contains a changed minute anew, each timeframe from the finer one below it."""
    if is_fresh:
        _add_rollups(batch)
        return
    changed = batch if verdict.changed.all() else batch.take(verdict.changed)
    if len(changed):
        for interval, parent in PARENTS:
            _refold(interval, parent, *_buckets(changed, interval))


def _add_rollups(batch: CandleBatch) -> None:
    """The rollups of one symbol's whole days of which no minute was stored before.

    A bucket that lies within these days is folded from memory; a week or a month that reaches beyond them is folded
    from what is stored. A bar that somebody has put there without minutes is nobody's, and gives way.
    """
    candles.clear_rollups(int(batch.symbol_id[0]), _days(batch))
    bars = {Interval.M1: batch}
    for interval, parent in PARENTS:
        parents = bars[parent]
        if interval in _WITHIN_A_DAY:
            bars[interval] = fold_batch(parents, interval)
            candles.insert(interval, bars[interval])
            continue
        days = _days(batch)
        symbols, buckets = _buckets(parents, interval)
        is_inside = np.array([start >= days.start and interval.next(start) <= days.end for start in buckets.tolist()])
        _refold(interval, parent, symbols[~is_inside], buckets[~is_inside])
        inside = np.isin(interval.floor_array(parents.frame.time), buckets[is_inside])
        candles.insert(interval, fold_batch(parents.take(inside), interval))


def _refold(interval: Interval, parent: Interval, symbols: IntArray, buckets: IntArray) -> None:
    """Make bars anew from the finer ones that are stored."""
    if len(buckets):
        parents, _ = candles.read(parent, candles.ranges_of(interval, symbols, buckets))
        candles.delete(interval, symbols, buckets)
        candles.insert(interval, fold_batch(parents, interval))


def _days(batch: CandleBatch) -> TimeWindow:
    """The whole days from the first to the last minute."""
    return Interval.D1.cover(TimeWindow(int(batch.frame.time.min()), int(batch.frame.time.max()) + 1))


def _buckets(batch: CandleBatch, interval: Interval) -> tuple[IntArray, IntArray]:
    """(symbol_id, open time) of the buckets that the batch touches, ordered and unique."""
    starts = interval.floor_array(batch.frame.time)
    _, firsts = np.unique(row_keys(batch.symbol_id, starts), return_index=True)
    return batch.symbol_id[firsts], starts[firsts]


def _write_ledger(batch: CandleBatch, source: Source, verdict: Merge, file_id: int | None) -> None:
    """Move the counts of every day that the batch touches."""
    symbols, starts = _buckets(batch, Interval.D1)
    keys: list[DayKey] = [
        (symbol, day_of(start)) for symbol, start in zip(symbols.tolist(), starts.tolist(), strict=True)
    ]
    entries = ledger.read_days(keys)
    lives = {symbol.id: symbol.life for symbol in Symbol.objects.filter(id__in={symbol for symbol, _ in keys})}
    day_keys = row_keys(batch.symbol_id, batch.frame.time // DAY_MS * DAY_MS)
    counts = _DayCounts(day_keys, batch.frame.time, verdict)
    changed: list[tuple[int, DayEntry]] = []
    for (symbol, day), key in zip(keys, row_keys(symbols, starts).tolist(), strict=True):
        old = entries.get((symbol, day)) or DayEntry(day=day, expected=0)
        new = replace(old, expected=expected_minutes(day, lives[symbol])).moved(
            source,
            added=counts.inserted[key] + counts.replaced[key],
            taken_from=counts.taken_from(key),
            conflicting=counts.conflicting_minutes(key),
        )
        if file_id is not None and counts.inserted[key] + counts.replaced[key]:
            new = replace(new, file_id=file_id)
        if counts.conflicting[key]:
            kept = "replaced" if counts.replaced[key] else "did not replace"
            new = new.noted(f"{counts.conflicting[key]} minutes differed: {source.name} {kept} what was stored")
        if new != old:
            changed.append((symbol, new))
    ledger.write_days(changed)


class _DayCounts:
    """Rows of each day (by row key of the day) by verdict."""

    def __init__(self, day_keys: IntArray, times: IntArray, verdict: Merge) -> None:
        self.inserted = _count(day_keys[verdict.insert])
        self.replaced = _count(day_keys[verdict.replace])
        self.conflicting = _count(day_keys[verdict.conflict])
        self._taken = {
            source: _count(day_keys[verdict.replace & (verdict.previous == source)])
            for source in Source
            if verdict.replace.any()
        }

        self._conflicts = day_keys[verdict.conflict], times[verdict.conflict] % DAY_MS // MINUTE_MS

    def conflicting_minutes(self, key: int) -> int:
        """The minutes of the day in conflict, as `DayEntry.conflicting`."""
        keys, minutes = self._conflicts
        return sum(1 << minute for minute in minutes[keys == key].tolist())

    def taken_from(self, key: int) -> dict[Source, int]:
        return {source: counts[key] for source, counts in self._taken.items() if counts[key]}


def _count(keys: IntArray) -> Counter[int]:
    values, counts = np.unique(keys, return_counts=True)
    return Counter(dict(zip(values.tolist(), counts.tolist(), strict=True)))
