"""Confirming by the archive what came faster from elsewhere, and noticing files that were published anew.

Minutes of the stream and of REST are right in all likelihood; the daily file of the same day has a checksum and the
last word. And the archive corrects itself: "archived files may be updated at a later date".
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from channels.db import database_sync_to_async

from feeds.backfill import PASSING, open_run, tasks_together, units_at_once
from feeds.binance.endpoints import daily_path, file_name
from feeds.binance.errors import ExchangeError, NotFound
from feeds.storing import FileJob, store_file
from market.domain.source import Source
from market.domain.window import Month, TimeWindow, day_of
from market.selectors.ledger import RecordedFile, days_to_confirm, recent_files
from market.services.claims import confirm_runner_claim, confirm_runner_release

logger = logging.getLogger(__name__)

# A daily file that is later than this has not come: the archive's gaps of 2021 to 2025 were closed within weeks or
# never (binance-public-data#170, #290, #440).
CONFIRM_WITHIN: Final = dt.timedelta(days=30)
# Corrections have followed within weeks as well; the older files are held against their checksums by `verify`.
REISSUE_WITHIN: Final = dt.timedelta(days=45)


@dataclass(slots=True)
class Confirmed:
    """Daily files loaded, files found published anew and loaded again, files that could not be had."""

    days: int = 0
    reissued: int = 0
    failed: int = 0


async def history_confirm(*, reissues: bool = True) -> Confirmed | None:
    """Load the daily files of days that rest on the stream or REST or were given up as incomplete and, with `reissues`,
    the newer issue of any recent file that has one.

    None when another worker is at it: after a long load a run may outlast the schedule's hour, and runs that pile up
    would take every thread of the worker.
    """
    if not await database_sync_to_async(confirm_runner_claim)():
        return None
    try:
        return await _confirm(reissues=reissues)
    finally:
        await database_sync_to_async(confirm_runner_release)()


async def _confirm(*, reissues: bool) -> Confirmed:
    done = Confirmed()
    async with open_run() as (exchange, workers):
        today = day_of(exchange.now())
        days = await database_sync_to_async(days_to_confirm)(first=today - CONFIRM_WITHIN, before=today)
        files = []
        if reissues:
            files = await database_sync_to_async(recent_files)(since=dt.datetime.now(dt.UTC) - REISSUE_WITHIN)
        room = asyncio.Semaphore(units_at_once(exchange))

        async def load(symbol_id: int, path: str, window: TimeWindow, source: Source) -> bool:
            file = await exchange.archive.fetch(path)
            stored = await workers.run(store_file, FileJob(symbol_id, path, file.sha256, file.body, window, source))
            if stored.refusal:
                logger.warning("%s", stored.refusal)
                done.failed += 1
            return not stored.refusal

        async def confirm(symbol_id: int, name: str, day: dt.date) -> None:
            async with room, _unavailable(done):
                if await load(symbol_id, daily_path(name, day), TimeWindow.of_day(day), Source.DAILY):
                    done.days += 1

        async def compare(file: RecordedFile) -> None:
            async with room, _unavailable(done):
                if await exchange.archive.fetch_checksum(file.path) != file.sha256:
                    logger.warning("%s was published anew", file.path)
                    window, source = covered_by(file.path)
                    if await load(file.symbol_id, file.path, window, source):
                        done.reissued += 1

        async with tasks_together() as group:
            for symbol, day in days:
                group.create_task(confirm(symbol.id, symbol.name, day))
            for file in files:
                group.create_task(compare(file))
    return done


@asynccontextmanager
async def _unavailable(done: Confirmed) -> AsyncIterator[None]:
    """A file that cannot be had now is counted and asked for again next time."""
    try:
        yield
    except NotFound as error:
        logger.info("not there yet: %s", error)
        done.failed += 1
    except ExchangeError as error:
        logger.warning("left for the next time: %s", error)
        done.failed += 1
    except PASSING:
        raise
    except Exception:
        # A row of one day that the database refuses is no reason to leave all others unconfirmed.
        logger.exception("one file cannot be stored; the others can")
        done.failed += 1


def covered_by(path: str) -> tuple[TimeWindow, Source]:
    """What a file of the archive stands for, by its name."""
    stamp = file_name(path).removesuffix(".zip").rsplit("-1m-", 1)[1]
    if len(stamp) == len("YYYY-MM"):
        return Month.parse(stamp).window, Source.MONTHLY
    return TimeWindow.of_day(dt.date.fromisoformat(stamp)), Source.DAILY
