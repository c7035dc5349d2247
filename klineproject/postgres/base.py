"""Django's PostgreSQL, with a connection that notices a server which has gone silent, and is noticed if it goes."""

from __future__ import annotations

from typing import Any, Final

import psycopg
from django.db.backends.postgresql import base

from klineproject.postgres.silence import WatchedConnection
from market.store.keepalive import NOTICE_A_LOST_CLIENT


class _Driver:
    """psycopg, as Django looks at it, but for the class of its connections."""

    connect: Final = staticmethod(WatchedConnection.connect)

    def __getattr__(self, name: str) -> Any:
        return getattr(psycopg, name)


class DatabaseWrapper(base.DatabaseWrapper):
    """What a setting of the database names as its ENGINE."""

    Database = _Driver()  # type: ignore[assignment]

    def init_connection_state(self) -> None:
        super().init_connection_state()
        with self.cursor() as cursor:
            cursor.execute(NOTICE_A_LOST_CLIENT)
