"""Asking what may not answer: a database that hangs must not hold up whoever wants to know how it is.

A blocking call can't be ended from outside. So it is made in a thread of its own, and who asks waits as long as he
likes. Until it comes back nobody starts another: one thread for each question, however many ask.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import Generic, TypeVar, cast

from django.db import connections

T = TypeVar("T")


class Question(Generic[T]):
    """`ask` is called in a thread, with a connection to the database that lasts for this call only: whether a new one
    is let in is part of the question. Its answer, or its error, counts for `max_age_s`; an answer goes on to be given
    for `stale_s` more while the next one is awaited."""

    def __init__(self, name: str, ask: Callable[[], T], *, max_age_s: float, stale_s: float = 0.0) -> None:
        self.name = name
        self._ask = ask
        self._max_age_s = max_age_s
        self._stale_s = stale_s
        self._running: Future[T | Exception] | None = None
        self._asked_at = float("-inf")
        self._outcome: T | Exception | None = None
        self._known_at = float("-inf")

    async def answer(self, within_s: float) -> T:
        """What `ask` returns, or the error that it raises. Raises TimeoutError where it takes longer."""
        age_s = time.monotonic() - self._known_at
        if age_s >= self._max_age_s:
            future = self._running or self._start()
            if isinstance(self._outcome, Exception) or age_s >= self._max_age_s + self._stale_s:
                await asyncio.wait({asyncio.wrap_future(future)}, timeout=within_s)
                if not future.done():
                    raise TimeoutError(f"no answer for {time.monotonic() - self._asked_at:.1f} s")
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return cast("T", self._outcome)

    def _start(self) -> Future[T | Exception]:
        future: Future[T | Exception] = Future()
        self._running, self._asked_at = future, time.monotonic()
        # A daemon: one that hangs must not keep the process from ending.
        Thread(target=self._run, args=(future,), name=f"question: {self.name}", daemon=True).start()
        return future

    def _run(self, future: Future[T | Exception]) -> None:
        try:
            outcome: T | Exception = self._ask()
        except Exception as error:  # noqa: BLE001  (raised again where it was asked for)
            outcome = error
        finally:
            connections.close_all()
        self._outcome, self._known_at, self._running = outcome, time.monotonic(), None
        future.set_result(outcome)
