"""An operator's jobs: asked for once, taken one by one, lost by a worker that falls silent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from django.db.models.functions import Now

from market.models import JOB_LEASE, Job
from market.selectors.jobs import jobs_are_waiting, jobs_newest, jobs_of_symbol
from market.services.jobs import JobOpen, job_end, job_report, job_take, job_wish, job_withdraw
from market.signals import job_wished
from tests.support.candles import make_symbol

pytestmark = pytest.mark.django_db
LOAD, VERIFY = Job.Kind.LOAD, Job.Kind.VERIFY


def wish(name: str = "BTCUSDT", kind: Job.Kind = LOAD) -> Job:
    return job_wish(symbol=make_symbol(name), kind=kind, wished_by="alice")


def fall_silent(job: Job) -> None:
    Job.objects.filter(id=job.id).update(seen_at=Now() - JOB_LEASE - dt.timedelta(seconds=1))


@pytest.fixture
def told() -> Iterator[list[int]]:
    """The jobs that were told of."""
    heard: list[int] = []

    def hear(job: Job, **_: object) -> None:
        heard.append(job.id)

    job_wished.connect(hear)
    yield heard
    job_wished.disconnect(hear)


def test_a_symbol_has_one_open_job_at_a_time() -> None:
    job = wish()
    with pytest.raises(JobOpen, match="BTCUSDT has “load what is missing”"):
        job_wish(symbol=job.symbol, kind=VERIFY, wished_by="bob")
    assert Job.objects.get().wished_by == "alice"
    assert job_withdraw(job_id=job.id)
    assert job_wish(symbol=job.symbol, kind=VERIFY, wished_by="bob").state == "waiting"


@pytest.mark.django_db(transaction=True)
def test_a_wish_is_told_after_its_commit_and_a_refused_one_is_not(told: list[int]) -> None:
    job = wish()
    with pytest.raises(JobOpen):
        job_wish(symbol=job.symbol, kind=LOAD, wished_by="bob")
    assert told == [job.id]


def test_jobs_are_taken_one_by_one_in_the_order_of_the_wishes() -> None:
    first, second = wish("BTCUSDT"), wish("ETHUSDT")
    taken = job_take()
    assert taken == first
    assert (job_take(), jobs_are_waiting()) == (None, False)
    assert taken is not None
    assert job_end(job=taken, state=Job.State.DONE, text="done")
    assert jobs_are_waiting()
    assert job_take() == second


def test_a_job_that_waits_behind_nobody_is_seen_to_wait() -> None:
    assert not jobs_are_waiting()
    wish()
    assert jobs_are_waiting()


def test_a_job_whose_worker_was_killed_is_taken_up_again_before_any_other() -> None:
    wish("AAAUSDT")
    lost = job_take()
    wish("BTCUSDT")
    assert lost is not None
    fall_silent(lost)
    assert jobs_are_waiting()
    again = job_take()
    assert again is not None
    assert (again.id, again.text) == (lost.id, "taken up again")
    assert not job_report(job=lost, steps=2, steps_done=1, text="late")
    assert not job_end(job=lost, state=Job.State.FAILED, text="late")
    assert job_report(job=again, steps=2, steps_done=1, text="on time")
    again.refresh_from_db()
    assert (again.state, again.steps, again.steps_done, again.text) == ("running", 2, 1, "on time")


def test_a_report_renews_the_lease() -> None:
    wish()
    job = job_take()
    assert job is not None
    fall_silent(job)
    assert job_report(job=job, steps=0, steps_done=0, text="")
    assert job_take() is None


def test_a_job_that_is_withdrawn_takes_no_more_reports() -> None:
    wish()
    job = job_take()
    assert job is not None
    assert job_withdraw(job_id=job.id)
    assert not job_withdraw(job_id=job.id)
    assert not job_report(job=job, steps=1, steps_done=1, text="")
    assert not job_end(job=job, state=Job.State.DONE, text="")
    job.refresh_from_db()
    assert (job.state, job.is_open, job.ended_at is not None) == ("withdrawn", False, True)


def test_a_job_that_is_done_has_taken_all_its_steps_and_one_that_failed_has_not() -> None:
    for name, state, steps_done in (("BTCUSDT", Job.State.DONE, 35), ("ETHUSDT", Job.State.FAILED, 3)):
        wish(name)
        job = job_take()
        assert job is not None
        job_report(job=job, steps=35, steps_done=3, text="")
        job_end(job=job, state=state, text="x" * 30_000)
        job.refresh_from_db()
        assert (job.steps_done, len(job.text)) == (steps_done, 20_000)


def test_the_newest_jobs_are_found_by_symbol() -> None:
    old = wish("BTCUSDT")
    job_withdraw(job_id=old.id)
    new = job_wish(symbol=old.symbol, kind=VERIFY, wished_by="bob")
    never = make_symbol("ETHUSDT")
    assert jobs_newest([old.symbol_id, never.id]) == {old.symbol_id: new}
    assert jobs_of_symbol(symbol_id=old.symbol_id) == [new, old]
