"""The exchange as this installation is set up to reach it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from django.conf import settings
from redis.asyncio import Redis

from feeds.binance.archive import ArchiveClient
from feeds.binance.errors import ExchangeError
from feeds.binance.proxies import ProxyPool, ProxySettings
from feeds.binance.redis_pacing import RedisPacer
from feeds.binance.rest import RestClient
from feeds.binance.retries import wall_clock_ms

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Exchange:
    """Clients for one event loop. `rest` is None where only the archive may be asked; `download_slots` is how many
    files can be on their way at once; `ahead_ms` is how far the exchange's clock is ahead of ours."""

    archive: ArchiveClient
    rest: RestClient | None
    download_slots: int
    ahead_ms: int

    def now(self) -> int:
        """The exchange's time (ms UTC): what is closed is judged by its clock, not by ours."""
        return wall_clock_ms() + self.ahead_ms


@asynccontextmanager
async def open_exchange() -> AsyncIterator[Exchange]:
    """The clients that the settings describe; closed at the end of the block."""
    async with AsyncExitStack() as stack:
        downloads = await stack.enter_async_context(ProxyPool(proxy_settings()))
        archive = ArchiveClient(settings.BINANCE_ARCHIVE_URL, downloads)
        rest = None
        ahead_ms = 0
        if settings.BINANCE_REST_URL:
            redis = Redis.from_url(settings.REDIS_URL)
            stack.push_async_callback(redis.aclose)
            # A pool of its own: a request of a few kilobytes must not wait for downloads.
            requests = await stack.enter_async_context(ProxyPool(proxy_settings()))
            rest = RestClient(settings.BINANCE_REST_URL, requests, RedisPacer(redis))
            ahead_ms = await _clock_difference(rest)
        yield Exchange(archive, rest, len(downloads), ahead_ms)


def proxy_settings() -> ProxySettings | None:
    """The proxies of the settings; None for a direct connection."""
    return ProxySettings(**settings.PROXY) if settings.PROXY else None


async def _clock_difference(rest: RestClient) -> int:
    asked = wall_clock_ms()
    try:
        server = await rest.server_time()
    except ExchangeError as error:
        logger.warning("the exchange's time is not known, ours is taken: %s", error)
        return 0
    return server - (asked + wall_clock_ms()) // 2
