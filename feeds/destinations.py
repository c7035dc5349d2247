"""Where a run's answers go: into the database, or (see `feeds.verify`) beside it for comparison."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from channels.db import database_sync_to_async

from feeds.processes import WorkerPool
from feeds.storing import FileJob, FrameJob, Stored, store_file, store_frame
from market.domain.ledger import DayEntry
from market.domain.window import Month, TimeWindow
from market.models import Symbol
from market.selectors.candles import missing_span
from market.selectors.ledger import ledger_days
from market.services.ledger import days_note, days_settle


@dataclass(frozen=True, slots=True)
class Unit:
    """One symbol's month, as far as it is wanted: the piece of work that one worker does at a time."""

    symbol: Symbol
    month: Month
    want: TimeWindow


class Destination(Protocol):
    """What a run asks before each plan and tells after each answer."""

    async def have(self, unit: Unit) -> dict[dt.date, DayEntry]:
        """What is there of the unit's days."""

    async def missing(self, unit: Unit, day: dt.date) -> TimeWindow | None:
        """The span of a wanted day that REST is to be asked for."""

    async def take_file(self, unit: Unit, job: FileJob) -> Stored: ...

    async def take_frame(self, unit: Unit, job: FrameJob) -> Stored: ...

    async def note(self, unit: Unit, days: Sequence[dt.date], line: str) -> None:
        """Remember what happened on these days."""

    async def finish(self, unit: Unit, exhausted: Sequence[dt.date]) -> None:
        """All steps were taken. Of the exhausted days every source was asked, and none has more."""

    async def abandon(self, unit: Unit) -> None:
        """The unit failed and is left for another run."""


class Database:
    """Stores what comes, in worker processes; the ledger says what is there."""

    def __init__(self, workers: WorkerPool) -> None:
        self._workers = workers

    async def have(self, unit: Unit) -> dict[dt.date, DayEntry]:
        return await database_sync_to_async(ledger_days)(symbol=unit.symbol, window=unit.want)

    async def missing(self, unit: Unit, day: dt.date) -> TimeWindow | None:
        wanted = TimeWindow.of_day(day).intersect(unit.want)
        return await database_sync_to_async(missing_span)(symbol_id=unit.symbol.id, window=wanted)

    async def take_file(self, unit: Unit, job: FileJob) -> Stored:
        return await self._workers.run(store_file, job)

    async def take_frame(self, unit: Unit, job: FrameJob) -> Stored:
        return await self._workers.run(store_frame, job)

    async def note(self, unit: Unit, days: Sequence[dt.date], line: str) -> None:
        await database_sync_to_async(days_note)(symbol=unit.symbol, days=days, line=line)

    async def finish(self, unit: Unit, exhausted: Sequence[dt.date]) -> None:
        if exhausted:
            line = "every source was asked; none has more"
            await database_sync_to_async(days_settle)(symbol=unit.symbol, days=exhausted, line=line)

    async def abandon(self, unit: Unit) -> None:
        """What came is stored, and the ledger says what did not."""
