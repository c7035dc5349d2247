"""How the tasks ended, counted in Redis by the workers: each may die at any moment and take its own counts with it."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any, Final

from celery import Task
from celery.signals import task_postrun
from django.conf import settings
from redis import Redis, RedisError

logger = logging.getLogger(__name__)

_KEY: Final = "kline:tasks"


@task_postrun.connect
def _count(task: Task[..., object] | None = None, state: str | None = None, **_: object) -> None:
    if task is None or state is None:
        return
    try:
        _client().hincrby(_KEY, f"{state} {task.name}", 1)
    except RedisError as error:
        logger.debug("the end of a task is not counted: %s", error)


def counts_read(redis: Redis) -> dict[tuple[str, str], int]:
    """By (task, state), since Redis was last emptied. Raises redis.RedisError."""
    found: Any = redis.hgetall(_KEY)
    counts = {}
    for field, count in found.items():
        state, _, task = field.decode().partition(" ")
        counts[task, state] = int(count)
    return counts


@cache
def _client() -> Redis:
    return Redis.from_url(settings.REDIS_URL, socket_timeout=1.0, socket_connect_timeout=1.0)
