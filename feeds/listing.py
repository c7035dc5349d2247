"""Keeping the list of symbols like the exchange's, and the first start's wishes."""

from __future__ import annotations

import logging

from channels.db import database_sync_to_async
from django.conf import settings

from feeds.exchange import open_exchange
from market.services.symbols import NotAName, NotListed, symbols_seed, symbols_sync

logger = logging.getLogger(__name__)


async def listing_load() -> int:
    """Read the exchange's list; how many symbols are new or have changed. Nothing where only the archive may be asked.

    Raises ExchangeError.
    """
    if not settings.BINANCE_REST_URL:
        return 0
    async with open_exchange() as exchange:
        assert exchange.rest is not None, "REST has an address"  # noqa: S101
        listing = await exchange.rest.exchange_info()
    for reason in listing.skipped:
        logger.info("not taken from the exchange's list: %s", reason)
    return await database_sync_to_async(symbols_sync)(listed=listing.symbols, unread=listing.unread)


async def listing_start() -> int:
    """`listing_load` and, where nothing has ever been tracked, the wishes of TRACKED_SYMBOL: their names can be checked
    then. For the running product; an operator who only reads the list has not wished for anything."""
    changed = await listing_load()
    await database_sync_to_async(_seed)()
    return changed


def _seed() -> None:
    try:
        seeded = symbols_seed(names=settings.TRACKED_SYMBOL, must_be_listed=bool(settings.BINANCE_REST_URL))
    except (NotListed, NotAName) as error:
        logger.error("TRACKED_SYMBOL: %s; nothing is tracked until it is corrected", error)
        return
    for symbol in seeded:
        logger.info("tracking %s from the start (TRACKED_SYMBOL)", symbol.name)
