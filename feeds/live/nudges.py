"""Telling collectors that a wish has changed, so that they look at once and not a few seconds later.

A nudge that is lost does no harm: collectors compare the wishes with what they do every few seconds anyway.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from django.conf import settings
from redis import Redis, RedisError
from redis.asyncio import Redis as AsyncRedis

logger = logging.getLogger(__name__)

CHANNEL: Final = "kline:wishes"
_AGAIN_S: Final = 2.0


def nudge_collectors(**_: object) -> None:
    """Signal handler."""
    redis = Redis.from_url(settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5)
    try:
        redis.publish(CHANNEL, b"")
    except RedisError as error:
        logger.info("collectors are not told of the new wish, they will find it: %s", error)
    finally:
        redis.close()


async def listen(redis: AsyncRedis, nudged: asyncio.Event) -> None:
    """Set the event for every nudge, until cancelled."""
    while True:
        try:
            async with redis.pubsub(ignore_subscribe_messages=True) as subscription:
                await subscription.subscribe(CHANNEL)
                while True:
                    if await subscription.get_message(timeout=None) is not None:
                        nudged.set()
        except (RedisError, OSError):
            await asyncio.sleep(_AGAIN_S)
