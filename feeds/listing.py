"""Keeping the list of symbols like the exchange's, and the first start's wishes."""

from __future__ import annotations

import logging

from channels.db import database_sync_to_async
from django.conf import settings

from feeds.exchange import open_exchange
from market.services.symbols import NotListed, symbols_seed, symbols_sync

logger = logging.getLogger(__name__)


async def listing_load() -> int:
    """Read the exchange's list; how many symbols are new or have changed. Nothing where only the archive may be asked.

    On the first start the symbols of TRACKED_SYMBOL are tracked then: their names can be checked now. Raises
    ExchangeError.
    """
    changed = 0
    if settings.BINANCE_REST_URL:
        async with open_exchange() as exchange:
            assert exchange.rest is not None, "REST has an address"  # noqa: S101
            listing = await exchange.rest.exchange_info()
        for reason in listing.skipped:
            logger.info("not taken from the exchange's list: %s", reason)
        changed = await database_sync_to_async(symbols_sync)(listed=listing.symbols)
    await database_sync_to_async(_seed)()
    return changed


def _seed() -> None:
    try:
        seeded = symbols_seed(names=settings.TRACKED_SYMBOL, must_be_listed=bool(settings.BINANCE_REST_URL))
    except NotListed as error:
        logger.error("TRACKED_SYMBOL: %s; nothing is tracked until it is corrected", error)
        return
    for symbol in seeded:
        logger.info("tracking %s from the start (TRACKED_SYMBOL)", symbol.name)
