"""Processes that die under their jobs."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import psutil
import pytest

from feeds import processes
from feeds.processes import WorkerPool
from tests.support.eventually import eventually


class Forgetful(ProcessPoolExecutor):
    """It was handed a job in the moment in which it broke: the job is never done, and nobody is told."""

    def submit(self, fn: Any, /, *_args: Any, **_options: Any) -> Future[Any]:
        if fn is os.getpid:
            raise BrokenProcessPool("a process has died")
        return Future()


def test_a_job_that_a_broken_executor_has_forgotten_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_LOOK_S", 0.05)
    pool = WorkerPool(1)
    monkeypatch.setattr(pool._workers[0], "_executor", Forgetful(1))

    async def run() -> None:
        async with asyncio.timeout(10):
            await pool.run(abs, -1)

    with pytest.raises(BrokenProcessPool):
        asyncio.run(run())


def test_a_process_that_dies_while_the_next_one_starts_is_the_only_one_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits for ever at the end: every process ends with its pool, and so does every thread that watches one.

    (One executor with both processes forgets the second: the thread that cleared up after the first does not know it.)
    """
    threads, children = set(threading.enumerate()), set(multiprocessing.active_children())
    started: list[multiprocessing.process.BaseProcess] = []
    process_class = multiprocessing.get_context("spawn").Process
    really_start = process_class.start

    def start(process: multiprocessing.process.BaseProcess) -> None:
        really_start(process)
        if len(started) == 1:
            killed = psutil.Process(started[0].pid)
            killed.kill()
            # The thread that watches it has reaped it, and has done by then what it does about the others.
            eventually(lambda: not killed.is_running(), within=10)
        started.append(process)

    monkeypatch.setattr(process_class, "start", start)

    async def run() -> list[int | BaseException]:
        async with asyncio.timeout(60), WorkerPool(2) as pool:
            both = await asyncio.gather(*(pool.run(abs, -number) for number in (1, 2)), return_exceptions=True)
            return [*both, await pool.run(abs, -3)]

    first, second, third = asyncio.run(run())
    assert isinstance(first, BrokenProcessPool)
    assert (second, third) == (2, 3)
    assert len(started) == 3
    eventually(lambda: set(multiprocessing.active_children()) <= children, within=30)
    eventually(lambda: set(threading.enumerate()) <= threads, within=30)
