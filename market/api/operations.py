"""The operations of the views, as the OpenAPI document tells them: a decorator for each method."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers

from market.api.schema import BODY, COMMON, CONDITIONAL, NOT_CHANGED, READ, SYMBOL, WRITE, envelope, failures, success
from market.api.serializers import (
    CollectorOut,
    CollectorsAction,
    CollectorWishOut,
    HistoryOut,
    KlineOut,
    KlinesQuery,
    LiveOut,
    SymbolOut,
    SymbolWish,
)

_BITCOIN: Final = {
    "symbol": "BTCUSDT",
    "is_tracked": True,
    "backfill_from": 1704067200000,
    "status": "TRADING",
    "contract_type": "PERPETUAL",
    "base_asset": "BTC",
    "quote_asset": "USDT",
    "tick_size": "0.1",
    "step_size": "0.001",
    "onboard_at": 1567965300000,
    "delivery_at": 4133404800000,
}
_KLINE: Final = {
    "symbol": "BTCUSDT",
    "timestamp": 1709629800000,
    "open": 66250.1,
    "high": 66301.0,
    "low": 66212.4,
    "close": 66287.7,
    "volume": 312.418,
    "taker_buy_volume": 170.002,
    "net_volume": 27.586,
    "is_closed": True,
}

_SYMBOL: Final = envelope("Symbol", SymbolOut())

klines = extend_schema(
    tags=["candles"],
    operation_id="klines",
    summary="The newest bars of a symbol, oldest first",
    description="As many bars as `limit` says, if so many exist; holes are skipped. The last one may still be forming "
    "(`is_closed: false`). Times are the bars' open times in milliseconds UTC.",
    parameters=[SYMBOL, KlinesQuery, *CONDITIONAL, *COMMON],
    responses={
        200: success([_KLINE], envelope("Klines", KlineOut(many=True))),
        **NOT_CHANGED,
        **failures(400, 404, *READ),
    },
)
symbols = extend_schema(
    tags=["symbols"],
    operation_id="symbols",
    summary="The names of the tracked symbols",
    parameters=[*COMMON],
    responses={
        200: success(["BTCUSDT"], envelope("SymbolNames", serializers.ListField(child=serializers.CharField()))),
        **failures(*READ),
    },
)
symbol_track = extend_schema(
    tags=["symbols"],
    operation_id="symbol_track",
    summary="Track a symbol",
    description="Loads its history and streams it from now on. Of a symbol that is tracked already an earlier "
    "`backfill_from` loads more; a later one changes nothing.",
    parameters=[*COMMON],
    request=SymbolWish,
    examples=[OpenApiExample("example", value={"symbol": "ETHUSDT"}, request_only=True)],
    responses={200: success(_BITCOIN, _SYMBOL), **failures(*BODY, 422)},
)
symbol_untrack = extend_schema(
    tags=["symbols"],
    operation_id="symbol_untrack",
    summary="Stop tracking a symbol",
    description="Its candles stay.",
    parameters=[SYMBOL, *COMMON],
    responses={
        200: success({**_BITCOIN, "is_tracked": False}, _SYMBOL),
        **failures(404, *WRITE),
    },
)
collectors = extend_schema(
    tags=["operation"],
    operation_id="collectors",
    summary="The collectors that are alive",
    parameters=[*COMMON],
    responses={200: envelope("Collectors", CollectorOut(many=True)), **failures(*READ)},
)
collectors_wish = extend_schema(
    tags=["operation"],
    operation_id="collectors_wish",
    summary="Say what all collectors shall do",
    description="Each of them follows within seconds. The answer is the wish as it is now.",
    parameters=[*COMMON],
    request=CollectorsAction,
    responses={200: envelope("CollectorWish", CollectorWishOut()), **failures(*BODY)},
)


class Status(serializers.Serializer[Any]):
    """What runs, and how far the history has come."""

    is_running = serializers.BooleanField(help_text="Whether collectors are wished to run.")
    active_symbols = serializers.ListField(child=serializers.CharField())
    collector_connected = serializers.BooleanField()
    live = LiveOut(many=True)
    collectors = CollectorOut(many=True)
    history = HistoryOut(many=True)
    server_time = serializers.IntegerField(help_text="Milliseconds UTC.")


status = extend_schema(
    tags=["operation"],
    operation_id="status",
    summary="What runs, and how far the history has come",
    parameters=[*COMMON],
    responses={200: envelope("StatusEnvelope", Status()), **failures(*READ)},
)
