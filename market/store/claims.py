"""Claims on a piece of work, held by a connection: a worker that dies lets go of them with its connection."""

from __future__ import annotations

from typing import Final

from django.db import connection

TRY_CLAIM: Final = "SELECT pg_try_advisory_lock(%s)"
RELEASE: Final = "SELECT pg_advisory_unlock(%s)"


def claim(key: int) -> bool:
    """Take the claim unless another connection holds it."""
    with connection.cursor() as cursor:
        cursor.execute(TRY_CLAIM, [key])
        row = cursor.fetchone()
    return bool(row and row[0])


def release(key: int) -> None:
    """Give a claim of this connection back; harmless if the connection was lost with it."""
    with connection.cursor() as cursor:
        cursor.execute(RELEASE, [key])
