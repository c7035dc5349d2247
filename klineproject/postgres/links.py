"""Connections of the event loop's own: a planned statement is asked for and its answer waited for without a thread.

They know one thing, `Query`. Whatever is not ordinary (no connection is open yet, the server is away, a statement
fails) ends in an error of the driver's, and whoever asked takes the way through a thread, where everything is known.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import psycopg
from django.db import connections
from psycopg import OperationalError
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGresult

from klineproject.postgres import silence
from market.store.prepared import Query, as_expected

# What of Django's parameters is about its own connections.
_DJANGOS: Final = frozenset({"context", "cursor_factory", "prepare_threshold"})
# After a connection could not be had, for so long (seconds) nobody tries.
_PAUSE: Final = 1.0


class Links:
    """Up to `most` connections, opened when somebody first wants them. For one event loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: set[Link] = set()
        self._idle: list[Link] = []
        self._waiting: deque[asyncio.Future[Link]] = deque()
        self._opening: asyncio.Task[None] | None = None
        self._retry_at = 0.0

    def are_open(self) -> bool:
        """Whether there is a connection; if not, one is opened meanwhile."""
        if not self._open:
            self._open_one()
        return bool(self._open)

    async def run(self, query: Query) -> PGresult:
        """The binary result. Raises OperationalError where it cannot be had at once, or another psycopg.Error."""
        link = await self._take()
        try:
            return await link.run(query)
        finally:
            self._put_back(link)

    async def stop(self) -> None:
        """Close all of them; who waits for one is told."""
        if self._opening is not None:
            self._opening.cancel()
            with suppress(asyncio.CancelledError):
                await self._opening
        for link in list(self._open):
            link.close(OperationalError("the server stops"))
        self._give_up()

    async def _take(self) -> Link:
        while self._idle:
            link = self._idle.pop()
            if link.is_open:
                return link
        if len(self._open) < self._most:
            self._open_one()
        if not self._open:
            raise OperationalError("no connection is open yet")
        waiting: asyncio.Future[Link] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        try:
            return await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled():
                self._put_back(waiting.result())
            raise

    def _put_back(self, link: Link) -> None:
        if not link.is_open:
            return
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(link)
                return
        self._idle.append(link)

    def _open_one(self) -> None:
        loop = asyncio.get_running_loop()
        if self._opening is None and loop.time() >= self._retry_at and not silence.is_silent():
            self._opening = loop.create_task(self._connect())

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            link = Link(await _connection(), self._on_end)
        except psycopg.Error:
            # Said by the thread that the request goes to instead.
            self._retry_at = loop.time() + _PAUSE
        else:
            self._open.add(link)
            self._put_back(link)
        finally:
            self._opening = None

    def _on_end(self, link: Link) -> None:
        self._open.discard(link)
        if not self._open:
            self._give_up()

    def _give_up(self) -> None:
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_exception(OperationalError("no connection is left"))


async def _connection() -> psycopg.AsyncConnection[Any]:
    parameters = connections["default"].get_connection_params()
    mine = {name: value for name, value in parameters.items() if name not in _DJANGOS}
    return await psycopg.AsyncConnection.connect(**mine, autocommit=True)


class Link:
    """One connection. What it is asked is answered before it is asked again."""

    def __init__(self, connection: psycopg.AsyncConnection[Any], on_end: Callable[[Link], None]) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._on_end = on_end
        self._planned: set[bytes] = set()
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[PGresult] | None = None
        self._result: PGresult | None = None
        self._knocking: asyncio.Task[None] | None = None
        self._socket = self._pgconn.socket
        self._loop.add_reader(self._socket, self._on_data)

    @property
    def is_open(self) -> bool:
        return self._pgconn.status == ConnStatus.OK

    async def run(self, query: Query) -> PGresult:
        """The binary result; see `Links.run`."""
        statement = query.statement
        try:
            if statement.name not in self._planned:
                statement.send_plan(self._pgconn)
                as_expected(await self._answered(), ExecStatus.COMMAND_OK)
                self._planned.add(statement.name)
            statement.send(self._pgconn, query.values)
            return as_expected(await self._answered(), ExecStatus.TUPLES_OK)
        except BaseException as problem:
            # Whatever it was, and wherever the conversation stands: the next one begins with a new connection.
            self.close(problem)
            raise

    def close(self, problem: BaseException) -> None:
        """End the connection; who waits for an answer gets the problem."""
        if self.is_open:
            self._end(problem)

    async def _answered(self) -> PGresult:
        if self._pgconn.flush():
            raise OperationalError("the server does not take the question")
        self._answer = self._loop.create_future()
        timer = self._loop.call_later(silence.SILENT_AFTER_S, self._knock)
        try:
            return await self._answer
        finally:
            timer.cancel()
            self._answer = None
            if self._knocking is not None:
                self._knocking.cancel()
                self._knocking = None

    def _on_data(self) -> None:
        """Bytes have come: the answer, a part of it, or, unasked, the end of the connection."""
        answer = self._answer
        try:
            self._pgconn.consume_input()
            if answer is None:
                raise OperationalError("the server has spoken unasked")
            while not self._pgconn.is_busy():
                result = self._pgconn.get_result()
                if result is None:
                    self._settle(answer)
                    return
                self._result = result
        except psycopg.Error as problem:
            self._end(problem)

    def _settle(self, answer: asyncio.Future[PGresult]) -> None:
        result, self._result = self._result, None
        if not answer.done() and result is not None:
            answer.set_result(result)

    def _end(self, problem: BaseException) -> None:
        self._loop.remove_reader(self._socket)
        self._pgconn.finish()
        answer = self._answer
        if answer is not None and not answer.done():
            answer.set_exception(problem if isinstance(problem, psycopg.Error) else OperationalError(str(problem)))
        self._on_end(self)

    def _knock(self) -> None:
        self._knocking = self._loop.create_task(self._find_out())

    async def _find_out(self) -> None:
        """A statement takes its time: is the server still there? Found out in a thread, which may take a moment."""
        info = self._connection.info
        waited = silence.SILENT_AFTER_S
        while waited < silence.LONGEST_S:
            try:
                await asyncio.to_thread(silence.knock, info.dsn, info.password)
            except OperationalError as problem:
                self._end(problem)
                return
            await asyncio.sleep(silence.PATIENT_S)
            waited += silence.PATIENT_S
        self._end(OperationalError("a statement has got no answer"))
