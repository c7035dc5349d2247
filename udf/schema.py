"""What the datafeed looks like from outside, for the OpenAPI document.

The views are plain ones, which the document's generator does not look at; `add_datafeed` gives it, for each address,
a view of the REST framework that describes it and is never called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_field,
)
from drf_spectacular.utils import inline_serializer as inline
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from udf.instruments import EXCHANGE, TYPE
from udf.parameters import LATEST_SECONDS
from udf.payloads import MAX_BARS
from udf.resolutions import ACCEPTED, SUPPORTED
from udf.views import MAX_FOUND, MAX_QUOTES

Endpoint = tuple[str, str, str, Callable[..., Any]]

_TAG: Final = "datafeed (UDF)"
_WHEN: Final = {
    400: "A parameter is missing or not what it has to be; the text begins with its name.",
    401: "It has to be known who asks (`ACCESS=token`, `READS_NEED_TOKEN`).",
    429: "Too many requests.",
    503: "The database is away for the moment.",
}
_TEXTS: Final[dict[str, Any]] = {"type": "array", "items": {"type": "string"}}
_IN_ANY_CASE: Final = "^({})?$".format("".join(f"[{letter}{letter.lower()}]" for letter in EXCHANGE))
_RESOLUTIONS: Final[dict[str, Any]] = {"type": "array", "items": {"type": "string", "enum": list(SUPPORTED)}}


def constant(value: object) -> dict[str, Any]:
    """A field of one value."""
    return {"const": value}


@extend_schema_field(constant("ok"))
class Ok(serializers.CharField):
    """Always ok."""


@extend_schema_field(constant("error"))
class Error(serializers.CharField):
    """Always error."""


@extend_schema_field(constant("no_data"))
class NoData(serializers.CharField):
    """Always no_data."""


@extend_schema_field(_TEXTS)
class Texts(serializers.ListField):
    """Several texts."""


@extend_schema_field(_RESOLUTIONS)
class Resolutions(serializers.ListField):
    """TradingView's names of timeframes."""


class Numbers(serializers.ListField):
    """One number for each bar."""

    child = serializers.FloatField()


class Integers(serializers.ListField):
    """One whole number for each entry."""

    child = serializers.IntegerField()


class DatafeedFailure(serializers.Serializer[Any]):
    """What every failure answers. The client reads it whatever the status is."""

    s = Error()
    errmsg = serializers.CharField()


class DatafeedConfig(serializers.Serializer[Any]):
    """What this datafeed can do."""

    supports_search = serializers.BooleanField()
    supports_group_request = serializers.BooleanField()
    supports_time = serializers.BooleanField()
    supports_marks = serializers.BooleanField()
    supports_timescale_marks = serializers.BooleanField()
    supported_resolutions = Resolutions()
    exchanges = inline(
        "DatafeedExchange", {name: serializers.CharField() for name in ("value", "name", "desc")}, many=True
    )
    symbols_types = inline(
        "DatafeedSymbolType", {name: serializers.CharField(allow_blank=True) for name in ("name", "value")}, many=True
    )
    max_bars = serializers.IntegerField()


class SymbolInfo(serializers.Serializer[Any]):
    """One instrument. A price step is `minmov / pricescale`."""

    name = serializers.CharField()
    ticker = serializers.CharField()
    description = serializers.CharField()
    type = serializers.CharField()
    exchange = serializers.CharField()
    listed_exchange = serializers.CharField()
    session = serializers.CharField()
    timezone = serializers.CharField()
    format = serializers.CharField()
    pricescale = serializers.IntegerField(min_value=1)
    minmov = serializers.IntegerField(min_value=1)
    has_intraday = serializers.BooleanField()
    intraday_multipliers = Texts()
    has_daily = serializers.BooleanField()
    has_weekly_and_monthly = serializers.BooleanField()
    supported_resolutions = Resolutions()
    visible_plots_set = serializers.ChoiceField(["ohlcv", "c"])
    volume_precision = serializers.IntegerField(min_value=0)
    data_status = serializers.CharField()
    currency_code = serializers.CharField(required=False)


_ONE_EACH: Final = ("symbol", "ticker", "description", "currency-code")
_NUMBER_EACH: Final = ("pricescale", "minmovement", "volume-precision")
_FOR_ALL: Final = ("exchange-listed", "exchange-traded", "type", "session-regular", "timezone", "visible-plots-set")
SymbolTable: Final = inline(
    "SymbolTable",
    {
        **{name: Texts() for name in _ONE_EACH},
        **{name: Integers() for name in _NUMBER_EACH},
        **{name: serializers.CharField() for name in _FOR_ALL},
        **{name: serializers.BooleanField() for name in ("has-intraday", "has-daily", "has-weekly-and-monthly")},
        "intraday-multipliers": Texts(),
        "supported-resolutions": Resolutions(),
    },
)


