"""Holding the database against itself and against the exchange.

1. The ledger and every rollup of each month against the stored minutes.
2. The stored minutes against the source, asked tier by tier exactly as a load into an empty database would ask; with
   `daily_files`, the daily files in place of the monthly ones, which they outrank and have differed from.

A stored minute from a better source than the one that is asked may differ from it: that is no finding.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from channels.db import database_sync_to_async

from feeds.backfill import Backfill, Totals, open_run, units_at_once
from feeds.destinations import Unit
from feeds.processes import WorkerPool
from feeds.storing import FileJob, FrameJob, Stored, parse_file, store_file, store_frame
from market.domain.compare import compare
from market.domain.frame import CandleFrame, IntArray
from market.domain.ledger import DayEntry, expected_minutes
from market.domain.source import Source
from market.domain.window import DAY_MS, TimeWindow, day_of, day_start, to_datetime
from market.models import Symbol
from market.selectors.audit import Finding, file_digest, month_findings, stored_minutes
from market.selectors.ledger import wanted_window
from market.services.rebuild import month_rebuild


async def verify(
    *,
    symbols: Sequence[Symbol],
    limits: TimeWindow | None = None,
    daily_files: bool = False,
    repair: bool = False,
    on_progress: Callable[[Totals], None] = lambda _: None,
    on_units: Callable[[Sequence[Unit]], None] = lambda _: None,
) -> list[Finding]:
    """Everything that is wrong with the finished days of these symbols (within `limits`, ms); with `repair` it is put
    right as well. Units that the exchange gave no answer for, or that another worker has in hand, are findings too."""
    async with open_run() as (exchange, workers):
        end = day_start(day_of(exchange.now()))
        finished = TimeWindow(0, end) if limits is None else TimeWindow(0, end).intersect(limits)
        units = [
            Unit(symbol, month, month.window.intersect(window))
            for symbol in symbols
            for window in [wanted_window(symbol, exchange.now()).intersect(finished)]
            for month in window.months()
        ]
        on_units(units)
        findings = []
        for unit in units:
            findings += await database_sync_to_async(_inner_findings)(unit, repair=repair)
        comparison = _Comparison(workers, repair=repair)
        run = Backfill(exchange, comparison, monthly_files=not daily_files, on_progress=on_progress)
        totals = await run.run(units, at_once=units_at_once(exchange))
    unanswered = [Finding("", "unanswered", error) for error in totals.errors]
    if totals.skipped:
        what = f"{totals.skipped} months of symbols are being loaded by another worker; verify them again"
        unanswered.append(Finding("", "not compared", what))
    return [*findings, *comparison.findings, *unanswered]


def _inner_findings(unit: Unit, *, repair: bool) -> list[Finding]:
    """Of one month and no more: until it returns, no other task of this process has its turn at the database."""
    found = month_findings(symbol=unit.symbol, month=unit.month)
    if found and repair:
        month_rebuild(symbol=unit.symbol, month=unit.month)
    return found


@dataclass(slots=True)
class _Answers:
    """What the source has said of one unit so far."""

    frames: list[tuple[Source, CandleFrame]] = field(default_factory=list)
    jobs: list[FileJob | FrameJob] = field(default_factory=list)

    def best(self) -> tuple[CandleFrame, IntArray]:
        """One row for each minute that any answer has, from the best source, and that source."""
        ranked = sorted(self.frames, key=lambda part: part[0])
        rows = CandleFrame.concat(frame for _, frame in ranked)
        sources = np.concatenate([np.full(len(frame), source) for source, frame in ranked] or [np.zeros(0, np.int64)])
        # Of equal times the last in rank: a stable order by time keeps the ranks in order.
        order = np.argsort(rows.time, kind="stable")
        last = np.append(np.diff(rows.time[order]) > 0, [True] * bool(len(rows)))
        chosen = order[last.astype(np.bool_)]
        return rows.take(chosen), sources[chosen]


class _Comparison:
    """A destination that gathers a unit's answers and, when all are there, compares them with what is stored."""

    def __init__(self, workers: WorkerPool, *, repair: bool) -> None:
        self._workers = workers
        self._repair = repair
        self._answers: defaultdict[Unit, _Answers] = defaultdict(_Answers)
        self.findings: list[Finding] = []

    async def have(self, unit: Unit) -> dict[dt.date, DayEntry]:
        times = self._answers[unit].best()[0].time
        days, counts = np.unique(times // DAY_MS * DAY_MS, return_counts=True)
        return {
            day: DayEntry(day, expected_minutes(day, unit.symbol.life), rows={Source.REST: count})
            for day, count in zip(map(day_of, days.tolist()), counts.tolist(), strict=True)
        }

    async def missing(self, unit: Unit, day: dt.date) -> TimeWindow | None:
        return TimeWindow.of_day(day).intersect(unit.want)

    async def take_file(self, unit: Unit, job: FileJob) -> Stored:
        frame, refusal = await self._workers.run(parse_file, job)
        if refusal:
            self._find(unit, job.path, refusal)
            return Stored(refusal=refusal)
        recorded = await database_sync_to_async(file_digest)(job.path)
        if recorded not in {None, job.sha256}:
            self._find(unit, job.path, "published anew since it was loaded")
        self._add(unit, job, frame)
        return Stored(rows=len(frame))

    async def take_frame(self, unit: Unit, job: FrameJob) -> Stored:
        self._add(unit, job, job.frame)
        return Stored(rows=len(job.frame))

    async def note(self, unit: Unit, days: Sequence[dt.date], line: str) -> None:
        """A missing or refused file is no finding as long as a lower tier has the minutes."""

    async def finish(self, unit: Unit, exhausted: Sequence[dt.date]) -> None:
        answers = self._answers.pop(unit, _Answers())
        rows, sources = answers.best()
        stored, stored_sources = await database_sync_to_async(stored_minutes)(
            symbol_id=unit.symbol.id, window=unit.want
        )
        found = compare(rows.slice(unit.want), stored)
        differing = found.differing[
            stored_sources[np.searchsorted(stored.time, found.differing)]
            <= sources[np.searchsorted(rows.time, found.differing)]
        ]
        self._find_minutes(unit, found.only_left, "minutes that the source has are not stored")
        self._find_minutes(unit, found.only_right, "stored minutes are not at the source")
        self._find_minutes(unit, differing, "stored minutes differ from the source")
        if self._repair and (len(found.only_left) or len(differing)):
            for job in answers.jobs:
                if isinstance(job, FileJob):
                    await self._workers.run(store_file, replace(job, corrects=True))
                else:
                    await self._workers.run(store_frame, replace(job, corrects=True))

    async def abandon(self, unit: Unit) -> None:
        self._answers.pop(unit, None)

    def _add(self, unit: Unit, job: FileJob | FrameJob, frame: CandleFrame) -> None:
        answers = self._answers[unit]
        answers.frames.append((job.source, frame))
        if self._repair:
            answers.jobs.append(job)

    def _find(self, unit: Unit, when: str, what: str) -> None:
        self.findings.append(Finding(unit.symbol.name, when, what))

    def _find_minutes(self, unit: Unit, times: IntArray, what: str) -> None:
        if len(times):
            first = to_datetime(int(times[0])).strftime("%Y-%m-%d %H:%M")
            self._find(unit, str(unit.month), f"{len(times)} {what}, the first at {first} UTC")
