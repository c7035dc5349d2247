"""A link that is cancelled ends, whatever it waits for in that moment."""

from __future__ import annotations

import asyncio
from itertools import count

from feeds.binance.stream import _first_of


async def test_a_wait_that_is_cancelled_when_it_is_over_ends_as_cancelled() -> None:
    """One turn of the loop later in each round, until there is nothing left to cancel."""
    for turns in count(1):
        ended = asyncio.create_task(asyncio.sleep(0))
        waiting = asyncio.create_task(_first_of(ended, asyncio.Event().wait()))
        for _ in range(turns):
            await asyncio.sleep(0)
        if waiting.done():
            break
        waiting.cancel()
        await asyncio.wait({waiting})
        assert waiting.cancelled(), turns
    assert turns > 3