class Found(serializers.Serializer[Any]):
    """An instrument that was found."""

    symbol = serializers.CharField()
    ticker = serializers.CharField()
    full_name = serializers.CharField()
    description = serializers.CharField()
    exchange = serializers.CharField()
    type = serializers.CharField()


class Bars(serializers.Serializer[Any]):
    """One bar or more, oldest first: open times in seconds, prices, volume, net volume, taker-buy volume."""

    s = Ok()
    t = Integers(min_length=1, max_length=MAX_BARS)
    o = Numbers()
    h = Numbers()
    l = Numbers()  # noqa: E741 (the protocol's name)
    c = Numbers()
    v = Numbers()
    nv = Numbers()
    tbv = Numbers()


class NoBars(serializers.Serializer[Any]):
    """Nothing exists before `to`."""

    s = NoData()


class QuoteValues(serializers.Serializer[Any]):
    """The day so far."""

    lp = serializers.FloatField(help_text="Last price.")
    ch = serializers.FloatField(help_text="Change since the close of the day before.")
    chp = serializers.FloatField(help_text="The same in percent.")
    open_price = serializers.FloatField()
    high_price = serializers.FloatField()
    low_price = serializers.FloatField()
    prev_close_price = serializers.FloatField()
    volume = serializers.FloatField()
    short_name = serializers.CharField()
    original_name = serializers.CharField()
    exchange = serializers.CharField()
    description = serializers.CharField()


class Quote(serializers.Serializer[Any]):
    """One symbol's day."""

    s = Ok()
    n = serializers.CharField()
    v = QuoteValues()


@extend_schema_field({"type": "object", "maxProperties": 0})
class Empty(serializers.DictField):
    """An empty object."""


class NoQuote(serializers.Serializer[Any]):
    """A name that has no quote."""

    s = Error()
    n = serializers.CharField()
    errmsg = serializers.CharField()
    v = Empty()


@extend_schema_field(
    PolymorphicProxySerializer("QuoteOrNot", serializers=[Quote, NoQuote], resource_type_field_name=None, many=True)
)
class QuotesField(serializers.ListField):
    """In the order in which they were asked for."""


_MARK: Final[dict[str, Any]] = {
    "type": "object",
    "description": "A known hole: red is nowhere to be had, yellow is still to load.",
    "properties": {
        "id": {"type": "string"},
        "time": {"type": "integer", "description": "Seconds: the bar of the first day."},
        "color": {"enum": ["red", "yellow"]},
        "label": {"type": "string"},
        "tooltip": _TEXTS,
    },
    "required": ["id", "time", "color", "label", "tooltip"],
}
# A list or a failure; the generator cannot put a list of a component beside another one.
_MARKS: Final[dict[str, Any]] = {
    "oneOf": [
        {"type": "array", "items": _MARK},
        {
            "type": "object",
            "properties": {"s": constant("error"), "errmsg": {"type": "string"}},
            "required": ["s", "errmsg"],
        },
    ]
}


def parameter(
    name: str, description: str, schema: dict[str, Any] | OpenApiTypes = OpenApiTypes.STR, *, required: bool = False
) -> OpenApiParameter:
    """A parameter of the address."""
    return OpenApiParameter(name, schema, OpenApiParameter.QUERY, required=required, description=description)


def header(
    name: str, description: str, *statuses: int, schema: dict[str, Any] | OpenApiTypes = OpenApiTypes.STR
) -> OpenApiParameter:
    """A header of the answers with these statuses."""
    return OpenApiParameter(name, schema, OpenApiParameter.HEADER, description=description, response=list(statuses))


def whole(least: int, greatest: int) -> dict[str, Any]:
    """A whole number."""
    return {"type": "integer", "format": "int64", "minimum": least, "maximum": greatest}


def either(name: str, *kinds: Any) -> PolymorphicProxySerializer:
    """One of these, or a failure (a name that is no symbol's has status 200)."""
    return PolymorphicProxySerializer(
        component_name=name, serializers=[*kinds, DatafeedFailure], resource_type_field_name=None
    )


def failures(*statuses: int) -> dict[int, OpenApiResponse]:
    """These statuses in the form of the datafeed."""
    return {status: OpenApiResponse(DatafeedFailure, description=_WHEN[status]) for status in statuses}


COMMON: Final = (
    header("Retry-After", "Seconds after which to try again.", 429, 503, schema=OpenApiTypes.INT),
    header("WWW-Authenticate", "How to say who asks.", 401),
)
TICKER: Final = parameter(
    "symbol",
    "`BTCUSDT` or `BINANCE:BTCUSDT`; with `#NV` or `#TBV` its net or taker-buy volume.",
    {"type": "string", "minLength": 1},
    required=True,
)
RESOLUTION: Final = parameter(
    "resolution", "TradingView's name of the timeframe.", {"type": "string", "enum": list(ACCEPTED)}, required=True
)
SECONDS: Final = whole(-LATEST_SECONDS, LATEST_SECONDS)


