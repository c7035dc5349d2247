"""Celery's side: each task calls one function and says what came of it.

Nothing here has to arrive: the schedule (settings.CELERY_BEAT_SCHEDULE) compares wishes with what is stored, so a task
that is lost with its worker or broker is made up for.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from celery import shared_task
from celery.signals import worker_ready
from django.db import InterfaceError, OperationalError
from kombu.exceptions import OperationalError as BrokerAway

from feeds.binance.errors import ExchangeError
from feeds.confirm import history_confirm
from feeds.history import history_fill
from feeds.jobs import job_run
from feeds.listing import listing_start
from market.selectors.jobs import jobs_are_waiting
from market.services.jobs import job_take

logger = logging.getLogger(__name__)

# Away for a while: tried again soon, and in the end given up until the schedule's next time (`throws`), each with one
# line in the log.
_AWAY: Final = (ExchangeError, OperationalError, InterfaceError)
# How soon a task is tried again that the schedule brings once a day, when another worker is in its way.
_AFTER_ANOTHER_S: Final = 600


@shared_task(
    autoretry_for=_AWAY,
    throws=_AWAY,
    retry_backoff=2,
    retry_backoff_max=60,
    max_retries=20,
)
def load_listing() -> None:
    """The exchange's list of symbols; on the first start the wishes of TRACKED_SYMBOL; then what is missing."""
    changed = asyncio.run(listing_start())
    logger.info("the exchange's list is read, %d symbols new or changed", changed)
    on_wish_changed()


@shared_task(autoretry_for=_AWAY, throws=_AWAY, retry_backoff=2, retry_backoff_max=60, max_retries=5)
def fill_history() -> None:
    """Whatever history the tracked symbols lack."""
    totals = asyncio.run(history_fill())
    if totals is None:
        logger.debug("another worker is filling history")
    elif totals.units or totals.failed:
        logger.info(
            "history: %d months of symbols looked at, %d failed, %d files, %d rows, %d of them new",
            totals.units,
            totals.failed,
            totals.files,
            totals.rows,
            totals.inserted,
        )


@shared_task(autoretry_for=_AWAY, throws=_AWAY, retry_backoff=2, retry_backoff_max=60, max_retries=5)
def confirm_history(*, reissues: bool = False) -> None:
    """Daily files of days that rest on the stream or REST; with `reissues` also recent files published anew."""
    done = asyncio.run(history_confirm(reissues=reissues))
    if done is None:
        logger.debug("another worker is confirming")
        if reissues:
            # That one looks at no reissues, and tomorrow the two would meet at the same minute of the same hour.
            raise confirm_history.retry(countdown=_AFTER_ANOTHER_S)
        return
    logger.info(
        "confirmation: %d days by their daily files, %d files published anew, %d not to be had",
        done.days,
        done.reissued,
        done.failed,
    )


# The only task whose every state is kept: an operator waits for it.
@shared_task(
    autoretry_for=(OperationalError, InterfaceError),
    throws=_AWAY,
    retry_backoff=2,
    retry_backoff_max=60,
    max_retries=5,
    ignore_result=False,
    track_started=True,
)
def run_job() -> str:
    """The next job that an operator has asked for, and after it the one after that; what came of it.

    Nothing is done while another worker is at a job: jobs are taken one by one.
    """
    job = job_take()
    if job is None:
        return "nothing to do, or another worker is at it"
    asyncio.run(job_run(job))
    job.refresh_from_db(fields=["state", "text"])
    if jobs_are_waiting():
        on_job_wished()
    return f"job {job.id}, {job.get_kind_display()} {job.symbol.name}: {job.get_state_display()}"


@shared_task
def take_up_jobs() -> None:
    """Jobs whose nudge was lost, or whose worker was killed."""
    try:
        is_anything_waiting = jobs_are_waiting()
    except (OperationalError, InterfaceError) as error:
        logger.info("the database is away, jobs are looked for at the next turn: %s", error)
        return
    if is_anything_waiting:
        on_job_wished()


@worker_ready.connect
def _start(**_: object) -> None:
    """A worker that starts does not wait for the schedule."""
    load_listing.delay()
    take_up_jobs.delay()


def on_wish_changed(**_: object) -> None:
    """Let a worker compare wishes with what is stored now. Should the broker be away, the schedule does it later."""
    try:
        fill_history.delay()
    except BrokerAway as error:
        logger.warning("the worker could not be told of a new wish, it will find it by itself: %s", error)


def on_job_wished(**_: object) -> None:
    """Let a worker look for jobs now. Should the broker be away, the schedule does it later."""
    try:
        run_job.delay()
    except BrokerAway as error:
        logger.warning("the worker could not be told of a new job, it will find it by itself: %s", error)
