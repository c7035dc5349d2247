"""Running plans: fetch what is missing of symbols' months, tier by tier, and store it.

    unit (symbol, month)  ->  plan  ->  steps at once  ->  ledger as it is now  ->  plan  ->  ...  ->  settled

Everything can be repeated: what is stored is in the ledger with it, so a run that was killed is taken up by the next
one where it was, and two runs at once do not disturb each other.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from channels.db import database_sync_to_async
from django.conf import settings
from django.db import InterfaceError, OperationalError
from tenacity import (
    AsyncRetrying,
    before_sleep_log,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from feeds.binance.endpoints import daily_path, monthly_path
from feeds.binance.errors import ExchangeError, Move, UnknownSymbol, decide
from feeds.destinations import Destination, Unit
from feeds.exchange import Exchange, open_exchange
from feeds.plan import DailyFile, MonthlyFile, RestDay, Step, gaps, plan
from feeds.processes import WorkerPool
from feeds.storing import FileJob, FrameJob, Stored
from market.domain.ledger import SETTLING_MS, expected_minutes
from market.domain.source import Source
from market.domain.window import TimeWindow, day_of
from market.services.claims import month_claim, month_release

logger = logging.getLogger(__name__)

# How often a unit is tried while the database is away, about five minutes, before the run gives up; the next run starts
# where it was. Counted, not timed: a unit may have been at work for longer than that when the database goes away.
DATABASE_ATTEMPTS: Final = 60
# The archive has been weeks late with a daily file (binance-public-data#440). Where nobody else can tell (there is no
# REST, or it no longer lists the symbol), a day that it does not have counts as missing for good only after this time.
_ARCHIVE_LATE_DAYS: Final = 35


@dataclass(slots=True)
class Totals:
    """What a run has done so far."""

    units: int = 0
    skipped: int = 0
    failed: int = 0
    files: int = 0
    rows: int = 0
    inserted: int = 0
    conflicts: int = 0
    bytes: int = 0
    errors: list[str] = field(default_factory=list)

    def add(self, stored: Stored, size: int = 0) -> None:
        self.rows += stored.rows
        self.inserted += stored.inserted
        self.conflicts += stored.conflicts
        self.files += 1 if size else 0
        self.bytes += size


# What passes by itself, or takes the whole run with it if it does not.
PASSING: Final = (OperationalError, InterfaceError, BrokenProcessPool)


@asynccontextmanager
async def tasks_together() -> AsyncIterator[asyncio.TaskGroup]:
    """A TaskGroup that raises what passes by itself as it is: whoever decides whether to try again looks at the error,
    not into groups of them."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except ExceptionGroup as failures:
        passing, others = failures.split(PASSING)
        if passing is None or others is not None:
            raise
        raise passing.exceptions[0] from None


class _StepFailed(Exception):
    """A step got no answer that could be judged; the unit is left for a later run."""


