"""Redis for reads that are not worth waiting for."""

from __future__ import annotations

from functools import cache

from django.conf import settings
from redis import Redis


@cache
def impatient_redis() -> Redis:
    """One client for this process, which gives up within a second: without Redis a chart lacks its forming bar and a
    page of the live side its details, no more."""
    return Redis.from_url(settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5)
