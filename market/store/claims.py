"""Claims on a piece of work, held by a connection: a worker that dies lets go of them with its connection.

To the server, a connection that claims twice is the same holder. Two runs in one process share a connection, so what
the process holds is kept here as well.
"""

from __future__ import annotations

from typing import Final

from django.db import connection

TRY_CLAIM: Final = "SELECT pg_try_advisory_lock(%s)"
RELEASE: Final = "SELECT pg_advisory_unlock(%s)"

_held: set[int] = set()


def claim(key: int) -> bool:
    """Take the claim unless somebody holds it, in this process or another."""
    if key in _held:
        return False
    with connection.cursor() as cursor:
        cursor.execute(TRY_CLAIM, [key])
        row = cursor.fetchone()
    if row and row[0]:
        _held.add(key)
    return key in _held


def release(key: int) -> None:
    """Give a claim back; harmless if the connection was lost, and the claim with it."""
    _held.discard(key)
    with connection.cursor() as cursor:
        cursor.execute(RELEASE, [key])