class Backfill:
    """Fetches units from an exchange for a destination."""

    def __init__(
        self,
        exchange: Exchange,
        destination: Destination,
        *,
        monthly_files: bool = True,
        on_progress: Callable[[Totals], None] = lambda _: None,
    ) -> None:
        """Without `monthly_files` the daily ones are asked in their place. `on_progress` is called after every step
        with what the run has done so far."""
        self._exchange = exchange
        self._destination = destination
        self._monthly_files = monthly_files
        self._on_progress = on_progress
        self.totals = Totals()
        self.failed: set[Unit] = set()

    async def run(self, units: Iterable[Unit], *, at_once: int) -> Totals:
        """Fill the units, `at_once` of them at the same time, in the order given.

        A unit that fails is reported in the totals and left for a later run. Raises what the database raises if it
        stays away.
        """
        queue = iter(units)

        async def worker() -> None:
            for unit in queue:
                await self._attempt(unit)

        async with tasks_together() as group:
            for _ in range(at_once):
                group.create_task(worker())
        return self.totals

    async def _attempt(self, unit: Unit) -> None:
        """One unit, again and again while the database is away or a worker process has died."""
        patiently = AsyncRetrying(
            retry=retry_if_exception_type(PASSING),
            wait=wait_random_exponential(multiplier=0.5, max=10),
            stop=stop_after_attempt(DATABASE_ATTEMPTS),
            before_sleep=before_sleep_log(logger, logging.WARNING),
            reraise=True,
        )
        try:
            await patiently(self._claim_and_fill, unit)
        except* _StepFailed as failures:
            self.totals.failed += 1
            self.failed.add(unit)
            await self._destination.abandon(unit)
            reason = "; ".join(sorted({str(failure) for failure in failures.exceptions}))
            self.totals.errors.append(f"{unit.symbol.name} {unit.month}: {reason}")
            logger.warning("%s %s is left for later: %s", unit.symbol.name, unit.month, reason)

    async def _claim_and_fill(self, unit: Unit) -> None:
        if not await database_sync_to_async(month_claim)(symbol_id=unit.symbol.id, month=unit.month):
            self.totals.skipped += 1
            return
        try:
            await self._fill(unit)
        finally:
            # A claim that cannot be given back is lost with its connection; and a run that is stopped must not take
            # the database's trouble for its own, and try again.
            with suppress(*PASSING):
                await database_sync_to_async(month_release)(symbol_id=unit.symbol.id, month=unit.month)
        self.totals.units += 1
        self._on_progress(self.totals)

    async def _fill(self, unit: Unit) -> None:
        tried: set[Step] = set() if self._monthly_files else {MonthlyFile(unit.month)}
        today = day_of(self._exchange.now())
        answered: set[dt.date] = set()
        while True:
            have = await self._destination.have(unit)
            steps = plan(unit.want, have, today=today, tried=tried, has_rest=self._exchange.rest is not None)
            if not steps:
                break
            answered |= await self._take(unit, steps, gaps(unit.want, have))
            tried.update(steps)
        exhausted = [day for day in gaps(unit.want, have) if _is_final(unit, day, today, tried, answered)]
        await self._destination.finish(unit, exhausted)

    async def _take(self, unit: Unit, steps: Sequence[Step], missing: Sequence[dt.date]) -> set[dt.date]:
        """Take the steps at once; the days that REST has answered for with its last word. Steps that fail are raised
        together when all are done."""
        results = await asyncio.gather(*(self._take_one(unit, step, missing) for step in steps), return_exceptions=True)
        failures = [result for result in results if isinstance(result, Exception)]
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, _StepFailed):
                raise result
        if failures:
            raise ExceptionGroup("steps failed", failures)
        return {
            step.day for step, done in zip(steps, results, strict=True) if isinstance(step, RestDay) and done is True
        }

    async def _take_one(self, unit: Unit, step: Step, missing: Sequence[dt.date]) -> bool:
        """Whether the source has said all that it will ever say of the step."""
        name = unit.symbol.name
        try:
            match step:
                case MonthlyFile(month):
                    done = await self._file(unit, monthly_path(name, month), month.window, Source.MONTHLY, missing)
                case DailyFile(day):
                    done = await self._file(unit, daily_path(name, day), TimeWindow.of_day(day), Source.DAILY, [day])
                case RestDay(day):
                    done = await self._rest_day(unit, day)
        except (_StepFailed, *PASSING):
            raise
        except Exception as error:
            # One symbol's trouble, as a row that the database refuses, must not end the run of all.
            logger.exception("%s %s: %s failed", name, unit.month, step)
            raise _StepFailed(f"{type(error).__name__}: {error}") from error
        self._on_progress(self.totals)
        return done

    async def _file(
        self, unit: Unit, path: str, window: TimeWindow, source: Source, missing: Sequence[dt.date]
    ) -> bool:
        try:
            file = await self._exchange.archive.fetch(path)
        except ExchangeError as error:
            await self._no_answer(unit, missing, error)
            return False
        job = FileJob(unit.symbol.id, path, file.sha256, file.body, window, source)
        stored = await self._destination.take_file(unit, job)
        if stored.refusal:
            await self._destination.note(unit, missing, stored.refusal)
        self.totals.add(stored, file.size)
        return not stored.refusal

    async def _rest_day(self, unit: Unit, day: dt.date) -> bool:
        assert self._exchange.rest is not None, "the plan has no such step without REST"  # noqa: S101
        span = await self._destination.missing(unit, day)
        if span is None:
            return True
        try:
            frame = await self._exchange.rest.klines(unit.symbol.name, span)
        except ExchangeError as error:
            await self._no_answer(unit, [day], error)
            return False
        job = FrameJob(unit.symbol.id, frame, Source.REST)
        self.totals.add(await self._destination.take_frame(unit, job))
        # Asked a moment after midnight, it holds the last minutes back: they are late, not missing.
        return self._exchange.rest.known_ms >= TimeWindow.of_day(day).end + SETTLING_MS

    async def _no_answer(self, unit: Unit, days: Sequence[dt.date], error: ExchangeError) -> None:
        """Write down why a source brought nothing; raise if that says nothing about what it has."""
        await self._destination.note(unit, days, str(error))
        if decide(error) is not Move.NEXT_TIER and not isinstance(error, UnknownSymbol):
            raise _StepFailed(str(error)) from error


def _is_final(unit: Unit, day: dt.date, today: dt.date, tried: set[Step], answered: set[dt.date]) -> bool:
    """Whether nobody will have more of a day than is stored: it is over and REST has answered for it, or the archive
    was asked so late that its file will not come any more. A day that the unit wants a part of stays open."""
    if TimeWindow.of_day(day).intersect(unit.want).minutes < expected_minutes(day, unit.symbol.life):
        return False
    if day in answered:
        return day < today
    return DailyFile(day) in tried and (today - day).days > _ARCHIVE_LATE_DAYS


@asynccontextmanager
async def open_run() -> AsyncIterator[tuple[Exchange, WorkerPool]]:
    """The exchange, its time known, and the worker processes that a run needs. Raises ExchangeError while nobody tells
    the time."""
    async with WorkerPool(settings.STORE_PROCESSES) as workers, open_exchange(asks_time=True) as exchange:
        yield exchange, workers


def units_at_once(exchange: Exchange) -> int:
    """Enough units to keep every way out and every process busy, and no more: each may hold a file in memory."""
    return exchange.download_slots + settings.STORE_PROCESSES + 1
