"""An operator's long pieces of work: asked for, taken by a worker, reported on, ended.

One at a time in the whole system: each brings processes of its own and shares the exchange's limits with the history
that is loaded anyway. A job is taken by a conditional UPDATE and held by a lease, so a worker that is killed loses it
to the next one, and its late reports change nothing.
"""

from __future__ import annotations

import uuid
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from market.models import JOB_IS_HELD, JOB_IS_OPEN, Job, Symbol
from market.signals import job_wished

_MAX_TEXT: Final = 20_000


class JobOpen(Exception):
    """The symbol has a job that is not done yet; `job` is that one, or None if it has just ended."""

    def __init__(self, symbol: Symbol, job: Job | None) -> None:
        what = "a job" if job is None else f"“{job.get_kind_display()}” ({job.get_state_display()})"
        super().__init__(f"{symbol.name} has {what} already: wait for it, or withdraw it first")
        self.job = job


def job_wish(*, symbol: Symbol, kind: Job.Kind, wished_by: str) -> Job:
    """Ask for a piece of work on a symbol. Raises JobOpen while another one on the same symbol is not done."""
    try:
        with transaction.atomic():
            job = Job.objects.create(symbol=symbol, kind=kind, wished_by=wished_by[:150])
            transaction.on_commit(lambda: job_wished.send(sender=Job, job=job))
    except IntegrityError as error:
        raise JobOpen(symbol, Job.objects.filter(JOB_IS_OPEN, symbol=symbol).first()) from error
    return job


def job_withdraw(*, job_id: int) -> bool:
    """Take a wish back; the worker that has the job stops within seconds. False for a job that has ended."""
    return bool(
        Job.objects.filter(JOB_IS_OPEN, id=job_id).update(state=Job.State.WITHDRAWN, ended_at=Now(), seen_at=Now())
    )


def job_take() -> Job | None:
    """The oldest job that nobody works on, for the caller alone from now on (`runner` says so); None while a worker is
    at another one, or nothing is open."""
    with transaction.atomic():
        # Everybody locks the oldest first, so that of two takers the second sees what the first has done.
        jobs = list(Job.objects.select_for_update().filter(JOB_IS_OPEN).order_by("wished_at", "id"))
        if not jobs or Job.objects.filter(JOB_IS_HELD).exists():
            return None
        # One that a killed worker has left behind goes first.
        chosen = min(jobs, key=lambda job: job.state != Job.State.RUNNING)
        Job.objects.filter(id=chosen.id).update(
            state=Job.State.RUNNING, runner=uuid.uuid4(), started_at=Now(), seen_at=Now(), steps=0, steps_done=0,
            text="begins" if chosen.started_at is None else "taken up again",
        )  # fmt: skip
        return Job.objects.select_related("symbol").get(id=chosen.id)


def job_report(*, job: Job, steps: int, steps_done: int, text: str) -> bool:
    """Say how far a job is, and renew the lease; False when it is not the caller's any more (withdrawn, another's)."""
    return bool(_held(job).update(steps=steps, steps_done=min(steps, steps_done), text=text[:_MAX_TEXT], seen_at=Now()))


def job_end(*, job: Job, state: Job.State, text: str) -> bool:
    """Write down what came of a job; False when it is not the caller's any more."""
    values: dict[str, object] = {"state": state, "text": text[:_MAX_TEXT], "ended_at": Now(), "seen_at": Now()}
    if state != Job.State.FAILED:
        values["steps_done"] = F("steps")
    return bool(_held(job).update(**values))


def _held(job: Job) -> QuerySet[Job]:
    return Job.objects.filter(id=job.id, runner=job.runner, state=Job.State.RUNNING)
