"""The exchange's REST interface, as far as this project needs it: minutes, the list of symbols, the time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import orjson

from feeds.binance.endpoints import (
    LIGHT_WEIGHT,
    base_address,
    exchange_info_url,
    klines_url,
    page_limit,
    page_weight,
    time_url,
)
from feeds.binance.errors import Limited, MalformedReply, Throttled
from feeds.binance.listing import Listing, listed_symbols
from feeds.binance.pacing import Pacer
from feeds.binance.proxies import Egress, ProxyPool
from feeds.binance.replies import Answer, read_answer
from feeds.binance.retries import ATTEMPTS, PATIENCE_S, Sleep, retrying
from feeds.binance.wire import frame_from_klines
from market.domain.clock import wall_clock_ms
from market.domain.frame import CandleFrame
from market.domain.window import MINUTE_MS, SECOND_MS, TimeWindow

logger = logging.getLogger(__name__)

REQUEST_TIMEOUT_S: Final = 60.0
MAX_REPLY_BYTES: Final = 32 * 1024 * 1024  # exchangeInfo, the largest, has 1.1 MB
# A minute counts as closed this long after its end: on the stream, closing frames with trades not shown before have
# come 2.0 s after the end of the minute.
SETTLE_MS: Final = 3 * SECOND_MS
# A wait up to this long is the even spacing of requests and is sat out where it arises; a longer one gives the way out
# back, so that the others are tried.
SPACING_WAIT_S: Final = 1.0


class RestClient:
    """Asks through the ways out of a pool, at the pace that the pacer allows.

    Give it a pool of its own: beside downloads of the archive in one pool, each would wait for the other.
    """

    def __init__(
        self,
        base_url: str,
        pool: ProxyPool,
        pacer: Pacer,
        *,
        attempts: int = ATTEMPTS,
        sleep: Sleep = asyncio.sleep,
        now_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        """`attempts` bounds the tries of one request; ValueError for a base address that is none."""
        self._base_url = base_address(base_url)
        self._pool = pool
        self._pacer = pacer
        self._sleep = sleep
        self._now_ms = now_ms
        self._known_ms = 0
        self._retrying = partial(retrying, sleep=sleep, attempts=attempts)

    @property
    def known_ms(self) -> int:
        """The exchange's time (ms UTC), at least, by which `klines` has judged what is closed; 0 before the first."""
        return self._known_ms

    async def klines(self, symbol: str, window: TimeWindow) -> CandleFrame:
        """Every closed minute of the window that the exchange has, ordered; fewer than the window holds where it has
        none (before the listing, after the delisting) and at the window's end while minutes are still open.

        1. Pages are filled from their start upwards, 499 rows each: the most rows per unit of weight.
        2. The next page starts after the last row. Only an empty page or the window's end ends the search: a short page
           proves nothing.
        3. A minute counts as closed 3 s after its end by the exchange's own time, asked for before the rows: from after
           them, it could call a minute closed that was still open. It is asked for only when the window reaches beyond
           the latest time that is known already.

        Raises UnknownSymbol, RefusedData, Throttled or Banned with a wait too long to sit out, and what `decide` does
        not call RETRY or what is left after the last attempt.
        """
        pages: list[CandleFrame] = []
        closed_before = await self._closed_before(window)
        start = -(-window.start // MINUTE_MS) * MINUTE_MS
        while start < window.end and start + MINUTE_MS <= closed_before:
            rest = TimeWindow(start, window.end)
            limit = page_limit(rest)
            rows = await self._call(klines_url(self._base_url, symbol, rest, limit), page_weight(limit), list)
            page = frame_from_klines(rows, rest, server_ms=closed_before)
            if not len(page):
                break
            pages.append(page)
            start = int(page.time[-1]) + MINUTE_MS
        return CandleFrame.concat(pages)

    async def _closed_before(self, window: TimeWindow) -> int:
        """Minutes that end at this time or earlier are closed for good; asks the exchange only if it matters."""
        if self._known_ms < window.end + SETTLE_MS:
            self._known_ms = max(self._known_ms, await self.server_time())
        return self._known_ms - SETTLE_MS

    async def exchange_info(self) -> Listing:
        """The exchange's list of symbols. Raises MalformedReply when it is none, else as `klines`."""
        url = exchange_info_url(self._base_url)
        reply = await self._call(url, LIGHT_WEIGHT, dict)
        if not isinstance(reply.get("symbols"), list):
            raise MalformedReply(url, "an object with a list of symbols", str(list(reply)))
        return listed_symbols(reply)

    async def server_time(self) -> int:
        """The exchange's time in ms UTC, as old as its answer took to arrive."""
        url = time_url(self._base_url)
        reply = await self._call(url, LIGHT_WEIGHT, dict)
        if type(reply.get("serverTime")) is not int:
            raise MalformedReply(url, "an object with serverTime", str(reply))
        server_ms: int = reply["serverTime"]
        return server_ms

    async def _call(self, url: str, weight: int, kind: type[Any]) -> Any:
        """The decoded body of a good answer; repeated as `retrying` says."""

        async def once() -> Any:
            return _json(await self._answer(url, weight), kind)

        return await self._retrying()(once)

    async def _answer(self, url: str, weight: int) -> Answer:
        """One good answer through the first way out that may ask now."""
        waits: list[float] = []
        while True:
            async with self._pool.slot() as egress:
                wait_s = await self._wait_for_turn(egress, weight)
                if wait_s == 0:
                    return await self._ask(egress, url)
            waits.append(wait_s)
            if len(waits) < len(self._pool):
                continue
            # Every way out is held back (a full minute, a stop): wait for the first.
            wait_s = min(waits)
            if wait_s > PATIENCE_S:
                raise Throttled(url, wait_s)
            logger.debug("requests are held back for %.1f s", wait_s)
            await self._sleep(wait_s)
            waits.clear()

    async def _wait_for_turn(self, egress: Egress, weight: int) -> float:
        """0 once the pacer has granted a place, or the wait that is too long to hold the way out for."""
        while 0 < (wait_s := await self._pacer.reserve(egress.key, weight)) <= SPACING_WAIT_S:
            await self._sleep(wait_s)
        return wait_s

    async def _ask(self, egress: Egress, url: str) -> Answer:
        answer = await read_answer(egress.client, url, max_bytes=MAX_REPLY_BYTES, timeout_s=REQUEST_TIMEOUT_S)
        date_ms = answer.date_ms
        await self._pacer.report(egress.key, used_weight=_used_weight(answer), server_ms=date_ms)
        error = answer.error(now_ms=self._now_ms())
        if error is None:
            return answer
        if isinstance(error, Limited):
            now_ms = self._now_ms() if date_ms is None else date_ms
            await self._pacer.stop(egress.key, now_ms + round(error.wait_s * SECOND_MS))
        raise error


def _used_weight(answer: Answer) -> int | None:
    text = answer.headers.get("x-mbx-used-weight-1m", "")
    return int(text) if text.isdecimal() else None


def _json(answer: Answer, kind: type[Any]) -> Any:
    """The decoded body. A page of HTML with status 200 is a failure like any other."""
    try:
        reply = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        reply = None
    if not isinstance(reply, kind):
        what = "a JSON list" if kind is list else "a JSON object"
        raise MalformedReply(answer.url, what, answer.body[:2_000].decode(errors="replace"))
    return reply
