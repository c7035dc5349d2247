"""The REST API that KlineChart front ends call."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from market.api import operations
from market.api.base import ApiView
from market.api.errors import UnknownSymbol
from market.api.serializers import (
    CollectorOut,
    CollectorsAction,
    CollectorWishOut,
    HistoryOut,
    LiveOut,
    SymbolOut,
    SymbolWish,
)
from market.domain.names import is_name
from market.domain.window import to_datetime
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