class Described(APIView):
    """Describes an address and is never called."""

    renderer_classes = (JSONRenderer,)


def described(
    name: str, summary: str, answer: Any, *parameters: OpenApiParameter, fails: tuple[int, ...] = (), more: str = ""
) -> type[Described]:
    """The description of /name."""
    operation = extend_schema(
        tags=[_TAG],
        operation_id=f"datafeed_{name.replace('-', '_')}",
        summary=summary,
        description=more,
        parameters=[*parameters, *COMMON],
        responses={**(answer if isinstance(answer, dict) else {200: answer}), **failures(401, 429, *fails)},
    )

    class View(Described):
        @operation
        def get(self, request: Request) -> Response:
            raise NotImplementedError

    return View


_HISTORY_EXAMPLE: Final = {
    "s": "ok",
    "t": [1709629800, 1709629860],
    "o": [66250.1, 66287.7],
    "h": [66301.0, 66310.2],
    "l": [66212.4, 66280.0],
    "c": [66287.7, 66300.5],
    "v": [312.418, 98.2],
    "nv": [27.586, -3.1],
    "tbv": [170.002, 47.55],
}
_VIEWS: Final = {
    "config": described("config", "What this datafeed can do", DatafeedConfig),
    "time": described(
        "time", "The server's time in seconds, as a bare number", {(200, "text/plain"): {"type": "integer"}}
    ),
    "symbols": described("symbols", "One instrument", either("SymbolInfoAnswer", SymbolInfo), TICKER, fails=(400, 503)),
    "symbol_info": described(
        "symbol_info",
        "Every symbol's price, by columns",
        SymbolTable,
        parameter("group", f"Nothing but `{EXCHANGE}`, in any case.", {"type": "string", "pattern": _IN_ANY_CASE}),
        fails=(400, 503),
    ),
    "search": described(
        "search",
        "The instruments that a text is found in",
        Found(many=True),
        parameter("query", "The text."),
        parameter("type", f"Anything but `{TYPE}` or nothing finds nothing."),
        parameter("exchange", f"Anything but `{EXCHANGE}` or nothing finds nothing."),
        parameter("limit", "At most so many; 30 without it.", whole(1, MAX_FOUND)),
        fails=(400, 503),
    ),
    "history": described(
        "history",
        "Bars before `to`, oldest first, the forming one last",
        {
            200: OpenApiResponse(
                either("History", Bars, NoBars), examples=[OpenApiExample("bars", value=_HISTORY_EXAMPLE)]
            ),
            304: OpenApiResponse(None, description="The client has this page already."),
        },
        TICKER,
        RESOLUTION,
        parameter("from", "Seconds, inclusive; not looked at with `countback`.", SECONDS),
        parameter("to", "Seconds, exclusive; now without it.", SECONDS),
        parameter("countback", f"Exactly so many bars, or all there are; at most {MAX_BARS}.", whole(1, 10**9)),
        OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER, description="A page that the client has."),
        header("ETag", "Of a page of closed bars.", 200, 304),
        header("Cache-Control", "A page of closed bars may be kept for a while.", 200, 304),
        fails=(400, 503),
        more="One of `from` and `countback` is needed. Times of daily, weekly and monthly bars are 00:00 UTC.",
    ),
    "tracked-symbols": described(
        "tracked-symbols", "The names of the symbols that are collected", {200: _TEXTS}, fails=(503,)
    ),
    "daily-opens": described(
        "daily-opens",
        "The price at which the UTC day opened, by symbol",
        {200: {"type": "object", "additionalProperties": {"type": "number"}}},
        fails=(503,),
    ),
    "quotes": described(
        "quotes",
        "The day so far of each of the symbols",
        inline("Quotes", {"s": Ok(), "d": QuotesField()}),
        parameter(
            "symbols",
            f"1 to {MAX_QUOTES} names with commas between them.",
            {"type": "string", "pattern": "[^,]"},
            required=True,
        ),
        fails=(400, 503),
    ),
    "timescale_marks": described(
        "timescale_marks",
        "The known holes of a symbol's data",
        {200: _MARKS},
        TICKER,
        RESOLUTION,
        parameter("from", "Seconds.", SECONDS),
        parameter("to", "Seconds.", SECONDS),
        fails=(400, 503),
    ),
}


def add_datafeed(endpoints: list[Endpoint]) -> list[Endpoint]:
    """A hook of the document's generator: its endpoints and the datafeed's."""
    return [*endpoints, *((f"/{name}", f"/{name}", "GET", view.as_view()) for name, view in _VIEWS.items())]
