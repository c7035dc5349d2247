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
from market.domain.clock import wall_clock_ms

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Exchange:
    """Clients for one event loop. `rest` is None where only the archive may be asked; `download_slots` is how many
    files can be on their way at once; `ahead_ms` is how far, at least, the exchange's clock is ahead of ours (None: it
    was not asked)."""

    archive: ArchiveClient
    rest: RestClient | None
    download_slots: int
    ahead_ms: int | None

    def now(self) -> int:
        """The exchange's time (ms UTC): what is over is judged by its clock, not by ours. A little behind, never ahead:
        a day that is not over would be settled without its last minutes."""
        if self.ahead_ms is None:
            raise RuntimeError("the exchange was opened without asking for its time: open it with asks_time")
        return wall_clock_ms() + self.ahead_ms


@asynccontextmanager
async def open_exchange(*, asks_time: bool = False) -> AsyncIterator[Exchange]:
    """The clients that the settings describe; closed at the end of the block.

    With `asks_time` the exchange's clock is read first; ExchangeError where neither REST nor the archive tells it.
    """
    async with AsyncExitStack() as stack:
        downloads = await stack.enter_async_context(ProxyPool(proxy_settings()))
        archive = ArchiveClient(settings.BINANCE_ARCHIVE_URL, downloads)
        rest = None
        if settings.BINANCE_REST_URL:
            redis = Redis.from_url(settings.REDIS_URL)
            stack.push_async_callback(redis.aclose)
            # A pool of its own: a request of a few kilobytes must not wait for downloads.
            requests = await stack.enter_async_context(ProxyPool(proxy_settings()))
            rest = RestClient(settings.BINANCE_REST_URL, requests, RedisPacer(redis))
        ahead_ms = await _ahead_ms(archive, rest) if asks_time else None
        yield Exchange(archive, rest, len(downloads), ahead_ms)


def proxy_settings() -> ProxySettings | None:
    """The proxies of the settings; None for a direct connection."""
    return ProxySettings(**settings.PROXY) if settings.PROXY else None


async def _ahead_ms(archive: ArchiveClient, rest: RestClient | None) -> int:
    """How far the exchange's clock is ahead of ours, at least: what was said has grown older on its way.

    The archive's own date stands in for REST's time, never our clock: one that is ahead would call days over that are
    not, and settle them.
    """
    if rest is not None:
        try:
            return await rest.server_time() - wall_clock_ms()
        except ExchangeError as error:
            logger.warning("REST does not tell the exchange's time, the archive is asked for it: %s", error)
    return await archive.server_time() - wall_clock_ms()
