"""Statements that stay planned, executed without the driver's cursor.

A cursor finds out anew, at each execution, what the values are and what the statement has been turned into: five times
the processor time that libpq needs to send the values and take the result. For the few reads that charts repeat, both
are known beforehand.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any, Final
from weakref import WeakKeyDictionary

import psycopg
from psycopg import errors, generators
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from market.store.tables import PG_EPOCH_MS

_BINARY: Final = 1
_int32: Final = struct.Struct(">i").pack
_int64: Final = struct.Struct(">q").pack


def _timestamp(time_ms: int) -> bytes:
    return _int64((time_ms - PG_EPOCH_MS) * 1_000)


# PostgreSQL's number of a type, and how a value's binary form is made.
ValueType = tuple[int, Callable[[int], bytes]]
INTEGER: Final[ValueType] = (23, _int32)
BIGINT: Final[ValueType] = (20, _int64)
# From milliseconds UTC.
TIMESTAMPTZ: Final[ValueType] = (1184, _timestamp)

# The statements that a connection has planned; a connection that is replaced takes its plans with it.
_planned: Final[WeakKeyDictionary[psycopg.Connection[Any], set[bytes]]] = WeakKeyDictionary()


class Prepared:
    """A statement with `$1`, `$2`, ... for values of the given types. `name` is its own among all of them."""

    def __init__(self, name: str, statement: str, types: Sequence[ValueType]) -> None:
        self.statement: Final = statement
        self._name = name.encode()
        self._oids = [oid for oid, _ in types]
        self._forms = [form for _, form in types]
        self._formats = [_BINARY] * len(types)

    def execute(self, connection: psycopg.Connection[Any], values: Sequence[int]) -> PGresult:
        """The binary result. Raises what a cursor would raise."""
        planned = _planned.setdefault(connection, set())
        if self._name not in planned:
            self._plan(connection)
            planned.add(self._name)
        forms = [form(value) for form, value in zip(self._forms, values, strict=True)]
        try:
            return self._run(connection, forms)
        except errors.InvalidSqlStatementName:
            # Somebody has made the session forget its plans, by DEALLOCATE ALL or DISCARD ALL.
            self._plan(connection)
            return self._run(connection, forms)

    def _plan(self, connection: psycopg.Connection[Any]) -> None:
        connection.pgconn.send_prepare(self._name, self.statement.encode(), self._oids)
        _result(connection, ExecStatus.COMMAND_OK)

    def _run(self, connection: psycopg.Connection[Any], forms: list[bytes]) -> PGresult:
        connection.pgconn.send_query_prepared(self._name, forms, self._formats, _BINARY)
        return _result(connection, ExecStatus.TUPLES_OK)


def _result(connection: psycopg.Connection[Any], expected: ExecStatus) -> PGresult:
    """What comes from the database, waited for as the connection waits for a cursor's."""
    result: PGresult = connection.wait(generators.execute(connection.pgconn))[0]
    if result.status != expected:
        raise errors.error_from_result(result, encoding=connection.info.encoding)
    return result
