"""The REST API that KlineChart front ends call."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings

from market.access.admission import admit
from market.api import caching, operations
from market.api.base import ApiView
from market.api.errors import UnknownSymbol
from market.api.lookup import symbol_id_of
from market.api.rows import klines_body
from market.api.serializers import (
    CollectorOut,
    CollectorsAction,
    CollectorWishOut,
    HistoryOut,
    KlinesQuery,
    LiveOut,
    SymbolOut,
    SymbolWish,
)
from market.domain.interval import Interval
from market.domain.names import is_name
from market.domain.page import Page
from market.domain.window import MINUTE_MS, to_datetime
from market.selectors.candles import klines_live
from market.selectors.ledger import history_progress
from market.selectors.live import collectors_alive, live_status
from market.selectors.symbols import symbols_tracked
from market.services.collectors import collectors_restart, collectors_shutdown, collectors_start
from market.services.symbols import symbol_track, symbol_untrack

_COLLECTORS_ACTIONS: Final = {
    "restart": collectors_restart,
    "shutdown": collectors_shutdown,
    "start": collectors_start,
}

# The stream, and REST after it, may correct a minute that was just closed.
_CORRECTED_FOR_MS: Final = 10 * MINUTE_MS

# A serializer for each request would take as long as the database does for a page. This one keeps nothing of them.
_KLINES_QUERY: Final = KlinesQuery()

# As the framework says it of a view with one method, and what of `Accept` the renderer can serve.
_ALLOWED: Final = "GET, HEAD"
_JSON: Final = frozenset({"*/*", "application/*", "application/json"})


class KlinesView(ApiView):
    """GET: the newest bars of a symbol, oldest first."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The framework's own preparations take longer than the page. Where there is nothing to negotiate, only its
        rules are applied; a failure goes its way."""
        if not _is_plain(request):
            return super().dispatch(request, *args, **kwargs)
        try:
            admit(request)
            answer = self._page(request, **kwargs)
        except Exception as problem:  # noqa: BLE001  (as the framework does: EXCEPTION_HANDLER answers to all of them)
            self.headers = self.default_response_headers
            self.request = self.initialize_request(request, *args, **kwargs)
            return self.finalize_response(self.request, self.handle_exception(problem), *args, **kwargs)
        answer["Allow"] = _ALLOWED
        return answer

    @operations.klines
    def get(self, request: Request, symbol: str) -> HttpResponseBase:
        return self._page(request, symbol)

    def _page(self, request: HttpRequest, symbol: str) -> HttpResponseBase:
        wanted = _KLINES_QUERY.run_validation(request.GET.dict())
        name, now = symbol.upper(), self.now()
        symbol_id = symbol_id_of(name)
        page, is_closed = klines_live(symbol_id=symbol_id, name=name, now=now, **wanted)
        body = klines_body(name, page, newest_is_closed=is_closed)
        return caching.answer(request, body, _cache_of(page, is_closed, now, **wanted))


def _is_plain(request: HttpRequest) -> bool:
    """Whether it reads, brings no body, takes JSON and can be read."""
    accepted = request.META.get("HTTP_ACCEPT", "*/*").split(",")
    # With too many parameters. The framework answers to that.
    with suppress(SuspiciousOperation):
        return (
            request.method in {"GET", "HEAD"}
            and any(part.strip().partition(";q=")[0] in _JSON for part in accepted)
            and "HTTP_TRANSFER_ENCODING" not in request.META
            and api_settings.URL_FORMAT_OVERRIDE not in request.GET
        )
    return False


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


class SymbolsView(ApiView):
    """GET: the names of the tracked symbols. POST: track one."""

    @operations.symbols
    def get(self, request: Request) -> Response:
        return Response([symbol.name for symbol in symbols_tracked()])

    @operations.symbol_track
    def post(self, request: Request) -> Response:
        wish = SymbolWish(data=request.data)
        wish.is_valid(raise_exception=True)
        start = wish.validated_data["backfill_from"]
        symbol = symbol_track(
            name=wish.validated_data["symbol"],
            backfill_from=None if start is None else to_datetime(start),
            # The archive alone has no list to check a name against.
            must_be_listed=bool(settings.BINANCE_REST_URL),
        )
        return Response(SymbolOut(symbol).data)


class SymbolView(ApiView):
    """DELETE: stop tracking a symbol; its candles stay."""

    @operations.symbol_untrack
    def delete(self, request: Request, symbol: str) -> Response:
        untracked = symbol_untrack(name=symbol) if is_name(symbol.upper()) else None
        if untracked is None:
            raise UnknownSymbol(symbol.upper())
        return Response(SymbolOut(untracked).data)


class CollectorsView(ApiView):
    """GET: the collectors that are alive. POST: what all of them shall do."""

    @operations.collectors
    def get(self, request: Request) -> Response:
        return Response([CollectorOut(collector).data for collector in collectors_alive()])

    @operations.collectors_wish
    def post(self, request: Request) -> Response:
        body = CollectorsAction(data=request.data)
        body.is_valid(raise_exception=True)
        wish = _COLLECTORS_ACTIONS[body.validated_data["action"]]()
        return Response(CollectorWishOut(wish).data)


class StatusView(ApiView):
    """GET: what runs, and how far the history has come."""

    @operations.status
    def get(self, request: Request) -> Response:
        now = self.now()
        history = history_progress(now=now)
        live = live_status(now=now)
        # One for all: making the fields anew for each of hundreds of symbols would take longer than all the rest.
        live_out, history_out = LiveOut(), HistoryOut()
        return Response(
            {
                "is_running": live.is_running,
                "active_symbols": [progress.symbol for progress in history],
                "collector_connected": live.is_connected,
                "live": [live_out.to_representation(symbol) for symbol in live.symbols],
                "collectors": [CollectorOut(collector).data for collector in live.collectors],
                "history": [history_out.to_representation(progress) for progress in history],
                "server_time": now,
            }
        )


class NothingHereView(ApiView):
    """Every other address under /api, with every method."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.check_throttles(request)
        raise Http404
