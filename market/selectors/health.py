"""Whether the services answer, and whether the database has the schema of this program."""

from __future__ import annotations

from functools import cache
from typing import Final

from django.conf import settings
from django.db import OperationalError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

_REDIS_S: Final = 1.0


def database_ask() -> None:
    """Return once the database has answered a statement. Raises django.db.Error."""
    connection.ensure_connection()
    if not connection.is_usable():
        raise OperationalError("the connection is open and no statement is answered")


def redis_ask() -> None:
    """Return once Redis has answered. Raises redis.RedisError."""
    with redis_once() as redis:
        redis.ping()


def redis_once() -> Redis:
    """A client that answers or fails within a second and does not try again; to be closed."""
    return Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=_REDIS_S,
        socket_connect_timeout=_REDIS_S,
        retry=Retry(NoBackoff(), 0),
    )


def migrations_missing() -> list[str]:
    """`app.name` of the migrations of this program that the database lacks. It may have more: those of a newer
    program beside this one. Raises django.db.Error."""
    applied = MigrationRecorder(connection).applied_migrations()
    return sorted(f"{app}.{name}" for app, name in _own_migrations() - applied.keys())


@cache
def _own_migrations() -> frozenset[tuple[str, str]]:
    loader = MigrationLoader(None, ignore_no_migrations=True)
    return frozenset(loader.disk_migrations or ())
