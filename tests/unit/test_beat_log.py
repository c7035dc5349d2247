"""What beat says while the broker is away."""

from __future__ import annotations

import logging

import pytest
from celery import Celery
from celery.beat import Scheduler
from celery.schedules import schedule


def scheduler(broker: str) -> Scheduler:
    app = Celery("test", broker=broker, set_as_current=False)
    app.conf.task_publish_retry = False
    return Scheduler(app=app, lazy=True)


def test_a_broker_that_is_away_is_said_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    beat = scheduler("redis://127.0.0.1:1/0")
    beat.apply_entry(beat.Entry("look", "tasks.look", schedule=schedule(60), app=beat.app))
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage().startswith("Couldn't apply scheduled task look: ")
    assert "Traceback" not in logging.Formatter().format(record)


def test_any_other_failure_keeps_its_stack_trace(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat = scheduler("memory://")

    def fail(*_: object, **__: object) -> None:
        raise ValueError("no such thing")

    monkeypatch.setattr(beat, "apply_async", fail)
    beat.apply_entry(beat.Entry("look", "tasks.look", schedule=schedule(60), app=beat.app))
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert "Traceback" in logging.Formatter().format(record)
