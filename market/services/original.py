"""Taking over what the original, which this product replaces, has collected.

Its minutes have no checksum and no source, so they count as the stream's: anything else replaces them, and none of
them replaces anything. Only minutes of which nothing is stored are taken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

import numpy as np

from market.domain.batch import CandleBatch
from market.domain.frame import CandleFrame
from market.domain.interval import Interval
from market.domain.names import is_name
from market.domain.sanity import impossible
from market.domain.source import Source
from market.domain.window import EARLIEST_MS, MINUTE_MS, TimeWindow, to_datetime
from market.models import Symbol
from market.services.candles import candles_ingest
from market.store import candles
from market.store.original import Holding, Original, original

_QUOTED = 5


@dataclass(slots=True)
class Taken:
    """What became of the rows of a symbol: `refused` counts bad ones by reason, `examples` quotes the first of each."""

    symbol: str
    rows: int = 0
    stored: int = 0
    present: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)


def original_import(
    *,
    dsn: str,
    now: int,
    names: Collection[str] = (),
    on_start: Callable[[list[Holding], list[str]], None] = lambda _holdings, _absent: None,
    on_month: Callable[[Taken], None] = lambda _: None,
) -> list[Taken]:
    """Store the closed minutes before `now` of these symbols (all without any), month by month, each in a transaction
    of its own. May be ended at any time and run again: what is stored is passed over.

    `on_start` gets what there is to take, and the value columns that the table lacks, which are stored as 0 until a
    better source replaces them. Raises UnusableOriginal.
    """
    wanted = {name.upper() for name in names}
    with original(dsn) as source:
        holdings = [
            holding
            for holding in source.holdings()
            if is_name(holding.symbol.upper()) and (not wanted or holding.symbol.upper() in wanted)
        ]
        on_start(holdings, source.absent)
        return [_take_symbol(source, holding, now, on_month) for holding in holdings]


def _take_symbol(source: Original, holding: Holding, now: int, on_month: Callable[[Taken], None]) -> Taken:
    taken = Taken(holding.symbol.upper())
    symbol, _ = Symbol.objects.get_or_create(name=taken.symbol)
    for window in _months(max(EARLIEST_MS, holding.first), min(now, holding.last)):
        frame = source.read(holding.symbol, window)
        taken.rows += len(frame)
        frame = _good(frame, now // MINUTE_MS * MINUTE_MS, taken)
        stored, _ = candles.read(Interval.M1, [(symbol.id, window)])
        is_new = ~np.isin(frame.time, stored.frame.time)
        taken.present += int((~is_new).sum())
        new = frame.take(is_new)
        taken.stored += candles_ingest(batch=CandleBatch.of(symbol.id, new), source=Source.LIVE, durable=False).inserted
        on_month(taken)
    return taken


def _good(frame: CandleFrame, before: int, taken: Taken) -> CandleFrame:
    """The rows that can be minutes; the others are written down."""
    is_bad = np.zeros(len(frame), dtype=np.bool_)
    for reason, rows in impossible(frame, before=before).items():
        fresh = rows & ~is_bad
        if fresh.any():
            for time in frame.time[fresh][: max(0, _QUOTED - taken.refused[reason])].tolist():
                taken.examples.append(f"{taken.symbol} {_when(time)}: {reason}")
            taken.refused[reason] += int(fresh.sum())
        is_bad |= rows
    return frame.take(~is_bad)


def _when(time: int) -> str:
    try:
        return to_datetime(time).isoformat()
    except (ValueError, OverflowError, OSError):
        return str(time)


def _months(first: int, last: int) -> Iterator[TimeWindow]:
    """From the month of the one to the month of the other."""
    start = Interval.MN1.floor(first)
    while start <= last:
        end = Interval.MN1.next(start)
        yield TimeWindow(start, end)
        start = end
