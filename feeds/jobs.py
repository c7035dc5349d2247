"""Doing what an operator has asked for: one job, with its progress written down every second."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from channels.db import database_sync_to_async
from django.db import InterfaceError, OperationalError

from feeds.backfill import Totals
from feeds.binance.errors import ExchangeError
from feeds.destinations import Unit
from feeds.history import history_load
from feeds.verify import verify
from market.models import Job
from market.services.jobs import job_end, job_report
from market.services.ledger import days_reopen

logger = logging.getLogger(__name__)

# Well within the lease of a job.
_REPORT_EVERY_S: Final = 1.0
_FINDINGS_TOLD: Final = 100


@dataclass(frozen=True, slots=True)
class _Outcome:
    state: Job.State
    text: str


class _Progress:
    """What a run says of itself, kept until the next report."""

    def __init__(self, text: str) -> None:
        self.steps = self.steps_done = 0
        self.text = text

    def units(self, units: Sequence[Unit]) -> None:
        self.steps = len(units)
        self.text = f"{len(units)} months to look at"

    def totals(self, totals: Totals) -> None:
        self.steps_done = totals.units + totals.skipped + totals.failed
        self.text = f"{totals.rows:,} minutes read, {totals.files:,} files"


async def job_run(job: Job) -> None:
    """Do the work of a job that the caller has taken, and write down what came of it.

    Stops when the job is withdrawn, or another worker has taken it up because this one was silent for too long. Raises
    OperationalError or InterfaceError if the database stays away; the job is then taken up again later.
    """
    progress = _Progress(job.text)
    work = asyncio.create_task(_work(job, progress), name=f"work of job {job.id}")
    reports = asyncio.create_task(_report(job, progress), name=f"reports of job {job.id}")
    try:
        await asyncio.wait({work, reports}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            logger.info("job %d was withdrawn or is another worker's now", job.id)
    finally:
        for task in (work, reports):
            task.cancel()
        await asyncio.gather(work, reports, return_exceptions=True)
    if not work.cancelled():
        outcome = work.result()
        # A job can be over before its first report.
        await _tell(job, progress)
        await database_sync_to_async(job_end)(job=job, state=outcome.state, text=outcome.text)


async def _report(job: Job, progress: _Progress) -> None:
    """Report every second; ends when the job is not ours any more."""
    is_ours = True
    while is_ours:
        is_ours = await _tell(job, progress)
        await asyncio.sleep(_REPORT_EVERY_S)


async def _tell(job: Job, progress: _Progress) -> bool:
    """Whether the job is still ours, as far as that can be known."""
    report = database_sync_to_async(job_report)
    try:
        return await report(job=job, steps=progress.steps, steps_done=progress.steps_done, text=progress.text)
    except (OperationalError, InterfaceError) as error:
        # The work itself is patient with the database; a report that is lost is followed by the next.
        logger.warning("job %d: its progress could not be written down: %s", job.id, error)
        return True


async def _work(job: Job, progress: _Progress) -> _Outcome:
    try:
        match Job.Kind(job.kind):
            case Job.Kind.LOAD:
                return await _load(job, progress)
            case Job.Kind.REPAIR:
                reopened = await database_sync_to_async(days_reopen)(symbol=job.symbol)
                return await _load(job, progress, f"{reopened} days asked for again; ")
            case Job.Kind.VERIFY | Job.Kind.CORRECT:
                return await _verify(job, progress)
    except ExchangeError as error:
        return _Outcome(Job.State.FAILED, f"the exchange gave no answer: {error}")
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        # A job that raised would be taken up again and again.
        logger.exception("job %d failed", job.id)
        return _Outcome(Job.State.FAILED, f"{type(error).__name__}: {error}")


async def _load(job: Job, progress: _Progress, prefix: str = "") -> _Outcome:
    totals = await history_load(symbols=[job.symbol], on_units=progress.units, on_progress=progress.totals)
    text = (
        f"{prefix}{totals.units} months looked at, {totals.files} files, {totals.rows:,} minutes read, "
        f"{totals.inserted:,} of them new"
    )
    if totals.skipped:
        text += f"; {totals.skipped} months are being loaded by another worker"
    if totals.errors:
        return _Outcome(Job.State.FAILED, "\n".join([f"{text}; left for a later run:", *totals.errors]))
    return _Outcome(Job.State.DONE, text)


async def _verify(job: Job, progress: _Progress) -> _Outcome:
    is_correcting = job.kind == Job.Kind.CORRECT
    findings = await verify(
        symbols=[job.symbol], repair=is_correcting, on_units=progress.units, on_progress=progress.totals
    )
    if not findings:
        return _Outcome(Job.State.DONE, "everything agrees")
    lines = [f"{len(findings)} findings{', put right where possible' if is_correcting else ''}:"]
    lines += [str(finding) for finding in findings[:_FINDINGS_TOLD]]
    if len(findings) > _FINDINGS_TOLD:
        lines.append(f"and {len(findings) - _FINDINGS_TOLD} more")
    return _Outcome(Job.State.FINDINGS, "\n".join(lines))
