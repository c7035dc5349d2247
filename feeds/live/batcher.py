"""Closed minutes on their way into the database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import numpy as np

from feeds.live.database import DATABASE_ERRORS, DatabaseThread, blames_content
from market.domain.batch import CandleBatch
from market.domain.candle import Candle, values_of
from market.domain.frame import CandleFrame
from market.domain.source import Source
from market.domain.window import MINUTE_MS, TimeWindow
from market.services.candles import candles_ingest

logger = logging.getLogger(__name__)

# A batch is written when it holds so many candles, or this long after its first.
BATCH_ROWS: Final = 100
# Of the 5 s that a batch may wait, the exchange itself takes up to 2 s to close a minute.
BATCH_AGE_S: Final = 3.0
# While the database is away candles wait in memory, at most so many (about 150 MB): five hours of 600 symbols. Beyond,
# the oldest are let go and fetched again by REST when it is back; so is what waits here if the collector is killed.
MOST_PENDING: Final = 200_000
_ROWS_A_TRANSACTION: Final = 5_000
_RETRY_S: Final = (0.25, 0.5, 1.0, 2.0)

Key = tuple[int, int]
"""(symbol id, open time)"""


@dataclass(frozen=True, slots=True)
class Closed:
    """A closed minute and where it came from."""

    symbol_id: int
    candle: Candle
    source: Source


def ingest(closed: Sequence[Closed]) -> None:
    """Store them, one transaction for each source."""
    for source in sorted({entry.source for entry in closed}):
        rows = sorted(
            ((entry.symbol_id, entry.candle) for entry in closed if entry.source is source),
            key=lambda row: (row[0], row[1].time),
        )
        candles_ingest(batch=_batch(rows), source=source)


class Batcher:
    """Keeps each candle until the transaction that stores it is committed."""

    def __init__(
        self,
        database: DatabaseThread,
        *,
        on_commit: Callable[[Sequence[Closed]], None],
        on_lost: Callable[[Mapping[int, TimeWindow]], None],
        store: Callable[[Sequence[Closed]], None] = ingest,
        most_pending: int = MOST_PENDING,
    ) -> None:
        """`on_lost` gets what was let go because too many waited, by symbol id, once the database is back."""
        self._database = database
        self._on_commit = on_commit
        self._on_lost = on_lost
        self._store = store
        self._most_pending = most_pending
        self._pending: dict[Key, Closed] = {}
        self._lost: dict[int, TimeWindow] = {}
        self._first = asyncio.Event()
        self._full = asyncio.Event()
        self._failures = 0
        # Since the start: batches and minutes that were stored, times that the database did not take one.
        self.batches = self.minutes = self.refusals = 0

    def __len__(self) -> int:
        return len(self._pending)

    def put(self, entry: Closed) -> None:
        self._pending[entry.symbol_id, entry.candle.time] = entry
        if len(self._pending) > self._most_pending:
            oldest = next(iter(self._pending))
            del self._pending[oldest]
            self._lose(*oldest)
        self._first.set()
        if len(self._pending) >= BATCH_ROWS:
            self._full.set()

    async def run(self) -> None:
        """Write batch after batch until cancelled."""
        while True:
            await self._first.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(BATCH_AGE_S):
                    await self._full.wait()
            if not await self.flush():
                await asyncio.sleep(_RETRY_S[min(self._failures, len(_RETRY_S)) - 1])

    async def flush(self) -> bool:
        """Write what waits, up to a transaction's size at a time; False while the database does not take it."""
        while self._pending:
            batch = [entry for entry, _ in zip(self._pending.values(), range(_ROWS_A_TRANSACTION), strict=False)]
            try:
                await self._write(batch)
            except DATABASE_ERRORS as error:
                if not self._failures:
                    logger.warning("the database does not take closed minutes, they wait in memory: %s", error)
                self._failures += 1
                self.refusals += 1
                return False
            self._done(batch)
        self._first.clear()
        self._full.clear()
        return True

    async def _write(self, batch: Sequence[Closed]) -> None:
        """Store the batch; if its content is refused, each symbol by itself: one symbol's trouble must not keep the
        others out of the database for ever. Raises what says that the database is at fault."""
        try:
            await self._database.run(self._store, batch)
            return
        except Exception as error:
            # Anything but a database that is away may be about a single row: see `blames_content`.
            if not blames_content(error):
                raise
            logger.exception("%d candles cannot be stored together; each symbol is tried by itself", len(batch))
        for symbol_id in sorted({entry.symbol_id for entry in batch}):
            own = [entry for entry in batch if entry.symbol_id == symbol_id]
            try:
                await self._database.run(self._store, own)
            except Exception as error:
                if not blames_content(error):
                    raise
                logger.exception("%s: %d minutes are refused and left to history", own[0].candle.symbol, len(own))

    def _done(self, batch: Sequence[Closed]) -> None:
        if self._failures:
            logger.warning("the database is back, %d candles were waiting", len(self._pending))
            self._failures = 0
        self.batches += 1
        self.minutes += len(batch)
        for entry in batch:
            key = entry.symbol_id, entry.candle.time
            if self._pending.get(key) is entry:
                del self._pending[key]
        self._on_commit(batch)
        if self._lost:
            lost, self._lost = self._lost, {}
            logger.warning("minutes of %d symbols were let go meanwhile; REST brings them again", len(lost))
            self._on_lost(lost)

    def _lose(self, symbol_id: int, time: int) -> None:
        lost = self._lost.get(symbol_id, TimeWindow(time, time))
        self._lost[symbol_id] = TimeWindow(min(lost.start, time), max(lost.end, time + MINUTE_MS))


def _batch(rows: Sequence[tuple[int, Candle]]) -> CandleBatch:
    frame = CandleFrame.from_rows(values_of(candle) for _, candle in rows)
    return CandleBatch(np.array([symbol_id for symbol_id, _ in rows], dtype=np.int64), frame)
