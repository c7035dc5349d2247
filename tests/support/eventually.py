"""Waiting for what happens elsewhere, without guessing how long it takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(condition: Callable[[], T], *, within: float = 10.0, every: float = 0.02) -> T:
    """The first true value of `condition`, asked again and again; AssertionError after `within` seconds.

    An AssertionError of the condition itself counts as "not yet", and is the one raised at the end.
    """
    deadline = time.monotonic() + within
    while True:
        failure: AssertionError | None = None
        try:
            value = condition()
        except AssertionError as error:
            failure = error
        else:
            if value:
                return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"still not true after {within} s") from failure
        time.sleep(every)


async def eventually_here(condition: Callable[[], object], *, within: float = 5.0) -> None:
    """Let this event loop's tasks run until the condition holds; TimeoutError after `within` seconds."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110  (conditions of several parts, none of which has an event)
            await asyncio.sleep(0.002)
