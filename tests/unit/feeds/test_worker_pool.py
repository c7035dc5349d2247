"""Processes that die under their jobs."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import pytest

from feeds import processes
from feeds.processes import WorkerPool


class Forgetful(ProcessPoolExecutor):
    """It was handed a job in the moment in which it broke: the job is never done, and nobody is told."""

    def submit(self, fn: Any, /, *_args: Any, **_options: Any) -> Future[Any]:
        if fn is os.getpid:
            raise BrokenProcessPool("a process has died")
        return Future()


def test_a_job_that_a_broken_executor_has_forgotten_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_LOOK_S", 0.05)
    pool = WorkerPool(1)
    monkeypatch.setattr(pool, "_executor", Forgetful(1))

    async def run() -> None:
        async with asyncio.timeout(10):
            await pool.run(abs, -1)

    with pytest.raises(BrokenProcessPool):
        asyncio.run(run())
