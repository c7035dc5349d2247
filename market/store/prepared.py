"""Statements that stay planned, executed without the driver's cursor.

A cursor finds out anew, at each execution, what the values are and what the statement has been turned into: five times
the processor time that libpq needs to send the values and take the result. For the few reads that charts repeat, both
are known beforehand.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

import psycopg
from psycopg import errors, generators
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult

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
        self.name: Final = name.encode()
        self.statement: Final = statement
        self._oids = [oid for oid, _ in types]
        self._forms = [form for _, form in types]
        self._formats = [_BINARY] * len(types)

    def send_plan(self, connection: PGconn) -> None:
        """Ask for the plan; the answer is COMMAND_OK."""
        connection.send_prepare(self.name, self.statement.encode(), self._oids)

    def send(self, connection: PGconn, values: Sequence[int]) -> None:
        """Ask for the rows by the plan; the answer is TUPLES_OK, in binary form."""
        forms = [form(value) for form, value in zip(self._forms, values, strict=True)]
        connection.send_query_prepared(self.name, forms, self._formats, _BINARY)


@dataclass(frozen=True, slots=True)
class Query:
    """A statement with its values, of whose rows at most `rows` are read."""

    statement: Prepared
    values: Sequence[int]
    rows: int

    def execute(self, connection: psycopg.Connection[Any]) -> PGresult:
        """The binary result. Raises what a cursor would raise."""
        planned = _planned.setdefault(connection, set())
        if self.statement.name not in planned:
            self._plan(connection)
            planned.add(self.statement.name)
        try:
            return self._run(connection)
        except errors.InvalidSqlStatementName:
            # Somebody has made the session forget its plans, by DEALLOCATE ALL or DISCARD ALL.
            self._plan(connection)
            return self._run(connection)

    def _plan(self, connection: psycopg.Connection[Any]) -> None:
        self.statement.send_plan(connection.pgconn)
        _result(connection, ExecStatus.COMMAND_OK)

    def _run(self, connection: psycopg.Connection[Any]) -> PGresult:
        self.statement.send(connection.pgconn, self.values)
        return _result(connection, ExecStatus.TUPLES_OK)


def _result(connection: psycopg.Connection[Any], expected: ExecStatus) -> PGresult:
    """What comes from the database, waited for as the connection waits for a cursor's."""
    result: PGresult = connection.wait(generators.execute(connection.pgconn))[0]
    return as_expected(result, expected, connection.info.encoding)


def as_expected(result: PGresult, expected: ExecStatus, encoding: str = "utf-8") -> PGresult:
    """The result, if it has this status; otherwise what went wrong is raised."""
    if result.status != expected:
        raise errors.error_from_result(result, encoding=encoding)
    return result
