"""The answer to /history."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from market import caching
from market.domain.interval import Interval
from market.domain.window import DAY_MS, LATEST_MS
from market.selectors.candles import klines_reading
from market.selectors.reading import Call, Reading
from market.selectors.symbols import remembered_id
from udf import payloads
from udf.errors import BadParameter
from udf.instruments import Ticker
from udf.lookup import symbol_id_of
from udf.parameters import Parameters

_SHORTEST_MONTH_MS: Final = 28 * DAY_MS


def history_answer(query: Mapping[str, str], now: int) -> Reading[tuple[bytes, str]]:
    """The body and its Cache-Control. Raises BadParameter or UnknownSymbol.

    Bars before `to` (exclusive), oldest first, the forming one last. With `countback` exactly so many, or all there
    are, and `from` is not looked at; without it those of [from, to). Where that range is empty but older bars exist,
    the last of these is answered: to say that there is no data would end the chart here, and an empty answer would make
    it ask again and again.
    """
    parameters = Parameters(query)
    ticker = Ticker.parse(parameters.required("symbol"))
    interval = parameters.resolution()
    before = parameters.moment("to")
    before = LATEST_MS if before is None else before
    start, limit = _extent(parameters, interval, before)
    symbol_id = remembered_id(ticker.symbol)
    if symbol_id is None:
        symbol_id = yield Call(partial(symbol_id_of, ticker))
    if before <= 0:
        return payloads.no_data(), caching.NEVER
    page, is_closed = yield from klines_reading(
        symbol_id=symbol_id, name=ticker.symbol, interval=interval, limit=limit, now=now, end_time=before - 1
    )
    if not len(page):
        return payloads.no_data(), caching.NEVER
    page = page[min(int(page.time.searchsorted(start)), len(page) - 1) :]
    # Closed, and the last that opens before `to`: no later bar can join this page. A hole in it may be filled, and the
    # daily file may correct it: not for long without asking.
    is_final = is_closed and interval.next(page.last) >= before
    return payloads.history(page, ticker.series), caching.KEPT if is_final else caching.NEVER


def _extent(parameters: Parameters, interval: Interval, before: int) -> tuple[int, int]:
    """The time (ms) before which no bar is wanted, and how many bars at most."""
    countback = parameters.number("countback", least=1, greatest=10**9)
    if countback is not None:
        return 0, min(countback, payloads.MAX_BARS)
    start = parameters.moment("from")
    if start is None:
        raise BadParameter("from", "expected, as there is no countback")
    if start > before:
        raise BadParameter("from", "expected a moment that is not after `to`")
    possible = (before - start) // (interval.fixed_ms or _SHORTEST_MONTH_MS) + 1
    return start, min(possible, payloads.MAX_BARS)
