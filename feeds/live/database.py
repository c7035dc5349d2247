"""A thread with a database connection of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

import psycopg
from django import db
from django.db import close_old_connections, connections

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

# The store has the driver's errors translated to Django's, inside a COPY too. The driver's own are named as well, so
# that one that slips through is waited out like the others.
DATABASE_ERRORS = (db.Error, psycopg.Error)
_CONTENT_ERRORS = (db.DataError, db.IntegrityError, psycopg.DataError, psycopg.IntegrityError)

_CLOSE_S = 1.0


def blames_content(error: Exception) -> bool:
    """Whether a write failed for what it carried and would fail again. Anything else of the database (away, starting,
    full, in the middle of a migration) passes."""
    return isinstance(error, _CONTENT_ERRORS) or not isinstance(error, DATABASE_ERRORS)


class DatabaseThread:
    """Runs functions on the database one after the other.

    Storing and watching have a thread each: a long transaction must not hold up the renewal of a lease.
    """

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def run(
        self, function: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        """The function's result. Cancelled, the wait ends; what has begun in the thread goes on there."""
        call = partial(_on_fresh_connection, partial(function, *args, **kwargs))
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    async def close(self) -> bool:
        """Close the connection and the thread; False if the thread hangs, in the arms of a server that is silent."""
        loop = asyncio.get_running_loop()
        closing = loop.run_in_executor(self._executor, connections.close_all)
        done, _ = await asyncio.wait({closing}, timeout=_CLOSE_S)
        self._executor.shutdown(wait=False, cancel_futures=True)
        return bool(done)


def _on_fresh_connection(function: Callable[[], Result]) -> Result:
    """As Channels' database_sync_to_async, whose wait cannot always be cancelled."""
    close_old_connections()
    try:
        return function()
    finally:
        close_old_connections()
