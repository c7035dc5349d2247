"""Which states of tasks are kept for operators, and what becomes of a task when the database does not take them."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from celery import Task
from celery.app.trace import build_tracer
from django.test import Client
from django.urls import reverse
from django_celery_results.models import TaskResult

from feeds import tasks
from klineproject.celery import app
from tests.support.database import no_database


def run(task: Task[Any, Any]) -> Any:
    """Run the task as a worker does; what the worker is told of it."""
    number = str(uuid.uuid4())
    request = {"id": number, "task": task.name, "hostname": "worker", "argsrepr": "()", "kwargsrepr": "{}"}
    return build_tracer(task.name, task, app=app, hostname="worker")(number, [], {}, request)


def kept() -> list[tuple[str, str]]:
    return list(TaskResult.objects.order_by("id").values_list("task_name", "status"))


@pytest.mark.django_db
def test_what_an_operator_waits_for_is_kept() -> None:
    run(tasks.run_job)
    assert kept() == [("feeds.tasks.run_job", "SUCCESS")]
    assert "nothing to do" in TaskResult.objects.get().result


@pytest.mark.django_db
def test_of_scheduled_tasks_only_failures_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    run(tasks.take_up_jobs)
    assert kept() == []

    def broken() -> bool:
        raise ValueError("no such thing")

    monkeypatch.setattr(tasks, "jobs_are_waiting", broken)
    run(tasks.take_up_jobs)
    assert kept() == [("feeds.tasks.take_up_jobs", "FAILURE")]
    assert "no such thing" in TaskResult.objects.get().result


@pytest.mark.django_db(transaction=True)
def test_a_state_that_the_database_does_not_take_is_lost_and_not_the_task(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tasks, "job_take", lambda: None)
    with no_database():
        result = run(tasks.run_job)
        tasks.take_up_jobs()
    assert result.retval == "nothing to do, or another worker is at it"
    assert "the state SUCCESS of task" in caplog.text
    assert "Traceback" not in caplog.text
    run(tasks.run_job)
    assert kept() == [("feeds.tasks.run_job", "SUCCESS")]


@pytest.mark.django_db
def test_the_admin_shows_states_and_lets_nobody_make_them_up(admin_client: Client) -> None:
    run(tasks.run_job)
    address = reverse("admin:django_celery_results_taskresult_changelist")
    text = admin_client.get(address).text
    assert "feeds.tasks.run_job" in text
    assert ">success</span>" in text
    row = TaskResult.objects.get()
    page = admin_client.get(reverse("admin:django_celery_results_taskresult_change", args=[row.pk]))
    assert (page.status_code, "nothing to do" in page.text) == (200, True)
    assert admin_client.get(reverse("admin:django_celery_results_taskresult_add")).status_code == 403
