"""Redis for reads that are not worth waiting for."""

from __future__ import annotations

from functools import cache
from typing import Final

from django.conf import settings
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

_PATIENCE: Final = 0.5


@cache
def impatient_redis() -> Redis:
    """One client for this process, which gives up within a second: without Redis a chart lacks its forming bar and a
    page of the live side its details, no more."""
    return Redis.from_url(settings.REDIS_URL, socket_timeout=_PATIENCE, socket_connect_timeout=_PATIENCE)


def impatient_async_redis() -> AsyncRedis:
    """The same for an event loop, which closes it in the end."""
    return AsyncRedis.from_url(settings.REDIS_URL, socket_timeout=_PATIENCE, socket_connect_timeout=_PATIENCE)
