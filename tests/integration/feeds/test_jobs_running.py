"""What operators have asked for, done against the exchange double."""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from typing import Any

import pytest
from django.db import OperationalError, connections
from pytest_django import Settings

from feeds import backfill, jobs, tasks, verify
from feeds.fakebinance.server import FakeExchange
from market.domain.window import Month
from market.models import Job, LedgerDay, Symbol
from market.selectors.audit import Finding
from market.services.jobs import job_report, job_take, job_wish, job_withdraw
from tests.support.database import query
from tests.support.eventually import eventually
from tests.support.loading import Loader

pytestmark = pytest.mark.usefixtures("no_connection_outlives_its_test")
BTC = "BTCUSDT"


@pytest.fixture(autouse=True)
def delayed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of tasks that were sent to the broker; none is."""
    sent: list[str] = []
    for task in (tasks.fill_history, tasks.run_job):
        monkeypatch.setattr(task, "delay", lambda name=task.name: sent.append(name))
    return sent


@pytest.fixture(autouse=True)
def _short_history(settings: Settings) -> None:
    settings.DATA_START = dt.date(2024, 4, 8)


def wish(kind: Job.Kind, name: str = BTC) -> Job:
    return job_wish(symbol=Symbol.objects.get(name=name), kind=kind, wished_by="alice")


def run(kind: Job.Kind) -> Job:
    """Ask for a job and let a worker do it."""
    job = wish(kind)
    tasks.run_job()
    job.refresh_from_db()
    return job


def test_a_load_brings_what_is_missing_and_says_so(loader: Loader) -> None:
    job = run(Job.Kind.LOAD)
    assert (job.state, job.steps, job.steps_done) == ("done", 1, 1)
    assert "3,600 of them new" in job.text
    assert query("SELECT count(*) FROM candle_1m") == [(3_600,)]
    assert job.ended_at is not None


def test_a_load_from_an_exchange_that_does_not_answer_says_what_is_left(loader: Loader, exchange: FakeExchange) -> None:
    exchange.faults.add("server_error", match={"kind": "archive.*"}, params={"status": 503})
    job = run(Job.Kind.LOAD)
    assert job.state == "failed"
    assert "left for a later run:\nBTCUSDT 2024-04" in job.text


def test_a_repair_asks_again_for_days_that_were_given_up(loader: Loader, exchange: FakeExchange) -> None:
    exchange.faults.add("day_absent", params={"days": ["2024-04-09"]})
    run(Job.Kind.LOAD)
    exchange.faults.clear()
    assert LedgerDay.objects.get(day="2024-04-09").state == "empty"
    assert "0 of them new" in run(Job.Kind.LOAD).text
    job = run(Job.Kind.REPAIR)
    assert job.text.startswith("1 days asked for again; ")
    assert "1,440 of them new" in job.text
    assert LedgerDay.objects.get(day="2024-04-09").state == "archive"


def test_a_verification_tells_what_it_finds_and_a_correction_puts_it_right(loader: Loader) -> None:
    run(Job.Kind.LOAD)
    assert (run(Job.Kind.VERIFY).state, run(Job.Kind.VERIFY).text) == ("done", "everything agrees")
    query("UPDATE candle_1m SET close = close + 1 WHERE time = '2024-04-08 12:34+00' RETURNING 1")
    found = run(Job.Kind.VERIFY)
    assert found.state == "findings"
    assert "1 stored minutes differ from the source, the first at 2024-04-08 12:34 UTC" in found.text
    assert run(Job.Kind.CORRECT).state == "findings"
    assert run(Job.Kind.VERIFY).text == "everything agrees"


def test_a_mistake_of_ours_ends_the_job_with_its_name(loader: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(**_: object) -> None:
        raise KeyError("close")

    monkeypatch.setattr(jobs, "history_load", broken)
    job = run(Job.Kind.LOAD)
    assert (job.state, job.text) == ("failed", "KeyError: 'close'")


def test_one_job_after_the_other_and_none_beside_another(loader: Loader, delayed: list[str]) -> None:
    other = Symbol.objects.create(name="ETHUSDT")
    wish(Job.Kind.LOAD)
    held = job_take()
    job_wish(symbol=other, kind=Job.Kind.VERIFY, wished_by="bob")
    delayed.clear()
    assert tasks.run_job() == "nothing to do, or another worker is at it"
    tasks.take_up_jobs()
    assert delayed == []
    assert held is not None
    job_withdraw(job_id=held.id)
    tasks.take_up_jobs()
    assert delayed == ["feeds.tasks.run_job"]
    wish(Job.Kind.LOAD)
    assert tasks.run_job().endswith("verify ETHUSDT: done")
    assert delayed[-1] == "feeds.tasks.run_job", "the next one is not left waiting for the schedule"


def _work_once() -> None:
    tasks.run_job()
    connections.close_all()


def test_a_job_that_is_withdrawn_stops(loader: Loader, exchange: FakeExchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_REPORT_EVERY_S", 0.05)
    exchange.faults.add("slow", match={"kind": "archive.*"}, params={"bytes_per_second": 50})
    job = wish(Job.Kind.LOAD)
    worker = threading.Thread(target=_work_once, name="worker")
    worker.start()
    eventually(lambda: Job.objects.get(id=job.id).steps == 1)
    job_withdraw(job_id=job.id)
    worker.join(timeout=10)
    assert not worker.is_alive()
    job.refresh_from_db()
    assert job.state == "withdrawn"


def test_reports_that_the_database_does_not_take_do_not_end_the_work(
    loader: Loader, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(**_: object) -> bool:
        raise OperationalError("gone")

    monkeypatch.setattr(jobs, "job_report", away)
    with caplog.at_level(logging.WARNING):
        assert run(Job.Kind.LOAD).state == "done"
    assert "its progress could not be written down: gone" in caplog.text


def test_a_long_verification_keeps_its_lease(
    loader: Loader, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All questions to the database wait in one line. Were a symbol's years looked through in one of them, no report
    would come in between, and the job would be taken up again and again."""
    settings.DATA_START = dt.date(2024, 2, 1)
    said: list[str] = []

    def look(*, month: Month, **_: object) -> list[Finding]:
        said.append(str(month))
        # As a month of a full table takes its time; ten reports are due meanwhile.
        time.sleep(0.2)
        return []

    def report(**progress: Any) -> bool:
        said.append("report")
        return job_report(**progress)

    monkeypatch.setattr(jobs, "_REPORT_EVERY_S", 0.02)
    monkeypatch.setattr(jobs, "job_report", report)
    monkeypatch.setattr(verify, "month_findings", look)
    run(Job.Kind.VERIFY)
    looked = said[said.index("2024-02") : said.index("2024-04") + 1]
    assert looked.count("report") >= 2, said[:8]


def test_a_job_whose_database_stays_away_is_taken_up_again(loader: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(**_: object) -> bool:
        raise OperationalError("gone")

    monkeypatch.setattr(backfill, "month_claim", away)
    monkeypatch.setattr(backfill, "DATABASE_ATTEMPTS", 1)
    job = wish(Job.Kind.LOAD)
    with pytest.raises(OperationalError):
        tasks.run_job()
    job.refresh_from_db()
    assert job.state == "running"
