"""Processes beside the event loop for the work that costs processor time."""

from __future__ import annotations

import asyncio
import importlib
import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Final, Self, TypeVar

import django
from django.conf import settings
from django.db import connection

# Nothing here may import a model: a new process imports this module before Django is set up in it.

# How often (seconds) it is looked whether a job that runs still has an executor.
_LOOK_S: Final = 5.0

Argument = TypeVar("Argument")
Result = TypeVar("Result")


class WorkerPool:
    """A few processes that run such jobs. Use as an asynchronous context manager."""

    def __init__(self, processes: int) -> None:
        self._workers = [_Worker() for _ in range(processes)]

    async def __aenter__(self) -> Self:
        for worker in self._workers:
            worker.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await asyncio.gather(*(worker.end() for worker in self._workers))

    async def run(self, job: Callable[[Argument], Result], argument: Argument) -> Result:
        """The job's result, or its exception. BrokenProcessPool when its process died; the next job has a new one."""
        return await min(self._workers, key=lambda worker: worker.jobs).run(job, argument)


class _Worker:
    """One process and the jobs that were given to it.

    Its executor has no other process. One with several starts each of them beside the thread that watches the ones
    before: when one dies while the next is being started, that next one is neither told to end nor given a job, and the
    interpreter waits for it at its own end, for ever.
    """

    def __init__(self) -> None:
        self.jobs = 0
        self._executor: ProcessPoolExecutor | None = None

    def start(self) -> ProcessPoolExecutor:
        self._executor = ProcessPoolExecutor(
            1,
            # A fresh interpreter: a fork would share the parent's database connection and its threads' locks.
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_prepare,
            initargs=(connection.settings_dict["NAME"],),
        )
        # The process starts with its first job; let that be now and not when the first file has come.
        self._executor.submit(os.getpid)
        return self._executor

    async def run(self, job: Callable[[Argument], Result], argument: Argument) -> Result:
        executor = self._executor or self.start()
        self.jobs += 1
        try:
            running = asyncio.get_running_loop().run_in_executor(executor, job, argument)
            # A job that is handed over in the very moment in which a process dies may be forgotten by the executor, and
            # would be waited for for ever. Asked for anything more, a broken executor says that it is.
            try:
                while not (await asyncio.wait({running}, timeout=_LOOK_S))[0]:
                    executor.submit(os.getpid)
                return running.result()
            finally:
                running.cancel()
        except BrokenProcessPool:
            if self._executor is executor:
                self._executor = None
                executor.shutdown(wait=False, cancel_futures=True)
            raise
        finally:
            self.jobs -= 1

    async def end(self) -> None:
        """Returns when the process has ended, after the job that it has."""
        if self._executor is not None:
            await asyncio.to_thread(self._executor.shutdown, cancel_futures=True)


def _prepare(database: str) -> None:
    """Set a process up: Django, on the parent's database, and an end with the parent's end."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "klineproject.settings")
    settings.DATABASES["default"]["NAME"] = database
    # Read by polars when it is imported: there is one process for each processor already.
    os.environ["POLARS_MAX_THREADS"] = "1"
    django.setup()
    # What jobs need, most of a second's work, now and not when the first file waits.
    importlib.import_module("feeds.storing")
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that was killed cannot stop its processes, and they would wait for jobs for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
