"""GET /api/klines/{symbol}: a page of bars for KlineChart."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from django.http.response import HttpResponseBase
from rest_framework.request import Request

from market import caching
from market.api import operations
from market.api.base import ApiView
from market.api.lookup import symbol_id_of
from market.api.rows import klines_body
from market.api.serializers import KlinesQuery
from market.domain.interval import Interval
from market.domain.page import Page
from market.domain.window import MINUTE_MS
from market.selectors.candles import klines_reading
from market.selectors.reading import Call, Reading, read_now
from market.selectors.symbols import remembered_id

# The stream, and REST after it, may correct a minute that was just closed.
_CORRECTED_FOR_MS: Final = 10 * MINUTE_MS

# A serializer for each request would take as long as the database does for a page. This one keeps nothing of them.
_KLINES_QUERY: Final = KlinesQuery()


def klines_answer(symbol: str, query: Mapping[str, str], now: int) -> Reading[tuple[bytes, str]]:
    """The body and its Cache-Control. Raises an APIException where the symbol is not known or a parameter is wrong."""
    wanted = _KLINES_QUERY.run_validation(query)
    name = symbol.upper()
    symbol_id = remembered_id(name)
    if symbol_id is None:
        symbol_id = yield Call(partial(symbol_id_of, name))
    page, is_closed = yield from klines_reading(symbol_id=symbol_id, name=name, now=now, **wanted)
    return klines_body(name, page, newest_is_closed=is_closed), _cache_of(page, is_closed, now, **wanted)


class KlinesView(ApiView):
    """GET: the newest bars of a symbol, oldest first."""

    @operations.klines
    def get(self, request: Request, symbol: str) -> HttpResponseBase:
        body, cache = read_now(klines_answer(symbol, request.GET.dict(), self.now()))
        return caching.answer(request, body, cache)


def _cache_of(page: Page, is_closed: bool, now: int, *, interval: Interval, end_time: int | None, limit: int) -> str:
    """How long a page may be kept.

    Not at all while its newest bar forms. While a later bar could join it, or the exchange could still correct its
    newest minute, it is asked for each time. Of any other page it is still true that history may come to fill a hole,
    and that the daily file may correct a candle a day or a week later: for a minute nobody needs to know that.
    """
    if not is_closed:
        return caching.NEVER
    if not len(page) or end_time is None:
        return caching.REVALIDATE
    end = interval.next(page.last)
    is_full = end > end_time
    return caching.KEPT if is_full and end < now - _CORRECTED_FOR_MS else caching.REVALIDATE
