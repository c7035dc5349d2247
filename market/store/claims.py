"""Claims on a piece of work, held by a connection: a worker that dies lets go of them with its connection.

The connection is one of their own. Django's are closed when they are old, and claims would end with them in the middle
of a long run. It lives as long as there is a claim. To the server a connection that claims twice is the same holder, so
what this process holds is kept here as well.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any, Final

import psycopg
from django.db import connection

from market.store.keepalive import NOTICE_A_LOST_CLIENT

TRY_CLAIM: Final = "SELECT pg_try_advisory_lock(%s)"
RELEASE: Final = "SELECT pg_advisory_unlock(%s)"


class _Holder:
    """The claims of this process, whatever the thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: psycopg.Connection[Any] | None = None
        self._held: set[int] = set()

    def claim(self, key: int) -> bool:
        with self._lock:
            if key in self._held:
                return False
            if self._ask(TRY_CLAIM, key):
                self._held.add(key)
            self._close_if_idle()
            return key in self._held

    def release(self, key: int) -> None:
        with self._lock:
            if key in self._held:
                self._held.discard(key)
                self._ask(RELEASE, key)
            self._close_if_idle()

    def _ask(self, statement: str, key: int) -> bool:
        with connection.wrap_database_errors:
            try:
                if self._connection is None:
                    self._connection = psycopg.connect(**_parameters(), autocommit=True)
                    self._connection.execute(NOTICE_A_LOST_CLIENT)
                row = self._connection.execute(statement, [key]).fetchone()
            except psycopg.Error:
                # Lost, and all claims with it: others may have them now.
                self._held.clear()
                self._close_if_idle()
                raise
        return bool(row and row[0])

    def _close_if_idle(self) -> None:
        if self._connection is not None and not self._held:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None


def _parameters() -> dict[str, Any]:
    """What Django connects with, less what is Django's own."""
    own = {"cursor_factory", "context", "prepare_threshold"}
    return {name: value for name, value in connection.get_connection_params().items() if name not in own}


_holder: Final = _Holder()


def claim(key: int) -> bool:
    """Take the claim unless somebody holds it, in this process or another. Raises django.db.OperationalError."""
    return _holder.claim(key)


def release(key: int) -> None:
    """Give a claim back; harmless if it was lost."""
    _holder.release(key)
