"""How a run bears with a database that goes away, apart from any database."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.db import OperationalError
from tenacity import wait_none

from feeds import backfill
from feeds.backfill import Backfill
from feeds.destinations import Unit
from feeds.exchange import Exchange
from feeds.storing import FileJob, FrameJob, Stored
from market.domain.ledger import DayEntry
from market.domain.source import Source
from market.domain.window import Month, TimeWindow
from market.models import Symbol

MONTH = Month(2024, 2)


class Away:
    """A destination that has everything, and is away for the first so many questions."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.asked = 0

    async def have(self, unit: Unit) -> dict[dt.date, DayEntry]:
        self.asked += 1
        if self.asked <= self.times:
            raise OperationalError("the server closed the connection")
        return {day: DayEntry(day, 1_440, rows={Source.DAILY: 1_440}) for day in unit.want.days()}

    async def missing(self, unit: Unit, day: dt.date) -> TimeWindow | None:
        raise AssertionError("nothing is missing")

    async def take_file(self, unit: Unit, job: FileJob) -> Stored:
        raise AssertionError("nothing is missing")

    async def take_frame(self, unit: Unit, job: FrameJob) -> Stored:
        raise AssertionError("nothing is missing")

    async def note(self, unit: Unit, days: Sequence[dt.date], line: str) -> None:
        raise AssertionError("nothing happened")

    async def abandon(self, unit: Unit) -> None:
        raise NotImplementedError

    async def finish(self, unit: Unit, exhausted: Sequence[dt.date]) -> None:
        return None


@pytest.fixture
def unit(monkeypatch: pytest.MonkeyPatch) -> Unit:
    """A unit whose month can always be claimed; retries do not wait."""
    monkeypatch.setattr(backfill, "month_claim", lambda **_: True)
    monkeypatch.setattr(backfill, "month_release", lambda **_: None)
    monkeypatch.setattr(backfill, "wait_random_exponential", lambda **_: wait_none())
    return Unit(Symbol(id=1, name="BTCUSDT"), MONTH, MONTH.window)


def run_of(destination: Away) -> Backfill:
    return Backfill(Exchange(cast("Any", None), None, 1, 0), destination)


async def test_a_unit_is_tried_again_until_the_database_is_back(unit: Unit) -> None:
    destination = Away(times=7)
    done = await run_of(destination).run([unit], at_once=1)
    assert (done.units, done.failed, destination.asked) == (1, 0, 8)


async def test_a_unit_that_took_long_is_tried_again_all_the_same(unit: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Months by REST take many minutes; a restart of the database at the end of one must not end the run."""
    hours: Iterator[float] = itertools.count(0.0, 3_600.0)
    monkeypatch.setattr("tenacity.time", SimpleNamespace(monotonic=lambda: next(hours), sleep=None))
    destination = Away(times=3)
    done = await run_of(destination).run([unit], at_once=1)
    assert (done.units, destination.asked) == (1, 4)


async def test_a_database_that_stays_away_ends_the_run_with_its_error(unit: Unit) -> None:
    """Not with a group of errors: tasks and jobs tell by the error whether it is worth trying again."""
    with pytest.raises(OperationalError):
        await run_of(Away(times=10_000)).run([unit, unit], at_once=2)


async def test_a_run_that_is_stopped_stops_though_its_claim_cannot_be_given_back(
    unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database was started again meanwhile, and the claim's connection is the last to hear of it."""

    def away(**_: object) -> None:
        raise OperationalError("the server closed the connection")

    begun = asyncio.Event()

    class Slow(Away):
        async def have(self, unit: Unit) -> dict[dt.date, DayEntry]:
            begun.set()
            await asyncio.sleep(0.5)
            return await super().have(unit)

    monkeypatch.setattr(backfill, "month_release", away)
    monkeypatch.setattr(backfill, "DATABASE_ATTEMPTS", 2)
    destination = Slow(times=0)
    run = asyncio.create_task(run_of(destination).run([unit], at_once=1))
    await begun.wait()
    run.cancel()
    await asyncio.wait({run})
    assert (run.cancelled(), destination.asked) == (True, 0)
